/** A node on a machine of its own: logs through the server, and all that goes on while the server is away. */
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { command, type RunResult } from '../support/cluster.ts';
import { kubernetesTools } from '../support/kubectl.ts';
import { until } from '../support/until.ts';
import { bedMissing, createBed, type Bed } from './bed/bed.ts';
import type { MachineProcess } from './bed/machine-process.ts';
import type { Machine } from './bed/machine.ts';

jest.setTimeout(180_000);
const suite = bedMissing === undefined ? describe : describe.skip;

/** Answers what it was told by a Secret, and when it started; ends when asked to. */
const serve = `
const began = Date.now();
require('node:http')
  .createServer((request, response) => {
    if (request.url === '/crash') process.exit(3);
    response.end(process.env.MARK + ' ' + began);
  })
  .listen(8080, '0.0.0.0', () => console.log('listening since ' + began));
process.on('SIGTERM', () => process.exit(0));
`;
const podOf = (name: string): object => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, labels: { app: name } },
  spec: {
    terminationGracePeriodSeconds: 1,
    containers: [
      {
        name: 'app',
        image: 'timonel.local/node:host',
        command: ['node', '-e', serve],
        env: [{ name: 'MARK', valueFrom: { secretKeyRef: { name: 'mark', key: 'mark' } } }],
      },
    ],
  },
});
const manifest = [
  { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'mark' }, stringData: { mark: 'known' } },
  {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'calm' },
    spec: { selector: { app: 'calm' }, ports: [{ port: 80, targetPort: 8080 }] },
  },
  podOf('calm'),
  podOf('crashing'),
]
  .map((object) => JSON.stringify(object))
  .join('\n---\n');

interface Shown {
  readonly podIP: string;
  readonly restartCount: number;
  readonly containerID: string;
}

suite(`a node without its server${bedMissing === undefined ? '' : ` (${bedMissing})`}`, () => {
  let bed: Bed;
  let m1: Machine;
  let n1: Machine;
  let server: MachineProcess;
  let agent: MachineProcess;
  let service: string;
  let calm: Shown;
  let crashing: Shown;
  let calmSince: string;

  const timonel = (machine: Machine, args: readonly string[]): Promise<MachineProcess> =>
    machine.spawn(process.execPath, [command, ...args, '--data-dir', machine.dataDir]);

  async function kubectl(args: readonly string[], input?: string): Promise<RunResult> {
    const { kubectl: program } = await kubernetesTools();
    const kubeconfig = join(m1.dataDir, 'kubeconfig');
    return bed.client.exec(program, ['--kubeconfig', kubeconfig, ...args], input === undefined ? {} : { input });
  }

  async function shown(name: string): Promise<Shown> {
    const { stdout } = await kubectl(['get', 'pod', name, '-o', 'json']);
    const { status } = JSON.parse(stdout) as {
      status: { podIP: string; containerStatuses: { ready: boolean; restartCount: number; containerID: string }[] };
    };
    const [container] = status.containerStatuses;
    if (container?.ready !== true) throw new Error(`${name} is not ready`);
    return { podIP: status.podIP, restartCount: container.restartCount, containerID: container.containerID };
  }

  /** From the node, over HTTP. */
  async function ask(url: string): Promise<string> {
    const code = `fetch(${JSON.stringify(url)}, { signal: AbortSignal.timeout(2000) }).then((r) => r.text()).then(console.log, () => process.exit(1))`;
    const { status, stdout } = await n1.exec(process.execPath, ['-e', code]);
    if (status !== 0) throw new Error(`${url} does not answer`);
    return stdout.trim();
  }

  const crash = (pod: Shown): Promise<string> => ask(`http://${pod.podIP}:8080/crash`).catch(() => 'gone');
  const servedSince = (pod: Shown): Promise<string> => ask(`http://${pod.podIP}:8080/`);

  /** Serves again, since another moment. */
  function restarted(pod: Shown, before: string): Promise<string> {
    const now = async (): Promise<string | undefined> => {
      const since = await servedSince(pod);
      return since === before ? undefined : since;
    };
    return until(now, { what: 'the crashed container to serve again', timeoutMs: 60_000 });
  }

  beforeAll(async () => {
    bed = await createBed({ masters: 1, nodes: 1 });
    [m1, n1] = [bed.machine('m1'), bed.machine('n1')];
    server = await timonel(m1, ['server', '--name', 'm1', '--listen', `${m1.address}:6443`]);
    await server.says('is Ready after', 90_000);
    const token = (await m1.mustExec(process.execPath, [command, 'token', 'create', '--data-dir', m1.dataDir])).trim();
    const url = `https://${m1.address}:6443`;
    agent = await timonel(n1, ['agent', '--server', url, '--token', token, '--node-name', 'n1']);
    await agent.says('Agent of node n1 runs', 90_000);
    const applied = await kubectl(['apply', '-f', '-'], manifest);
    expect([applied.status, applied.stderr]).toEqual([0, '']);
    calm = await until(() => shown('calm'), { what: 'the pod calm', timeoutMs: 90_000 });
    crashing = await until(() => shown('crashing'), { what: 'the pod crashing', timeoutMs: 90_000 });
    service = `http://${(await kubectl(['get', 'service', 'calm', '-o', 'jsonpath={.spec.clusterIP}'])).stdout}/`;
    calmSince = await until(() => ask(service), { what: 'the service' });
    expect(calmSince).toMatch(/^known \d+$/);
  });
  afterAll(() => bed?.[Symbol.asyncDispose]());

  it('gives its logs through the server', async () => {
    expect(await kubectl(['logs', 'calm'])).toMatchObject({
      status: 0,
      stdout: `listening since ${calmSince.split(' ')[1] ?? ''}\n`,
    });
    const node = await kubectl(['get', 'node', 'n1', '-o', 'json']);
    expect(JSON.parse(node.stdout)).toMatchObject({
      status: {
        addresses: expect.arrayContaining([{ type: 'InternalIP', address: n1.address }]),
        daemonEndpoints: { kubeletEndpoint: { Port: 10_250 } },
      },
    });
  });

  it('keeps pods and services, and restarts what crashes, after the server was killed', async () => {
    await server.kill9();
    const before = await servedSince(crashing);
    await crash(crashing);
    expect(await restarted(crashing, before)).toMatch(/^known /);
    expect(await ask(service)).toBe(calmSince);
  });

  it('does so after the agent was killed too, and has started again without a server', async () => {
    await agent.kill9();
    expect(await ask(service)).toBe(calmSince);
    agent = await timonel(n1, ['agent']);
    await agent.says('Agent of node n1 runs', 60_000);
    expect(await ask(service)).toBe(calmSince);
    const before = await servedSince(crashing);
    await crash(crashing);
    expect(await restarted(crashing, before)).toMatch(/^known /);
    expect(await ask(service)).toBe(calmSince);
  });

  it('reports all of it when the server is back: nothing is restarted, nothing is lost', async () => {
    const before = await servedSince(crashing);
    server = await timonel(m1, ['server']);
    await server.says('is Ready after', 90_000);
    const counted = async (): Promise<boolean> => (await shown('crashing')).restartCount === 2;
    await until(counted, { what: 'two restarts to be reported', timeoutMs: 60_000 });
    expect(await shown('calm')).toEqual(calm);
    expect(await servedSince(crashing)).toBe(before);
    expect(await ask(service)).toBe(calmSince);
    expect((await kubectl(['logs', 'crashing'])).stdout).toContain('listening');
  });
});
