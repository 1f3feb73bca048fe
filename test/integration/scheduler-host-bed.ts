/** The scheduler host on the real API server, with a small scheduler of the tests' own that may do anything. */
import { definePlugin, kernelMetrics, type AnyPlugin } from '@timonel/sdk';
import { apiClient, type ApiClient } from '@timonel/sdk/contracts/api';
import {
  scheduler,
  type Decision,
  type NodeRow,
  type PodInfo,
  type Scheduler,
  type SchedulerSnapshot,
  type SchedulerTraits,
} from '@timonel/sdk/contracts/scheduler';
import { coreEvents, nodes, pods, type Condition, type Node, type Pod, type PodSpec } from '@timonel/sdk/kube';
import admissionNamespace from '@timonel/plugin-admission-namespace';
import apiResources from '@timonel/plugin-api-resources';
import apiServer from '@timonel/plugin-apiserver';
import authToken from '@timonel/plugin-auth-token';
import storeMemory from '@timonel/plugin-store-memory';
import { startTestKernel, until, type TestKernel } from '@timonel/testkit';
import schedulerHost from '../../plugins/scheduler-host/src/index.ts';

export const entry = (
  definition: AnyPlugin,
  config?: unknown,
): { definition: AnyPlugin; config?: unknown; source: string } => ({
  definition,
  source: 'built-in',
  ...(config === undefined ? {} : { config }),
});
export const control = [
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
export class FirstFit implements Scheduler {
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

export async function makeNode(api: ApiClient, name: string, cpu: string): Promise<void> {
  await api.create(nodes, { metadata: { name }, spec: {} });
  const made = structuredClone(await api.get(nodes, { name }));
  await api.updateStatus(nodes, { ...made, status: { allocatable: { cpu, memory: '8Gi', pods: '110' } } });
}

export async function makePod(
  api: ApiClient,
  cpu: string,
  spec: Partial<PodSpec> = {},
  name?: string,
): Promise<string> {
  serial += 1;
  const podName = name ?? `p${serial}`;
  const containers = [{ name: 'c', image: 'x:1', resources: { requests: { cpu } } }];
  await api.create(pods, { metadata: { name: podName, namespace: 'default' }, spec: { containers, ...spec } });
  return podName;
}

export const getPod = (api: ApiClient, name: string): Promise<Pod> => api.get(pods, { namespace: 'default', name });
export const remove = (api: ApiClient, name: string): Promise<unknown> =>
  api.delete(pods, { namespace: 'default', name }, { gracePeriodSeconds: 0 });
export const placed = (api: ApiClient, name: string): Promise<string> =>
  until(async () => (await getPod(api, name)).spec.nodeName, { what: `a node for ${name}` });
export async function conditionOf(api: ApiClient, name: string, type: string): Promise<Condition | undefined> {
  return (await getPod(api, name)).status?.conditions?.find((condition) => condition.type === type);
}
export const waitsBecause = (api: ApiClient, name: string): Promise<string> =>
  until(async () => (await conditionOf(api, name, 'PodScheduled'))?.message, { what: `a reason for ${name}` });
export const nominatedNode = (api: ApiClient, name: string): Promise<string> =>
  until(async () => (await getPod(api, name)).status?.nominatedNodeName, { what: `a nominated node for ${name}` });
export const eventOf = (api: ApiClient, name: string, reason: string): Promise<string> =>
  until(
    async () =>
      (await api.list(coreEvents, { namespace: 'default' })).items.find(
        (event) => event.reason === reason && event.involvedObject.name === name,
      )?.message,
    { what: `the event ${reason} of ${name}` },
  );

export async function clear(api: ApiClient): Promise<void> {
  for (const { metadata } of (await api.list(pods)).items) await remove(api, metadata.name ?? '');
  for (const { metadata } of (await api.list(nodes)).items) await api.delete(nodes, { name: metadata.name ?? '' });
}

/** A scheduler that does what `firstFit` does, as a plugin. */
export const asPlugin = (name: string, firstFit: FirstFit): AnyPlugin =>
  definePlugin({
    name,
    version: '1.0.0',
    apiVersion: 1,
    provides: { scheduler },
    setup: () => ({ provides: { scheduler: firstFit } }),
  });

/** A cluster without nodes whose scheduler is `firstFit`. */
export class Bed {
  readonly firstFit: FirstFit;
  readonly other: FirstFit;
  readonly kernel: TestKernel;
  readonly api: ApiClient;

  private constructor(kernel: TestKernel, firstFit: FirstFit, other: FirstFit) {
    this.kernel = kernel;
    this.api = kernel.service(apiClient);
    this.firstFit = firstFit;
    this.other = other;
  }

  static async start(): Promise<Bed> {
    const firstFit = new FirstFit();
    const other = new FirstFit();
    const kernel = await startTestKernel({
      plugins: [...control, entry(schedulerHost, { decisionTimeoutMs: 500 }), entry(asPlugin('first-fit', firstFit))],
      available: [entry(asPlugin('other-fit', other))],
      // One test leaves a decision hanging for ever, which a swap waits for.
      limits: { drainMs: 300 },
    });
    return new Bed(kernel, firstFit, other);
  }

  async reset(): Promise<void> {
    this.firstFit.traits = {};
    this.firstFit.trick = undefined;
    this.firstFit.shunned.clear();
    await clear(this.api);
  }

  /** Resolves when the host has seen the traits; it sees them when something happens. */
  async use(traits: SchedulerTraits): Promise<void> {
    let seen = false;
    const profiles = (): string[] => {
      seen = true;
      return ['default-scheduler'];
    };
    this.firstFit.traits = { profiles, ...traits };
    const noticed = async (): Promise<boolean> => {
      if (!seen) await makePod(this.api, '0');
      return seen;
    };
    await until(noticed, { what: 'the new traits in the host', intervalMs: 50 });
  }

  /** Bindings that were written so far, by the metrics of the host. */
  bound(): number {
    const families = this.kernel.service(kernelMetrics).collect();
    const { samples = [] } = families.find(({ name }) => name === 'scheduler_schedule_attempts_total') ?? {};
    return samples.find(({ labels }) => labels.some(([, value]) => value === 'scheduled'))?.value ?? 0;
  }

  /** What the scheduler was blamed for so far. */
  faults(): string[] {
    return this.kernel.log.lines
      .filter(({ message }) => message === 'a scheduler broke its contract')
      .map(({ fields }) => String(fields['fault']));
  }
}
