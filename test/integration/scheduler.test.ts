/** The scheduler host with each scheduler, on the real API server: placement, waiting with a reason, faults of a scheduler. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { definePlugin, type AnyPlugin } from '@timonel/sdk';
import { apiClient, type ApiClient } from '@timonel/sdk/contracts/api';
import { scheduler, type Decision, type PodInfo, type SchedulerSnapshot } from '@timonel/sdk/contracts/scheduler';
import { coreEvents, nodes, pods, type Node, type Pod, type PodSpec } from '@timonel/sdk/kube';
import { defaultProfile, frameworkScheduler, listSnapshot, pluginRegistry, PodClasses } from '@timonel/sdk/scheduling';
import admissionNamespace from '@timonel/plugin-admission-namespace';
import apiResources from '@timonel/plugin-api-resources';
import apiServer from '@timonel/plugin-apiserver';
import authToken from '@timonel/plugin-auth-token';
import schedulerBinpack from '@timonel/plugin-scheduler-binpack';
import schedulerDefault from '@timonel/plugin-scheduler-default';
import schedulerHost from '@timonel/plugin-scheduler-host';
import storeMemory from '@timonel/plugin-store-memory';
import { fakeService, pluginSuite, startTestKernel, until, type TestKernel } from '@timonel/testkit';

const entry = (
  definition: AnyPlugin,
  config?: unknown,
): { definition: AnyPlugin; config?: unknown; source: string } => ({
  definition,
  source: 'built-in',
  ...(config === undefined ? {} : { config }),
});
const control = [
  entry(storeMemory),
  entry(authToken),
  entry(apiServer, { listen: { port: 0 } }),
  entry(apiResources),
  entry(admissionNamespace),
];

let serial = 0;

async function makeNode(api: ApiClient, name: string, cpu: string, spec: Node['spec'] = {}): Promise<void> {
  await api.create(nodes, { metadata: { name, labels: { 'kubernetes.io/hostname': name } }, spec });
  const allocatable = { cpu, memory: '8Gi', pods: '20' };
  const made = structuredClone(await api.get(nodes, { name }));
  await api.updateStatus(nodes, {
    ...made,
    status: { capacity: allocatable, allocatable, conditions: [{ type: 'Ready', status: 'True' }] },
  });
}

async function makePod(api: ApiClient, cpu: string, spec: Partial<PodSpec> = {}): Promise<string> {
  serial += 1;
  const name = `p${serial}`;
  const containers = [{ name: 'c', image: 'x:1', resources: { requests: { cpu } } }];
  await api.create(pods, { metadata: { name, namespace: 'default' }, spec: { containers, ...spec } });
  return name;
}

const getPod = (api: ApiClient, name: string): Promise<Pod> => api.get(pods, { namespace: 'default', name });
const placed = (api: ApiClient, name: string): Promise<string> =>
  until(async () => (await getPod(api, name)).spec.nodeName, { what: `a node for ${name}` });
const waitsBecause = (api: ApiClient, name: string): Promise<string> =>
  until(
    async () =>
      (await getPod(api, name)).status?.conditions?.find((condition) => condition.type === 'PodScheduled')?.message,
    { what: `a reason for ${name}` },
  );

describe('scheduler-host', () => {
  let kernel: TestKernel;
  let api: ApiClient;
  /** What the scheduler of the tests does instead of its work, once. */
  let misbehave:
    | ((pending: readonly PodInfo[], snapshot: SchedulerSnapshot) => Promise<readonly Decision[]>)
    | undefined;

  const moody = definePlugin({
    name: 'scheduler-moody',
    version: '1.0.0',
    apiVersion: 1,
    provides: { scheduler },
    setup: ({ env: { timers } }) => {
      const inner = frameworkScheduler({ registry: pluginRegistry(), profiles: [defaultProfile()], timers });
      return {
        provides: {
          scheduler: {
            decide: (pending, snapshot) => {
              const trick = misbehave;
              misbehave = undefined;
              return trick === undefined ? inner.decide(pending, snapshot) : trick(pending, snapshot);
            },
          },
        },
      };
    },
  });

  beforeAll(async () => {
    kernel = await startTestKernel({
      plugins: [...control, entry(schedulerHost, { decisionTimeoutMs: 500 }), entry(moody)],
      available: [entry(schedulerDefault), entry(schedulerBinpack)],
      // One test leaves a decision hanging for ever, which a swap waits for.
      limits: { drainMs: 300 },
    });
    api = kernel.service(apiClient);
    await makeNode(api, 'a', '2');
    await makeNode(api, 'b', '2');
  });
  afterAll(async () => {
    await kernel.stop();
  });

  it('binds pods and records it', async () => {
    const name = await makePod(api, '100m');
    expect(['a', 'b']).toContain(await placed(api, name));
    const condition = (await getPod(api, name)).status?.conditions?.find(({ type }) => type === 'PodScheduled');
    expect(condition?.status).toBe('True');
    await until(
      async () =>
        (await api.list(coreEvents, { namespace: 'default' })).items.some(
          (event) => event.reason === 'Scheduled' && event.involvedObject.name === name,
        ),
      { what: 'the event Scheduled' },
    );
  });

  it('leaves pods of other schedulers and gated pods alone', async () => {
    const other = await makePod(api, '100m', { schedulerName: 'another' });
    const gated = await makePod(api, '100m', { schedulingGates: [{ name: 'wait' }] });
    await placed(api, await makePod(api, '100m'));
    expect((await getPod(api, other)).spec.nodeName).toBeUndefined();
    expect((await getPod(api, gated)).spec.nodeName).toBeUndefined();
  });

  it('says why a pod waits, and places it when room comes', async () => {
    const name = await makePod(api, '3');
    expect(await waitsBecause(api, name)).toBe(
      '0/2 nodes are available: 2 Insufficient cpu. preemption: 0/2 nodes are available: 2 Preemption is not helpful for scheduling.',
    );
    await makeNode(api, 'c', '4');
    expect(await placed(api, name)).toBe('c');
    await api.delete(pods, { namespace: 'default', name }, { gracePeriodSeconds: 0 });
    await api.delete(nodes, { name: 'c' });
  });

  it('places a waiting pod when another one ends', async () => {
    const first = await makePod(api, '1500m', { nodeSelector: { 'kubernetes.io/hostname': 'a' } });
    await placed(api, first);
    const second = await makePod(api, '1500m', { nodeSelector: { 'kubernetes.io/hostname': 'a' } });
    expect(await waitsBecause(api, second)).toContain('Insufficient cpu');
    const running = structuredClone(await getPod(api, first));
    await api.updateStatus(pods, { ...running, status: { ...running.status, phase: 'Succeeded' } });
    expect(await placed(api, second)).toBe('a');
    await api.delete(pods, { namespace: 'default', name: second }, { gracePeriodSeconds: 0 });
  });

  const tricks: readonly [string, NonNullable<typeof misbehave>][] = [
    ['throws', () => Promise.reject(new Error('no luck today'))],
    [
      'throws synchronously',
      () => {
        throw new Error('no luck today');
      },
    ],
    ['hangs', () => new Promise(() => undefined)],
    ['answers nothing', () => Promise.resolve(undefined as unknown as Decision[])],
    ['forgets a pod', () => Promise.resolve([])],
    [
      'chooses a node that does not exist',
      (pending) =>
        Promise.resolve(
          pending.map(({ pod }) => ({
            outcome: 'bind',
            podUid: pod.metadata.uid ?? '',
            nodeName: 'nowhere',
            scores: [],
            feasibleNodes: 1,
          })),
        ),
    ],
    [
      'decides for another pod',
      (pending) =>
        Promise.resolve(
          pending.map(() => ({ outcome: 'bind', podUid: 'another', nodeName: 'a', scores: [], feasibleNodes: 1 })),
        ),
    ],
  ];
  for (const [what, trick] of tricks) {
    it(`goes on when a scheduler ${what}`, async () => {
      misbehave = trick;
      expect(['a', 'b']).toContain(await placed(api, await makePod(api, '10m')));
      expect(misbehave).toBeUndefined();
    });
  }

  it('does not bind a pod made anew under the name of the one that was decided for', async () => {
    misbehave = async (pending) => {
      const [first] = pending;
      const { name = '', uid = '' } = first?.pod.metadata ?? {};
      await api.delete(pods, { namespace: 'default', name }, { gracePeriodSeconds: 0 });
      // The new pod may not go where the old one was to go: only the uid keeps the late binding away from it.
      const spec = { containers: [{ name: 'c', image: 'x:1' }], nodeSelector: { 'kubernetes.io/hostname': 'a' } };
      await api.create(pods, { metadata: { name, namespace: 'default' }, spec });
      return [{ outcome: 'bind', podUid: uid, nodeName: 'b', scores: [], feasibleNodes: 1 }];
    };
    const name = await makePod(api, '10m');
    expect(await placed(api, name)).toBe('a');
  });

  it('obeys the scheduler that was swapped in', async () => {
    await kernel.control.swap('scheduler', 'scheduler-binpack');
    const names = await Promise.all(Array.from({ length: 6 }, () => makePod(api, '10m')));
    const homes = await Promise.all(names.map((name) => placed(api, name)));
    expect(new Set(homes).size).toBe(1);
    await kernel.control.swap('scheduler', 'scheduler-default');
    const more = await Promise.all(Array.from({ length: 6 }, () => makePod(api, '200m')));
    expect(new Set(await Promise.all(more.map((name) => placed(api, name)))).size).toBe(2);
  });
});

for (const definition of [schedulerDefault, schedulerBinpack]) {
  pluginSuite(definition.name, () => ({
    entry: entry(definition),
    dependencies: [],
    load: async (kernel) => {
      const allocatable = { cpu: '1', memory: '1Gi', pods: '10' };
      const list = ['a', 'b'].map((name): Node => ({ metadata: { name }, spec: {}, status: { allocatable } }));
      const pod = new PodClasses().infoOf({ metadata: { name: 'p', uid: 'u' }, spec: { containers: [] } });
      const [decision] = await kernel.service(scheduler).decide([pod], listSnapshot(list));
      if (decision?.outcome !== 'bind') throw new Error('no decision');
    },
  }));
}

/** An API without any objects: what the host does with objects is tested above. */
const emptyApi: Partial<ApiClient> = {
  list: () => Promise.resolve({ metadata: { resourceVersion: '1' }, items: [] }),
  async *watch(_, { signal }) {
    await new Promise((resolve) => signal?.addEventListener('abort', resolve, { once: true }));
    yield* [];
  },
};

pluginSuite('scheduler-host', () => ({
  entry: entry(schedulerHost),
  dependencies: [fakeService(apiClient, emptyApi), entry(schedulerDefault)],
}));
