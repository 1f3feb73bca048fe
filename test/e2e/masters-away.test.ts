/**
 * All masters away for a minute, from a node on which a container crashes, one becomes unready and one fills its log; its agent and its
 * host start again meanwhile. Everything goes on as declared, and is told rightly when the masters return. The one test that takes so long.
 */
import { appendFileSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { until } from '../support/until.ts';
import { bedMissing, createBed, type Bed } from './bed/bed.ts';
import { kubectl, startAgent, startMaster, type Agent, type Master } from './bed/cluster.ts';
import type { Machine } from './bed/machine.ts';

jest.setTimeout(240_000);
const suite = bedMissing === undefined ? describe : describe.skip;

const awayMs = 60_000;
const logMaxBytes = 65_536;
const logMaxFiles = 3;

interface Status {
  readonly phase: string;
  readonly conditions: readonly { readonly type: string; readonly status: string }[];
  readonly containerStatuses: readonly {
    readonly containerID: string;
    readonly restartCount: number;
    readonly ready: boolean;
    readonly lastState: { readonly terminated?: { readonly exitCode: number } };
  }[];
}

const line = 'x'.repeat(500);
/** Each container writes to its mark when it begins. */
const programs = {
  calm: 'echo began >> /mark/calm; exec sleep 100000',
  once: 'echo began >> /mark/once; exec sleep 100000',
  probed: 'echo began >> /mark/probed; exec sleep 100000',
  crashing: 'cat /proc/uptime >> /mark/crashing; sleep 1; exit 3',
  noisy: `i=0; while :; do i=$((i+1)); echo "$i ${line}"; sleep 0.02; done`,
};
type Name = keyof typeof programs;

function podNamed(name: Name, marks: string): object {
  const readinessProbe = { exec: { command: ['test', '-e', '/mark/is-ready'] }, periodSeconds: 1, failureThreshold: 1 };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, labels: { app: name } },
    spec: {
      terminationGracePeriodSeconds: 1,
      restartPolicy: name === 'once' ? 'Never' : 'Always',
      volumes: [{ name: 'mark', hostPath: { path: marks } }],
      containers: [
        {
          name: 'app',
          image: 'timonel.local/node:host',
          command: ['sh', '-c', programs[name]],
          volumeMounts: [{ name: 'mark', mountPath: '/mark' }],
          ...(name === 'probed' ? { readinessProbe } : {}),
        },
      ],
    },
  };
}

const service = {
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 'probed' },
  spec: { selector: { app: 'probed' }, ports: [{ port: 80 }] },
};

suite(`a node whose masters are away${bedMissing === undefined ? '' : ` (${bedMissing})`}`, () => {
  let bed: Bed;
  let n1: Machine;
  let master: Master;
  let agent: Agent;
  let marks: string;
  /** Of the calm pod, before anything happened. */
  let calm: Status;
  const agentArgs = (): string[] => ['--config', join(n1.home, 'agent.yaml')];

  async function ask(args: readonly string[], input?: string): Promise<string> {
    const { status, stdout, stderr } = await kubectl(bed, master, args, input === undefined ? {} : { input });
    if (status !== 0) throw new Error(stderr);
    return stdout;
  }
  const statusOf = async (name: Name): Promise<Status> =>
    (JSON.parse(await ask(['get', 'pod', name, '-o', 'json'])) as { status: Status }).status;
  const restarts = async (name: Name): Promise<number | undefined> =>
    (await statusOf(name)).containerStatuses[0]?.restartCount;
  const isReady = ({ conditions }: Status): boolean =>
    conditions.some(({ type, status }) => type === 'Ready' && status === 'True');

  /** The pod, once it is so. */
  async function pod(name: Name, what: string, fits: (status: Status) => boolean): Promise<Status> {
    let seen: Status | undefined;
    const found = async (): Promise<Status | undefined> => (
      (seen = await statusOf(name)),
      fits(seen) ? seen : undefined
    );
    const told = (): string => `${name} ${what}: ${JSON.stringify(seen)}`;
    return until(found, { what: told, timeoutMs: 60_000, intervalMs: 300 });
  }

  /** Addresses behind the service. */
  async function endpoints(): Promise<number> {
    const list = JSON.parse(
      await ask(['get', 'endpointslices', '-l', 'kubernetes.io/service-name=probed', '-o', 'json']),
    ) as {
      items: { endpoints: { conditions: { ready: boolean } }[] | null }[];
    };
    return list.items.flatMap((slice) => slice.endpoints ?? []).filter(({ conditions }) => conditions.ready).length;
  }

  const begun = (name: Name): string[] => {
    try {
      return readFileSync(join(marks, name), 'utf8').split('\n').filter(Boolean);
    } catch {
      return [];
    }
  };
  const setReady = (ready: boolean): void => {
    if (ready) appendFileSync(join(marks, 'is-ready'), '');
    else rmSync(join(marks, 'is-ready'), { force: true });
  };

  /** Of the noisy container, the files that it was rotated to among them. */
  function logFiles(): string[] {
    const top = join(n1.dataDir, 'data', 'node-agent', 'logs');
    const own = readdirSync(top).find((name) => name.startsWith('default_noisy_')) ?? '';
    return readdirSync(join(top, own, 'app')).map((name) => join(top, own, 'app', name));
  }
  /** The number of the first line that is kept. */
  const firstNumber = (): number =>
    Math.min(...logFiles().map((file) => Number(readFileSync(file, 'utf8').split(' ')[3] ?? Number.NaN)));
  const lastNumber = async (): Promise<number> => Number((await ask(['logs', 'noisy', '--tail=1'])).split(' ')[0]);

  beforeAll(async () => {
    bed = await createBed({ masters: 1, nodes: 1 });
    n1 = bed.machine('n1');
    marks = join(n1.home, 'marks');
    mkdirSync(marks);
    setReady(true);
    const plugins = { 'runtime-linux': { config: { logMaxBytes, logMaxFiles } } };
    writeFileSync(join(n1.home, 'agent.yaml'), JSON.stringify({ plugins }));
    master = await startMaster(bed.machine('m1'));
    agent = await startAgent(n1, { masters: [master], args: agentArgs() });
    const objects = [...(Object.keys(programs) as Name[]).map((name) => podNamed(name, marks)), service];
    await ask(['apply', '-f', '-'], objects.map((object) => JSON.stringify(object)).join('\n---\n'));
    calm = await pod('calm', 'to be ready', isReady);
    await pod('probed', 'to be ready', isReady);
    await pod('once', 'to run', ({ phase }) => phase === 'Running');
    await pod('crashing', 'to have been restarted twice', (status) => status.containerStatuses[0]?.restartCount === 2);
    await until(async () => (await endpoints()) === 1, { what: 'the endpoint of the service' });
  });
  afterAll(() => bed?.[Symbol.asyncDispose]());

  it('does for a minute what was declared, also when its agent starts again', async () => {
    const numberBefore = await lastNumber();
    const crashesBefore = begun('crashing').length;
    await master.process.kill9();
    const gone = performance.now();
    setReady(false);
    await until(() => begun('crashing').length > crashesBefore, {
      what: 'a restart without masters',
      timeoutMs: 60_000,
    });
    await agent.process.kill9();
    agent = await startAgent(n1, { args: agentArgs() });
    const restartedAt = begun('crashing').length;
    await until(() => performance.now() - gone > awayMs, { what: 'a minute to pass', timeoutMs: awayMs + 10_000 });
    await until(() => begun('crashing').length > restartedAt, { what: 'one more restart', timeoutMs: 60_000 });
    // The back-off goes on: 10 s and more between two starts, but for the first after a crash that the agent had not seen before.
    const times = begun('crashing').map((words) => Number(words.split(' ')[0]));
    const waits = times.slice(1).map((time, at) => time - (times[at] ?? 0));
    expect(waits.filter((seconds) => seconds < 9).length).toBeLessThanOrEqual(2);
    expect(begun('calm')).toHaveLength(1);
    expect(begun('probed')).toHaveLength(1);
    // The log was rotated all the time, within its bound.
    await until(() => firstNumber() > numberBefore, { what: 'lines from before to be gone' });
    const files = logFiles();
    expect(files.length).toBeLessThanOrEqual(logMaxFiles);
    expect(files.reduce((sum, file) => sum + statSync(file).size, 0)).toBeLessThan((logMaxFiles + 1) * logMaxBytes);
    master = await startMaster(bed.machine('m1'));
    await until(async () => (await lastNumber()) > numberBefore, { what: 'the newest line of the log' });
  });

  it('tells it rightly when they return', async () => {
    const probed = await pod('probed', 'to be unready', (status) => !isReady(status));
    expect(probed).toMatchObject({ phase: 'Running', containerStatuses: [{ restartCount: 0, ready: false }] });
    await until(async () => (await endpoints()) === 0, { what: 'the endpoint to be taken away' });
    const counted = async (): Promise<boolean> => (await restarts('crashing')) === begun('crashing').length - 1;
    await until(counted, { what: 'each restart to be counted', timeoutMs: 30_000 });
    expect((await statusOf('crashing')).containerStatuses[0]?.lastState.terminated?.exitCode).toBe(3);
    expect((await pod('calm', 'to be ready', isReady)).containerStatuses).toEqual(calm.containerStatuses);
    await ask(['wait', 'node/n1', '--for=condition=Ready', '--timeout=60s']);
    setReady(true);
    await pod('probed', 'to be ready again', isReady);
    await until(async () => (await endpoints()) === 1, { what: 'the endpoint to come back' });
  });

  it('starts again what ran when its host starts again, and tells it when they return', async () => {
    await master.process.kill9();
    await n1.powerOff();
    await n1.powerOn();
    agent = await startAgent(n1, { args: agentArgs() });
    const again = (): boolean => begun('calm').length === 2 && begun('probed').length === 2;
    await until(again, { what: 'the pods to run again without masters', timeoutMs: 60_000 });
    master = await startMaster(bed.machine('m1'));
    const once = await pod('once', 'to have failed', ({ phase }) => phase === 'Failed');
    expect(once.containerStatuses).toMatchObject([{ restartCount: 0 }]);
    expect(begun('once')).toHaveLength(1);
    for (const name of ['calm', 'probed'] as const) {
      expect((await pod(name, 'to be ready', isReady)).containerStatuses).toMatchObject([{ restartCount: 1 }]);
      expect(begun(name)).toHaveLength(2);
    }
    await until(async () => (await endpoints()) === 1, { what: 'the endpoint to come back' });
  });
});
