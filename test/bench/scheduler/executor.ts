/** Runs the operations of a workload, one after the other, on a cluster. */
import type { KubeObject, Pod } from '@timonel/sdk/kube';
import { isPod, podKey, refOf, type Cluster, type Measured, type ObjectRef } from './cluster.ts';
import { makeNamespace, makeNamespaces, makeNodes, makeObjects } from './objects.ts';
import type { Barrier, Churn, CreatePods, DeletePods, Operation } from './workload/operations.ts';

interface CreatedPod {
  readonly key: string;
  readonly ref: ObjectRef;
  readonly labels: Readonly<Record<string, string>>;
}

/** So that a fast beat does not wait for answers. */
const churnAtOnce = 32;

const hasLabels = (labels: Readonly<Record<string, string>>, wanted: Readonly<Record<string, string>>): boolean =>
  Object.entries(wanted).every(([key, value]) => labels[key] === value);

interface Beat {
  readonly intervalMs: number;
  /** Most turns under way. */
  readonly atOnce: number;
  readonly turns: number;
}

const pause = (ms: number): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, ms);
  });

/** Takes a turn every so often; late turns are made up for. */
async function inTurns(
  { intervalMs, atOnce, turns }: Beat,
  signal: AbortSignal,
  take: (turn: number) => Promise<void>,
): Promise<void> {
  const began = performance.now();
  const under = new Set<Promise<void>>();
  const failures: unknown[] = [];
  for (let turn = 0; turn < turns && !signal.aborted && failures.length === 0; turn += 1) {
    const waitMs = began + (turn + 1) * intervalMs - performance.now();
    if (waitMs > 0) await pause(waitMs);
    if (signal.aborted) break;
    const work: Promise<void> = take(turn)
      .catch((error: unknown) => void failures.push(error))
      .finally(() => under.delete(work));
    under.add(work);
    if (under.size >= atOnce) await Promise.race(under);
  }
  await Promise.all(under);
  if (failures.length > 0) throw failures[0];
}

export class Executor {
  readonly #cluster: Cluster;
  readonly #namespaces = new Set(['default']);
  readonly #pods = new Map<string, CreatedPod[]>();
  readonly #results: Measured[] = [];
  readonly #background: Promise<void>[] = [];
  readonly #ending = new AbortController();
  #failure: unknown;
  #nodes = 0;

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  /** Resolves with what each collection of metrics has measured. */
  async run(operations: readonly Operation[]): Promise<readonly Measured[]> {
    try {
      for (const [at, operation] of operations.entries()) {
        await this.#operate(operation, at);
        if (this.#failure !== undefined) throw this.#failure;
      }
    } finally {
      this.#ending.abort();
      await Promise.all(this.#background);
    }
    this.#cluster.check();
    return this.#results;
  }

  async #operate(operation: Operation, at: number): Promise<void> {
    switch (operation.opcode) {
      case 'createNodes':
        await this.#cluster.create(makeNodes(operation, this.#nodes));
        this.#nodes += operation.count;
        return;
      case 'createNamespaces':
        for (const { metadata } of makeNamespaces(operation)) this.#namespaces.add(metadata.name ?? '');
        return this.#cluster.create(makeNamespaces(operation));
      case 'createPods':
        return this.#createPods(operation, at, operation.namespace ?? `namespace-${at}`);
      case 'createPodSets':
        for (let set = 0; set < operation.count; set += 1)
          await this.#createPods(operation.createPods, at, `${operation.namespacePrefix}-${set}`);
        return;
      case 'createAny': {
        const namespace = operation.namespace ?? 'default';
        await this.#needNamespace(namespace);
        return this.#cluster.create(
          makeObjects(operation.template, operation.count, namespace, (index) => `${at}-${index}`),
        );
      }
      case 'deletePods':
        return this.#deletePods(operation);
      case 'churn':
        return this.#churn(operation, at);
      case 'barrier':
        return this.#barrier(operation);
      case 'sleep':
        return pause(operation.ms);
      case 'startCollectingMetrics':
        return this.#cluster.beginMeasuring(
          ({ metadata }) =>
            operation.namespaces.includes(metadata.namespace ?? '') &&
            hasLabels(metadata.labels ?? {}, operation.labels),
        );
      case 'stopCollectingMetrics':
        this.#results.push(this.#cluster.endMeasuring());
        return;
    }
  }

  async #needNamespace(name: string): Promise<void> {
    if (this.#namespaces.has(name)) return;
    this.#namespaces.add(name);
    await this.#cluster.create([makeNamespace(name)]);
  }

  #note(objects: readonly KubeObject[], namespace: string): readonly string[] {
    const known = this.#pods.get(namespace) ?? [];
    this.#pods.set(namespace, known);
    const created = objects.filter(isPod).map((pod) => {
      return { key: podKey(pod), ref: refOf(pod), labels: pod.metadata.labels ?? {} };
    });
    for (const pod of created) known.push(pod);
    return created.map(({ key }) => key);
  }

  async #createPods(operation: CreatePods, at: number, namespace: string): Promise<void> {
    await this.#needNamespace(namespace);
    const { template, count, collectMetrics, skipWaitToCompletion, steadyMs } = operation;
    if (collectMetrics) this.#cluster.beginMeasuring(({ metadata }: Pod) => metadata.namespace === namespace);
    if (steadyMs === undefined) {
      const pods = makeObjects(template, count, namespace, (index) => `${at}-${index}`);
      const keys = this.#note(pods, namespace);
      await this.#cluster.create(pods);
      if (!skipWaitToCompletion) await this.#cluster.bound(keys);
    } else await this.#steadyPods(operation, at, namespace, steadyMs);
    if (collectMetrics) this.#results.push(this.#cluster.endMeasuring());
  }

  /** So many at once, each replaced by a new one when it is bound. */
  async #steadyPods({ template, count }: CreatePods, at: number, namespace: string, ms: number): Promise<void> {
    const until = performance.now() + ms;
    let serial = 0;
    const replace = async (): Promise<void> => {
      while (performance.now() < until) {
        const [pod] = makeObjects(template, 1, namespace, () => `${at}-${serial++}`);
        if (pod === undefined) return;
        await this.#cluster.create([pod]);
        await this.#cluster.bound([podKey(pod)]);
        await this.#cluster.remove(refOf(pod));
      }
    };
    await Promise.all(Array.from({ length: count }, replace));
  }

  #inBackground(work: Promise<void>): void {
    this.#background.push(
      work.catch((error: unknown) => {
        this.#failure ??= error;
      }),
    );
  }

  async #deletePods({ namespace, labels, perSecond, skipWaitToCompletion }: DeletePods): Promise<void> {
    const known = this.#pods.get(namespace) ?? [];
    const going = known.filter((pod) => hasLabels(pod.labels, labels));
    this.#pods.set(
      namespace,
      known.filter((pod) => !hasLabels(pod.labels, labels)),
    );
    const never = new AbortController().signal;
    const all = async (signal: AbortSignal): Promise<void> => {
      const beat = { intervalMs: 1000 / perSecond, atOnce: 1, turns: going.length };
      const remove = async (turn: number): Promise<void> => this.#cluster.remove((going[turn] as CreatedPod).ref);
      if (perSecond > 0) await inTurns(beat, signal, remove);
      else await Promise.all(going.map(({ ref }) => this.#cluster.remove(ref)));
    };
    if (skipWaitToCompletion) this.#inBackground(all(this.#ending.signal));
    else await all(never);
  }

  async #churn({ mode, number, intervalMs, templates, ...rest }: Churn, at: number): Promise<void> {
    const namespace = rest.namespace ?? `namespace-${at}`;
    await this.#needNamespace(namespace);
    const make = (turn: number): KubeObject[] =>
      templates.flatMap((template) => makeObjects(template, 1, namespace, () => `${at}-${turn}`));
    const standing: (readonly KubeObject[] | undefined)[] = [];
    const create = (turn: number): Promise<void> => this.#cluster.create(make(turn));
    const recreate = async (turn: number): Promise<void> => {
      const old = standing[turn % number];
      standing[turn % number] = old === undefined ? make(turn) : undefined;
      if (old === undefined) await this.#cluster.create(standing[turn % number] ?? []);
      else for (const object of old) await this.#cluster.remove(refOf(object));
    };
    const beat =
      mode === 'create'
        ? { intervalMs, atOnce: churnAtOnce, turns: number || Infinity }
        : { intervalMs, atOnce: 1, turns: Infinity };
    this.#inBackground(inTurns(beat, this.#ending.signal, mode === 'create' ? create : recreate));
  }

  async #barrier({ namespaces, labels, stage }: Barrier): Promise<void> {
    const strange = namespaces.find((namespace) => !this.#pods.has(namespace));
    if (strange !== undefined) throw new Error(`a barrier waits for pods of "${strange}", where there are none`);
    const wanted = namespaces.length === 0 ? [...this.#pods.keys()] : namespaces;
    const keys = wanted
      .flatMap((namespace) => this.#pods.get(namespace) ?? [])
      .filter((pod) => hasLabels(pod.labels, labels))
      .map(({ key }) => key);
    await (stage === 'Scheduled' ? this.#cluster.bound(keys) : this.#cluster.attempted(keys));
  }
}
