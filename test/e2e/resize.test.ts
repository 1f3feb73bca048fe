/** Pods that are resized in place by real kubectl: what the kernel holds of their containers before and after. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { detectCgroups } from '@timonel/sdk/linux/cgroup';
import type { Pod, ResourceRequirements } from '@timonel/sdk/kube';
import { limitOf } from '@timonel/testkit/control-groups';
import { TestCluster } from '../support/cluster.ts';
import { newTraces, traces } from '../support/machine.ts';
import { until } from '../support/until.ts';

const mi = 1024 * 1024;
const keep = 'const kept = Buffer.alloc(100 << 20, 1); console.log("full"); setInterval(() => kept[0], 1e6)';

describe('in-place resize with kubectl', () => {
  let before: readonly string[];
  let cluster: TestCluster;
  const { driver } = detectCgroups();
  if (driver === undefined) throw new Error('this test needs control groups');

  const ok = (args: readonly string[], input = ''): Promise<string> => cluster.mustKubectl(args, input);
  const get = async (name: string): Promise<Pod> => JSON.parse(await ok(['get', 'pod', name, '-o', 'json'])) as Pod;
  const pod = async (name: string, what: string, fits: (found: Pod) => unknown): Promise<Pod> =>
    await until(
      async () => {
        const found = await get(name);
        return fits(found) ? found : undefined;
      },
      { what: `${name}: ${what}`, timeoutMs: 20_000 },
    );
  const create = async (name: string, containers: readonly object[]): Promise<Pod> => {
    const spec = { terminationGracePeriodSeconds: 1, containers };
    await ok(['apply', '-f', '-'], JSON.stringify({ apiVersion: 'v1', kind: 'Pod', metadata: { name }, spec }));
    return pod(name, 'running', (found) => found.status?.containerStatuses?.every(({ ready }) => ready));
  };
  const resize = (name: string, container: string, resources: ResourceRequirements): Promise<string> => {
    const patch = JSON.stringify({ spec: { containers: [{ name: container, resources }] } });
    return ok(['patch', 'pod', name, '--subresource', 'resize', '--patch', patch]);
  };
  const resizeConditions = ({ status }: Pod) =>
    (status?.conditions ?? []).filter(({ type }) => type.startsWith('PodResize'));
  const isDone = (found: Pod): boolean =>
    found.status?.observedGeneration === found.metadata.generation && resizeConditions(found).length === 0;

  /** The group of a container, below any. */
  function groupOf(name: string, above: string): string | undefined {
    for (const child of driver?.children(above) ?? []) {
      const path = `${above}/${child}`;
      const found = child === name ? path : groupOf(name, path);
      if (found !== undefined) return found;
    }
    return undefined;
  }
  function limits(found: Pod, index = 0): { own: (string | undefined)[]; ofPod: (string | undefined)[] } {
    const id = found.status?.containerStatuses?.[index]?.containerID?.replace('timonel://', '') ?? '';
    const tops = (driver?.children('') ?? []).filter((name) => name.startsWith('timonel-'));
    const path = tops.map((top) => groupOf(id, top)).find((each) => each !== undefined) ?? '';
    const read = (group: string) =>
      driver === undefined ? [] : [limitOf(driver, group, 'memory'), limitOf(driver, group, 'quota')?.split(' ')[0]];
    return { own: read(path), ofPod: read(path.slice(0, path.lastIndexOf('/'))) };
  }

  beforeAll(async () => {
    before = traces();
    cluster = await TestCluster.start();
  }, 360_000);
  afterAll(async () => {
    await cluster?.dispose();
    expect(newTraces(before)).toEqual([]);
  }, 60_000);

  const container = (name: string, cpu: string, memory: string, more: object = {}) => ({
    name,
    image: 'timonel.local/node:host',
    command: ['node', '-e', keep],
    resources: { limits: { cpu, memory } },
    ...more,
  });

  it('changes the limits of containers that go on, up and down', async () => {
    const small = ['sh', '-c', 'while :; do sleep 1; done'];
    const started = await create('pair', [
      container('one', '300m', '256Mi', { command: small }),
      container('two', '200m', '128Mi', { command: small }),
    ]);
    expect(limits(started)).toEqual({ own: [String(256 * mi), '30000'], ofPod: [String(384 * mi), '50000'] });
    const quantities = { cpu: '500m', memory: '64Mi' };
    await resize('pair', 'one', { limits: quantities, requests: quantities });
    const done = await pod('pair', 'to be resized', isDone);
    expect(limits(done)).toEqual({ own: [String(64 * mi), '50000'], ofPod: [String(192 * mi), '70000'] });
    expect(limits(done, 1).own).toEqual([String(128 * mi), '20000']);
    expect(done.status?.containerStatuses).toMatchObject([
      { restartCount: 0, resources: { limits: quantities, requests: quantities }, allocatedResources: quantities },
      { restartCount: 0, resources: { limits: { cpu: '200m', memory: '128Mi' } } },
    ]);
    const ids = (found: Pod) => found.status?.containerStatuses?.map(({ containerID }) => containerID);
    expect(ids(done)).toEqual(ids(started));
    expect(await ok(['get', 'events'])).toMatch(/ResizeCompleted\s+pod\/pair/);
  }, 60_000);

  it('refuses memory below what is in use, waits for room that no node has, and starts anew when told to', async () => {
    const resizePolicy = [{ resourceName: 'cpu', restartPolicy: 'RestartContainer' }];
    const started = await create('full', [container('app', '300m', '256Mi', { resizePolicy })]);
    await until(async () => (await ok(['logs', 'full'])).includes('full'), {
      what: 'memory in use',
      timeoutMs: 20_000,
    });
    const both = (cpu: string, memory: string) => ({ limits: { cpu, memory }, requests: { cpu, memory } });
    await resize('full', 'app', both('300m', '50Mi'));
    const refused = await pod('full', 'to be refused', (found) => resizeConditions(found)[0]?.reason === 'Error');
    expect(resizeConditions(refused)).toMatchObject([
      {
        type: 'PodResizeInProgress',
        status: 'True',
        message: expect.stringContaining('bytes in use'),
        observedGeneration: refused.metadata.generation,
      },
    ]);
    expect(limits(refused).own).toEqual([String(256 * mi), '30000']);
    expect(refused.status?.containerStatuses).toMatchObject([{ restartCount: 0, resources: both('300m', '256Mi') }]);
    await resize('full', 'app', both('300m', '8000Gi'));
    const waits = await pod('full', 'to wait', (found) => resizeConditions(found)[0]?.reason === 'Infeasible');
    expect(resizeConditions(waits)[0]).toMatchObject({
      type: 'PodResizePending',
      observedGeneration: waits.metadata.generation,
    });
    await resize('full', 'app', both('400m', '200Mi'));
    const done = await pod(
      'full',
      'to be started anew',
      (found) => isDone(found) && found.status?.containerStatuses?.[0]?.ready,
    );
    expect(limits(done)).toEqual({ own: [String(200 * mi), '40000'], ofPod: [String(200 * mi), '40000'] });
    expect(done.status?.containerStatuses).toMatchObject([{ restartCount: 1, resources: both('400m', '200Mi') }]);
    expect(done.metadata.uid).toBe(started.metadata.uid);
  }, 60_000);
});
