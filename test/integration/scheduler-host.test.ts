/** The scheduler host on the real API server, with a small scheduler of the test's own that may do anything. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { definePlugin, type AnyPlugin } from '@timonel/sdk';
import { apiClient, type ApiClient } from '@timonel/sdk/contracts/api';
import {
  scheduler,
  type Decision,
  type NodeRow,
  type PodInfo,
  type Scheduler,
  type SchedulerSnapshot,
  type SchedulerTraits,
} from '@timonel/sdk/contracts/scheduler2';
import { coreEvents, nodes, pods, type Condition, type Node, type Pod, type PodSpec } from '@timonel/sdk/kube';
import admissionNamespace from '@timonel/plugin-admission-namespace';
import apiResources from '@timonel/plugin-api-resources';
import apiServer from '@timonel/plugin-apiserver';
import authToken from '@timonel/plugin-auth-token';
import storeMemory from '@timonel/plugin-store-memory';
import { startTestKernel, until, type TestKernel } from '@timonel/testkit';
import { SchedulerHost } from '../../plugins/scheduler-host/src/next/host.ts';
import schedulerHost from '../../plugins/scheduler-host/src/next/index.ts';

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

const cpuOf = (node: Node): number => Number(node.status?.allocatable?.['cpu'] ?? 0) * 1000;
const cpuUsed = (placed: readonly PodInfo[]): number =>
  placed.reduce((sum, { class: { request } }) => sum + request.milliCpu, 0);

/** First node with room for the cpu; when there is none, the first whose less important pods make room. Takes batches into account. */
class FirstFit implements Scheduler {
  traits: SchedulerTraits = {};
  /** What it does instead of its work, once. */
  trick: ((asked: readonly PodInfo[], snapshot: SchedulerSnapshot) => Promise<readonly Decision[]>) | undefined;
  /** Names of the pods it was asked about. */
  readonly asked: string[] = [];
  snapshot: SchedulerSnapshot | undefined;
  /** Nodes it does not use. */
  readonly shunned = new Set<string>();

  decide(asked: readonly PodInfo[], snapshot: SchedulerSnapshot): Promise<readonly Decision[]> {
    this.asked.push(...asked.map(({ name }) => name));
    this.snapshot = snapshot;
    const { trick } = this;
    this.trick = undefined;
    return trick === undefined ? Promise.resolve(this.work(asked, snapshot)) : trick(asked, snapshot);
  }

  work(asked: readonly PodInfo[], snapshot: SchedulerSnapshot): readonly Decision[] {
    const taken = new Map<string, number>();
    return asked.map((pod) => {
      const decision = this.#decideOne(pod, snapshot, taken);
      if (decision.outcome === 'bind') {
        taken.set(decision.nodeName, (taken.get(decision.nodeName) ?? 0) + pod.class.request.milliCpu);
      }
      return decision;
    });
  }

  #decideOne(pod: PodInfo, { rows }: SchedulerSnapshot, taken: ReadonlyMap<string, number>): Decision {
    const { uid: podUid } = pod;
    const usable = rows.filter(({ node, name }) => node !== undefined && !this.shunned.has(name));
    const free = (row: NodeRow, placed: readonly PodInfo[]): number => {
      const nominated = row.nominated.filter(
        (other) => other.uid !== podUid && other.class.priority >= pod.class.priority,
      );
      const used = cpuUsed(placed) + cpuUsed(nominated) + (taken.get(row.name) ?? 0);
      return (row.node === undefined ? 0 : cpuOf(row.node)) - used;
    };
    const wanted = pod.class.request.milliCpu;
    const fit = usable.find((row) => free(row, row.pods) >= wanted);
    if (fit !== undefined) {
      const scores = [{ nodeName: fit.name, total: 1, scores: {} }];
      return { outcome: 'bind', podUid, nodeName: fit.name, scores, feasibleNodes: 1 };
    }
    const rejections = [
      {
        plugin: 'Cpu',
        code: 'cpu',
        reason: 'Insufficient cpu',
        nodeCount: usable.length,
        nodes: [],
        resolvable: true,
      },
    ];
    const isVictim = (other: PodInfo): boolean => other.class.priority < pod.class.priority;
    const chosen = usable.find(
      (row) =>
        row.pods.some(isVictim) &&
        free(
          row,
          row.pods.filter((other) => !isVictim(other)),
        ) >= wanted,
    );
    if (chosen === undefined) return { outcome: 'unschedulable', podUid, rejections };
    const victims = chosen.pods.filter(isVictim).map(({ namespace, name, uid, class: { priority } }) => ({
      namespace,
      name,
      uid,
      priority,
    }));
    return { outcome: 'preempt', podUid, nodeName: chosen.name, victims, rejections };
  }
}

let serial = 0;

async function makeNode(api: ApiClient, name: string, cpu: string): Promise<void> {
  await api.create(nodes, { metadata: { name }, spec: {} });
  const made = structuredClone(await api.get(nodes, { name }));
  await api.updateStatus(nodes, { ...made, status: { allocatable: { cpu, memory: '8Gi', pods: '110' } } });
}

async function makePod(api: ApiClient, cpu: string, spec: Partial<PodSpec> = {}, name?: string): Promise<string> {
  serial += 1;
  const podName = name ?? `p${serial}`;
  const containers = [{ name: 'c', image: 'x:1', resources: { requests: { cpu } } }];
  await api.create(pods, { metadata: { name: podName, namespace: 'default' }, spec: { containers, ...spec } });
  return podName;
}

const getPod = (api: ApiClient, name: string): Promise<Pod> => api.get(pods, { namespace: 'default', name });
const remove = (api: ApiClient, name: string): Promise<unknown> =>
  api.delete(pods, { namespace: 'default', name }, { gracePeriodSeconds: 0 });
const placed = (api: ApiClient, name: string): Promise<string> =>
  until(async () => (await getPod(api, name)).spec.nodeName, { what: `a node for ${name}` });
async function conditionOf(api: ApiClient, name: string, type: string): Promise<Condition | undefined> {
  return (await getPod(api, name)).status?.conditions?.find((condition) => condition.type === type);
}
const waitsBecause = (api: ApiClient, name: string): Promise<string> =>
  until(async () => (await conditionOf(api, name, 'PodScheduled'))?.message, { what: `a reason for ${name}` });
const nominatedNode = (api: ApiClient, name: string): Promise<string> =>
  until(async () => (await getPod(api, name)).status?.nominatedNodeName, { what: `a nominated node for ${name}` });
const eventOf = (api: ApiClient, name: string, reason: string): Promise<string> =>
  until(
    async () =>
      (await api.list(coreEvents, { namespace: 'default' })).items.find(
        (event) => event.reason === reason && event.involvedObject.name === name,
      )?.message,
    { what: `the event ${reason} of ${name}` },
  );

async function clear(api: ApiClient): Promise<void> {
  for (const { metadata } of (await api.list(pods)).items) await remove(api, metadata.name ?? '');
  for (const { metadata } of (await api.list(nodes)).items) await api.delete(nodes, { name: metadata.name ?? '' });
}

/** A scheduler that does what `firstFit` does, as a plugin. */
const asPlugin = (name: string, firstFit: FirstFit): AnyPlugin =>
  definePlugin({
    name,
    version: '1.0.0',
    apiVersion: 1,
    provides: { scheduler },
    setup: () => ({ provides: { scheduler: firstFit } }),
  });

describe('scheduler-host', () => {
  let kernel: TestKernel;
  let api: ApiClient;
  const firstFit = new FirstFit();
  const other = new FirstFit();

  beforeAll(async () => {
    kernel = await startTestKernel({
      plugins: [...control, entry(schedulerHost, { decisionTimeoutMs: 500 }), entry(asPlugin('first-fit', firstFit))],
      available: [entry(asPlugin('other-fit', other))],
      // One test leaves a decision hanging for ever, which a swap waits for.
      limits: { drainMs: 300 },
    });
    api = kernel.service(apiClient);
  });
  afterEach(async () => {
    firstFit.traits = {};
    firstFit.trick = undefined;
    firstFit.shunned.clear();
    await clear(api);
  });
  afterAll(async () => {
    await kernel.stop();
  });
  /** Resolves when the host has seen the traits; it sees them when something happens. */
  const use = async (traits: SchedulerTraits): Promise<void> => {
    let seen = false;
    const profiles = (): string[] => {
      seen = true;
      return ['default-scheduler'];
    };
    firstFit.traits = { profiles, ...traits };
    const noticed = async (): Promise<boolean> => {
      if (!seen) await makePod(api, '0');
      return seen;
    };
    await until(noticed, { what: 'the new traits in the host', intervalMs: 50 });
  };
  const faults = (): string[] =>
    kernel.log.lines
      .filter(({ message }) => message === 'a scheduler broke its contract')
      .map(({ fields }) => String(fields['fault']));

  it('binds pods and records it', async () => {
    await makeNode(api, 'a', '2');
    const name = await makePod(api, '100m');
    expect(await placed(api, name)).toBe('a');
    expect((await conditionOf(api, name, 'PodScheduled'))?.status).toBe('True');
    expect(await eventOf(api, name, 'Scheduled')).toBe(`Successfully assigned default/${name} to a`);
  });

  it('says why a pod waits, in the condition and in an event, and places it when room comes', async () => {
    await makeNode(api, 'a', '2');
    const name = await makePod(api, '3');
    expect(await waitsBecause(api, name)).toBe('0/1 nodes are available: 1 Insufficient cpu.');
    expect(await eventOf(api, name, 'FailedScheduling')).toBe('0/1 nodes are available: 1 Insufficient cpu.');
    const condition = await conditionOf(api, name, 'PodScheduled');
    expect(condition).toMatchObject({ status: 'False', reason: 'Unschedulable' });
    await makeNode(api, 'c', '4');
    expect(await placed(api, name)).toBe('c');
    expect((await conditionOf(api, name, 'PodScheduled'))?.status).toBe('True');
  });

  it('tries a waiting pod again only when an event may help it', async () => {
    await use({
      requeueHints: () => [
        { event: 'pod-removed', helps: (_, event) => event.kind === 'pod-removed' && event.pod.class.priority === 7 },
      ],
    });
    await makeNode(api, 'a', '2');
    const helpful = await makePod(api, '1500m', { priority: 7 });
    await placed(api, helpful);
    const idle = await makePod(api, '0', { priority: 9 });
    await placed(api, idle);
    const waiting = await makePod(api, '1');
    await waitsBecause(api, waiting);
    const tries = (): number => firstFit.asked.filter((name) => name === waiting).length;
    const before = tries();
    await remove(api, idle);
    await makeNode(api, 'z', '0');
    // The host has seen what came before this pod, since it places it.
    await placed(api, await makePod(api, '0'));
    expect(tries()).toBe(before);
    await remove(api, helpful);
    expect(await placed(api, waiting)).toBe('a');
  });

  it('leaves pods of other schedulers alone, but counts them on their nodes', async () => {
    await makeNode(api, 'a', '2');
    const foreign = await makePod(api, '1500m', { schedulerName: 'another' });
    await placed(api, await makePod(api, '0'));
    expect((await getPod(api, foreign)).spec.nodeName).toBeUndefined();
    expect(firstFit.asked).not.toContain(foreign);
    await api.createSubresource(pods, { namespace: 'default', name: foreign }, 'binding', {
      apiVersion: 'v1',
      kind: 'Binding',
      metadata: { name: foreign },
      target: { kind: 'Node', name: 'a' },
    } as never);
    await until(() => firstFit.snapshot?.rows.some((row) => row.pods.some(({ name }) => name === foreign)), {
      what: 'the foreign pod in its row',
    });
    const mine = await makePod(api, '1');
    expect(await waitsBecause(api, mine)).toContain('Insufficient cpu');
  });

  it('keeps gated pods out of the queue until their gates go', async () => {
    await makeNode(api, 'a', '2');
    const gated = await makePod(api, '100m', { schedulingGates: [{ name: 'wait' }] });
    await placed(api, await makePod(api, '100m'));
    expect(firstFit.asked).not.toContain(gated);
    expect(await conditionOf(api, gated, 'PodScheduled')).toMatchObject({ reason: 'SchedulingGated' });
    await api.patch(
      pods,
      { namespace: 'default', name: gated },
      { type: 'merge', body: { spec: { schedulingGates: [] } } },
    );
    expect(await placed(api, gated)).toBe('a');
  });

  it('says on a pod why a plugin keeps it out', async () => {
    await makeNode(api, 'a', '2');
    await use({
      preEnqueue: (pod) =>
        pod.class.priority === 3 ? { code: 'pending', reason: 'not on a Sunday' } : { code: 'success' },
    });
    const kept = await makePod(api, '100m', { priority: 3 });
    expect(await waitsBecause(api, kept)).toBe('not on a Sunday');
    expect(await conditionOf(api, kept, 'PodScheduled')).toMatchObject({ reason: 'SchedulingGated' });
  });

  describe('preemption', () => {
    it('tells and deletes the victims, keeps the room, and binds when they have gone', async () => {
      await makeNode(api, 'a', '2');
      const victim = await makePod(api, '2', { priority: 1 });
      await placed(api, victim);
      const important = await makePod(api, '2', { priority: 10 });
      expect(await nominatedNode(api, important)).toBe('a');
      await until(async () => (await getPod(api, victim)).metadata.deletionTimestamp, {
        what: 'the end of the victim',
      });
      expect(await conditionOf(api, victim, 'DisruptionTarget')).toMatchObject({
        status: 'True',
        reason: 'PreemptionByScheduler',
      });
      const { uid } = (await getPod(api, important)).metadata;
      expect(await eventOf(api, victim, 'Preempted')).toBe(`Preempted by pod ${uid} on node a`);
      expect(await waitsBecause(api, important)).toBe('0/1 nodes are available: 1 Insufficient cpu.');
      // The room is not for a pod of less priority.
      const lesser = await makePod(api, '1', { priority: 5 });
      await waitsBecause(api, lesser);
      expect(firstFit.snapshot?.rows[0]?.nominated.map(({ name }) => name)).toEqual([important]);
      await remove(api, victim);
      expect(await placed(api, important)).toBe('a');
      expect((await getPod(api, lesser)).spec.nodeName).toBeUndefined();
      await until(() => firstFit.snapshot?.rows[0]?.nominated.length === 0, { what: 'the end of the nomination' });
    });

    it('of a more important pod takes the nomination of a lesser one', async () => {
      await makeNode(api, 'a', '2');
      const victim = await makePod(api, '2', { priority: 1 });
      await placed(api, victim);
      const lesser = await makePod(api, '2', { priority: 10 });
      await nominatedNode(api, lesser);
      const greater = await makePod(api, '2', { priority: 20 });
      await nominatedNode(api, greater);
      await until(async () => (await getPod(api, lesser)).status?.nominatedNodeName === undefined, {
        what: 'the end of the nomination',
      });
      await remove(api, victim);
      expect(await placed(api, greater)).toBe('a');
    });

    it('ends with the node', async () => {
      await makeNode(api, 'a', '2');
      const victim = await makePod(api, '2', { priority: 1 });
      await placed(api, victim);
      const important = await makePod(api, '2', { priority: 10 });
      await nominatedNode(api, important);
      await api.delete(nodes, { name: 'a' });
      await until(async () => (await getPod(api, important)).status?.nominatedNodeName === undefined, {
        what: 'the end of the nomination',
      });
      await makeNode(api, 'b', '2');
      expect(await placed(api, important)).toBe('b');
    });

    it('is forgotten when the pod finds another node', async () => {
      await makeNode(api, 'a', '2');
      const victim = await makePod(api, '2', { priority: 1 });
      await placed(api, victim);
      const important = await makePod(api, '2', { priority: 10 });
      await nominatedNode(api, important);
      await makeNode(api, 'b', '2');
      expect(await placed(api, important)).toBe('b');
      await until(async () => (await getPod(api, important)).status?.nominatedNodeName === undefined, {
        what: 'the end of the nomination',
      });
    });
  });

  describe('goes on when a scheduler', () => {
    const bindTo = (nodeName: string, more: object = {}): NonNullable<FirstFit['trick']> => {
      return (asked) =>
        Promise.resolve(
          asked.map(({ uid }) => ({ outcome: 'bind', podUid: uid, nodeName, scores: [], feasibleNodes: 1, ...more })),
        );
    };
    const tricks: readonly [string, string, NonNullable<FirstFit['trick']>][] = [
      ['throws', 'no luck today', () => Promise.reject(new Error('no luck today'))],
      [
        'throws synchronously',
        'no luck this time',
        () => {
          throw new Error('no luck this time');
        },
      ],
      ['hangs', 'did not decide within 500 ms', () => new Promise(() => undefined)],
      ['answers nothing', 'no list of decisions', () => Promise.resolve(undefined as never)],
      ['forgets a pod', 'made 0 decisions for 1 pods', () => Promise.resolve([])],
      ['chooses a node that does not exist', 'chose the node "nowhere"', bindTo('nowhere')],
      [
        'gives a score that is no number',
        'a score that is no number',
        bindTo('a', { scores: [{ nodeName: 'a', total: Number.NaN, scores: {} }] }),
      ],
      ['decides for another pod', 'decided about another pod', bindTo('a', { podUid: 'another' })],
      [
        'preempts a pod that does not exist',
        'which is not on a',
        bindTo('a', { outcome: 'preempt', rejections: [], victims: [{ namespace: 'x', name: 'y', uid: 'z' }] }),
      ],
      [
        'says that a plugin failed',
        'Fit: boom',
        (asked) =>
          Promise.resolve(asked.map(({ uid }) => ({ outcome: 'error', podUid: uid, plugin: 'Fit', message: 'boom' }))),
      ],
    ];
    it.each(tricks)('%s', async (_, fault, trick) => {
      await makeNode(api, 'a', '2');
      firstFit.trick = trick;
      const name = await makePod(api, '10m');
      const why = await until(
        async () => {
          const condition = await conditionOf(api, name, 'PodScheduled');
          return condition?.reason === 'SchedulerError' ? condition.message : undefined;
        },
        { what: 'the fault on the pod' },
      );
      expect(why).toContain(fault);
      expect(await placed(api, name)).toBe('a');
      expect(faults().join('\n')).toContain(fault);
      expect(kernel.control.info('scheduler-host').faults).toBe(0);
    });

    it('throws for one pod of many: the others are bound', async () => {
      await makeNode(api, 'a', '2');
      const poisoned: NonNullable<FirstFit['trick']> = (asked, snapshot) => {
        firstFit.trick = poisoned;
        if (asked.some(({ name }) => name === 'poison')) return Promise.reject(new Error('poisoned'));
        return Promise.resolve(firstFit.work(asked, snapshot));
      };
      firstFit.trick = poisoned;
      await Promise.all([makePod(api, '0', {}, 'poison'), ...Array.from({ length: 30 }, () => makePod(api, '1m'))]);
      await until(async () => (await api.list(pods)).items.filter(({ spec }) => spec.nodeName).length === 30, {
        what: 'the other pods',
      });
      expect((await getPod(api, 'poison')).spec.nodeName).toBeUndefined();
    });
  });

  it('does not mind a pod that is deleted between decision and binding', async () => {
    await makeNode(api, 'a', '2');
    const before = faults().length;
    firstFit.trick = async (asked, snapshot) => {
      const decisions = firstFit.work(asked, snapshot);
      await remove(api, asked[0]?.name ?? '');
      return decisions;
    };
    const name = await makePod(api, '2');
    await until(async () => (await api.list(pods)).items.length === 0, { what: 'the end of the pod' });
    // Its room is free.
    expect(await placed(api, await makePod(api, '2'))).toBe('a');
    expect(firstFit.asked.filter((asked) => asked === name)).toHaveLength(1);
    expect(faults()).toHaveLength(before);
  });

  it('does not bind a pod made anew under the name of the one that was decided for', async () => {
    await makeNode(api, 'a', '2');
    await makeNode(api, 'b', '2');
    firstFit.shunned.add('b');
    firstFit.trick = async ([first]) => {
      const { name = '', uid = '' } = first ?? {};
      await remove(api, name);
      await makePod(api, '10m', {}, name);
      return [{ outcome: 'bind', podUid: uid, nodeName: 'b', scores: [], feasibleNodes: 2 }];
    };
    const name = await makePod(api, '10m');
    expect(await placed(api, name)).toBe('a');
  });

  it('does not mind a node that vanishes between decision and binding', async () => {
    await makeNode(api, 'a', '2');
    const before = faults().length;
    firstFit.trick = async (asked, snapshot) => {
      const decisions = firstFit.work(asked, snapshot);
      await api.delete(nodes, { name: 'a' });
      await until(() => snapshot.nodeCount === 0, { what: 'the end of the node' });
      return decisions;
    };
    const name = await makePod(api, '1');
    await until(async () => (await api.list(nodes)).items.length === 0, { what: 'the end of the node' });
    await makeNode(api, 'b', '2');
    expect(await placed(api, name)).toBe('b');
    expect(faults()).toHaveLength(before);
  });

  it('asks for admission, tells what became of it, and says why it was refused', async () => {
    await makeNode(api, 'a', '2');
    const settled: string[] = [];
    let refuse = true;
    await use({
      admit: () =>
        Promise.resolve(
          refuse ? { outcome: 'refused', plugin: 'Volumes', reason: 'no volume as yet' } : { outcome: 'bind' },
        ),
      settled: ({ name }, nodeName, bound) => settled.push(`${name} ${nodeName} ${bound}`),
    });
    const name = await makePod(api, '1');
    expect(await waitsBecause(api, name)).toBe('no volume as yet');
    expect(settled).toContain(`${name} a false`);
    refuse = false;
    // Any event helps, since the plugin has no hints.
    await makeNode(api, 'b', '2');
    expect(await placed(api, name)).toBe('a');
    await until(() => settled.includes(`${name} a true`), { what: 'the word that it is bound' });
  });

  it('takes a pod that waits for its permit off its node when it is deleted', async () => {
    await makeNode(api, 'a', '2');
    const ended: unknown[] = [];
    await use({
      admit: ({ class: { priority } }, _, signal) =>
        priority === 0
          ? Promise.resolve({ outcome: 'bind' })
          : new Promise((_, reject) => {
              signal.addEventListener('abort', () => {
                ended.push(signal.reason);
                reject(signal.reason as Error);
              });
            }),
    });
    const name = await makePod(api, '2', { priority: 4 });
    await until(() => firstFit.snapshot?.rows.some((row) => row.pods.some((pod) => pod.name === name)), {
      what: 'the pod in its row',
    });
    await remove(api, name);
    expect(await placed(api, await makePod(api, '2'))).toBe('a');
    expect(ended).toEqual([new Error('the pod is gone')]);
  });

  it('obeys the scheduler that was swapped in, and takes the pods that it takes', async () => {
    await makeNode(api, 'a', '2');
    const special = await makePod(api, '10m', { schedulerName: 'special' });
    await placed(api, await makePod(api, '10m'));
    other.traits = { profiles: () => ['special'] };
    await kernel.control.swap('scheduler', 'other-fit');
    expect(await placed(api, special)).toBe('a');
    const usual = await makePod(api, '10m');
    await placed(api, await makePod(api, '10m', { schedulerName: 'special' }));
    expect((await getPod(api, usual)).spec.nodeName).toBeUndefined();
    await kernel.control.swap('scheduler', 'first-fit');
    expect(await placed(api, usual)).toBe('a');
  });
});

describe('two scheduler hosts', () => {
  let kernel: TestKernel;
  let api: ApiClient;
  const hosts: SchedulerHost[] = [];
  const stop = new AbortController();

  const hostWith = (name: string, service: Scheduler): SchedulerHost => {
    const { env, log } = kernel;
    const context = { name, env, log, signal: stop.signal, reportFault: () => undefined };
    const hooks = { podBound: { size: 0, call: () => Promise.resolve() } };
    const config = {
      schedulerName: 'default-scheduler',
      batchSize: 10,
      parallelBindings: 8,
      decisionTimeoutMs: 5000,
      admissionTimeoutMs: 5000,
    };
    const host = new SchedulerHost(
      { ...context, hooks: hooks as never },
      { api, scheduler: service, schedulerName: () => name },
      config,
    );
    hosts.push(host);
    return host;
  };

  beforeAll(async () => {
    kernel = await startTestKernel({ plugins: control });
    api = kernel.service(apiClient);
  });
  afterAll(async () => {
    stop.abort();
    await Promise.all(hosts.map((host) => host.stop()));
    await kernel.stop();
  });

  it('bind each pod once, and learn of each other', async () => {
    await makeNode(api, 'a', '200');
    await makeNode(api, 'b', '200');
    const left = new FirstFit();
    const right = new FirstFit();
    left.shunned.add('b');
    right.shunned.add('a');
    const both = [hostWith('left', left), hostWith('right', right)];
    await Promise.all(both.map((host) => host.start()));
    await Promise.all(Array.from({ length: 200 }, () => makePod(api, '10m')));
    const bound = (): number => both.reduce((sum, { counts }) => sum + counts.bound, 0);
    await until(async () => (await api.list(pods)).items.every(({ spec }) => spec.nodeName), { what: 'all nodes' });
    await until(() => both.every((host) => Object.values(host.pending()).every((count) => count === 0)), {
      what: 'empty queues',
    });
    expect(bound()).toBe(200);
    expect(both.map(({ counts }) => counts.bindErrors)).toEqual([0, 0]);
    // Each sees the pods where they are, and the room that the other left.
    const homes = (await api.list(pods)).items.map(({ spec }) => spec.nodeName);
    const expected = ['a', 'b'].map((node) => homes.filter((home) => home === node).length);
    for (const { snapshot } of [left, right]) {
      await until(() => JSON.stringify(snapshot?.rows.map((row) => row.pods.length)) === JSON.stringify(expected), {
        what: 'the same state',
      });
    }
  });

  it('keep the decisions about each pod', async () => {
    const [host] = hosts;
    const pod = (await api.list(pods)).items.find(({ spec }) => spec.nodeName === 'a');
    const [first] = host?.decisions.ofName('default', pod?.metadata.name ?? '') ?? [];
    expect(first).toMatchObject({ podUid: pod?.metadata.uid, scheduler: 'left', nodeCount: 2 });
    expect(first?.decision).toMatchObject({ outcome: 'bind', nodeName: 'a' });
  });
});
