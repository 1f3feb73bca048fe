/** Local volumes on two nodes that have joined: made where there is room, and pods go where their data are. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { newTraces, traces } from '../support/machine.ts';
import { until } from '../support/until.ts';
import { bedMissing, createBed, type Bed } from './bed/bed.ts';
import { startAgent, startMaster, type Agent, type Master } from './bed/cluster.ts';
import type { Machine } from './bed/machine.ts';
import { ask } from './bed/web.ts';

jest.setTimeout(240_000);
const suite = bedMissing === undefined ? describe : describe.skip;
const patience = { timeoutMs: 120_000, intervalMs: 300 };

interface PodShown {
  readonly spec: { readonly nodeName?: string };
  readonly status: { readonly phase: string; readonly conditions?: readonly { readonly message?: string }[] };
}

/** A configuration file on the machine; answers the arguments that name it. */
function withCapacity(machine: Machine, capacity: string): string[] {
  const path = join(machine.home, 'timonel.yaml');
  writeFileSync(path, JSON.stringify({ plugins: { 'volumes-local': { config: { capacity } } } }));
  return ['--config', path];
}

const claim = {
  apiVersion: 'v1',
  kind: 'PersistentVolumeClaim',
  metadata: { name: 'data' },
  spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '15Mi' } } },
};

/** It adds a line at each start. */
const pod = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'writer' },
  spec: {
    terminationGracePeriodSeconds: 1,
    containers: [
      {
        name: 'main',
        image: 'timonel.local/node:host',
        command: ['node', '-e'],
        args: [
          "const fs = require('fs'); fs.appendFileSync('/data/starts', 'x'); setInterval(() => {}, 1000); process.on('SIGTERM', () => process.exit(0));",
        ],
        volumeMounts: [{ name: 'data', mountPath: '/data' }],
      },
    ],
    volumes: [{ name: 'data', persistentVolumeClaim: { claimName: 'data' } }],
  },
};

suite(`volumes on nodes${bedMissing === undefined ? '' : ` (${bedMissing})`}`, () => {
  let before: string[];
  let bed: Bed;
  let master: Master;
  let agents: Agent[];

  const kubectl = (...args: string[]): Promise<string> => ask(bed, master, args);
  const apply = async (object: { readonly metadata: { readonly name: string } }): Promise<void> => {
    const file = join(bed.machine('m1').home, `${object.metadata.name}.json`);
    writeFileSync(file, JSON.stringify(object));
    await kubectl('apply', '-f', file);
  };
  const shown = async (): Promise<PodShown> =>
    JSON.parse(await kubectl('get', 'pod', 'writer', '-o', 'json')) as PodShown;
  const running = (): Promise<unknown> =>
    until(async () => (await shown()).status.phase === 'Running', { what: 'the pod to run', ...patience });
  const starts = (): Promise<string> =>
    kubectl('exec', 'writer', '--', 'node', '-p', "require('fs').readFileSync('/data/starts', 'utf8')");

  beforeAll(async () => {
    before = traces();
    bed = await createBed({ masters: 1, nodes: 2 });
    master = await startMaster(bed.machine('m1'), {});
    agents = await Promise.all(
      (
        [
          ['n1', '10Mi'],
          ['n2', '20Mi'],
        ] as const
      ).map(([name, capacity]) => {
        const machine = bed.machine(name);
        return startAgent(machine, { masters: [master], args: withCapacity(machine, capacity) });
      }),
    );
    await until(
      async () =>
        (await kubectl('get', 'csistoragecapacities', '-n', 'kube-system', '-o', 'name')).split('\n').length > 2,
      {
        what: () => `two nodes to tell of their room: ${agents.map(({ process }) => process.output).join('\n')}`,
        ...patience,
      },
    );
  });
  afterAll(async () => {
    await bed?.[Symbol.asyncDispose]();
    expect(newTraces(before).filter((trace) => trace.includes(bed.directory))).toEqual([]);
  });

  it('are made where there is room', async () => {
    await apply(claim);
    await apply(pod);
    await running();
    expect((await shown()).spec.nodeName).toBe('n2');
    expect((await starts()).trim()).toBe('x');
  });

  it('bring pods back to their data, also when these have to wait for the node', async () => {
    await kubectl('cordon', 'n2');
    await kubectl('delete', 'pod', 'writer');
    await apply(pod);
    await until(
      async () =>
        (await shown()).status.conditions?.some(({ message = '' }) =>
          message.includes("didn't match PersistentVolume's node affinity"),
        ),
      { what: 'the reason to be shown', ...patience },
    );
    await kubectl('uncordon', 'n2');
    await running();
    expect((await shown()).spec.nodeName).toBe('n2');
    expect((await starts()).trim()).toBe('xx');
  });

  it('go with their claim, from the disk too', async () => {
    const path = (await kubectl('get', 'pv', '-o', 'jsonpath={.items[0].spec.local.path}')).trim();
    expect((await bed.machine('n2').exec('ls', [path])).stdout.trim()).toBe('starts');
    await kubectl('delete', 'pod', 'writer');
    await kubectl('delete', 'pvc', 'data', '--timeout=60s');
    await until(async () => (await kubectl('get', 'pv', '-o', 'name')).trim() === '', {
      what: 'the volume to go',
      ...patience,
    });
    expect((await bed.machine('n2').exec('ls', [join(path, '..')])).stdout.trim()).toBe('');
  });
});
