/** A whole server behind HTTPS: objects are created by requests, bindings are seen by a watch. */
import type { KubeObject, Node, Pod } from '@timonel/sdk/kube';
import type { ServedAt } from '../api/server.ts';
import { cpuMicros } from '../store/process-usage.ts';
import { isPod, podKey, type Cluster, type Measured, type ObjectRef } from './cluster.ts';
import { Connections, getJson, openLines } from './connections.ts';
import { Meter } from './meter.ts';
import type { Utilisation } from './utilisation.ts';
import { Placements } from './placements.ts';
import { Reached } from './waiting.ts';

const connectionCount = 48;
/** Whoever is slower misses every figure that is wanted. */
const limitMs = 60_000;
const pollMs = 250;
const boundPods = '/api/v1/pods?watch=1&allowWatchBookmarks=false&fieldSelector=spec.nodeName%21%3D';

const clusterWide: ReadonlyMap<string, string> = new Map([
  ['v1/Node', '/api/v1/nodes'],
  ['v1/Namespace', '/api/v1/namespaces'],
  ['v1/PersistentVolume', '/api/v1/persistentvolumes'],
  ['scheduling.k8s.io/v1/PriorityClass', '/apis/scheduling.k8s.io/v1/priorityclasses'],
  ['storage.k8s.io/v1/StorageClass', '/apis/storage.k8s.io/v1/storageclasses'],
  ['storage.k8s.io/v1/CSINode', '/apis/storage.k8s.io/v1/csinodes'],
]);
const namespaced: ReadonlyMap<string, readonly [base: string, resource: string]> = new Map([
  ['v1/Pod', ['/api/v1', 'pods']],
  ['v1/Service', ['/api/v1', 'services']],
  ['v1/ConfigMap', ['/api/v1', 'configmaps']],
  ['v1/Secret', ['/api/v1', 'secrets']],
  ['v1/PersistentVolumeClaim', ['/api/v1', 'persistentvolumeclaims']],
  ['policy/v1/PodDisruptionBudget', ['/apis/policy/v1', 'poddisruptionbudgets']],
]);

function collectionOf(apiVersion: string, kind: string, namespace: string | undefined): string {
  const wide = clusterWide.get(`${apiVersion}/${kind}`);
  if (wide !== undefined) return wide;
  const found = namespaced.get(`${apiVersion}/${kind}`);
  if (found === undefined) throw new Error(`the benchmark does not know how to create a ${kind} of ${apiVersion}`);
  return `${found[0]}/namespaces/${namespace ?? 'default'}/${found[1]}`;
}

interface PodEvent {
  readonly type: string;
  readonly object: Pod;
}

export class HttpCluster implements Cluster {
  readonly #server: ServedAt;
  readonly #connections: Connections;
  readonly #bound = new Reached('bound');
  readonly #meter = new Meter();
  readonly #placements = new Placements();
  /** Keys of gated pods, which nobody will look at. */
  readonly #gated = new Set<string>();
  readonly #serverPid: number;
  #cpuAtBegin = 0;
  #close: () => void = () => undefined;
  #failure: Error | undefined;

  static async open(server: ServedAt, serverPid: number): Promise<HttpCluster> {
    const cluster = new HttpCluster(server, serverPid, await Connections.open(server, connectionCount));
    await cluster.#watch();
    return cluster;
  }

  private constructor(server: ServedAt, serverPid: number, connections: Connections) {
    this.#server = server;
    this.#serverPid = serverPid;
    this.#connections = connections;
  }

  get utilisation(): Utilisation {
    return this.#placements.utilisation;
  }

  async create(objects: readonly KubeObject[]): Promise<void> {
    let next = 0;
    const worker = async (): Promise<void> => {
      while (next < objects.length) {
        const object = objects[next++];
        if (object !== undefined) await this.#createOne(object);
      }
    };
    await Promise.all(Array.from({ length: Math.min(connectionCount, objects.length) }, worker));
  }

  async remove({ apiVersion, kind, namespace, name }: ObjectRef): Promise<void> {
    const path = `${collectionOf(apiVersion, kind, namespace)}/${name}`;
    // Nobody is there who would end the containers of a pod.
    const body = kind === 'Pod' ? '{"kind":"DeleteOptions","apiVersion":"v1","gracePeriodSeconds":0}' : '{}';
    try {
      await this.#connections.ask({ method: 'DELETE', path, body });
    } catch (error) {
      // A victim of preemption has gone before.
      if (!String(error).includes('answer 404')) throw error;
    }
    if (kind === 'Node') this.#placements.removeNode(name);
  }

  bound(pods: readonly string[]): Promise<void> {
    return this.#bound.all(pods, limitMs);
  }

  async attempted(pods: readonly string[]): Promise<void> {
    const wanted = new Set(pods.filter((key) => !this.#gated.has(key)));
    const until = performance.now() + limitMs;
    for (;;) {
      for (const key of wanted) if (this.#bound.has(key)) wanted.delete(key);
      if (wanted.size === 0) return;
      const { items } = (await getJson(this.#server, '/api/v1/pods?resourceVersion=0')) as { items: readonly Pod[] };
      for (const pod of items) {
        if (pod.status?.conditions?.some(({ type }) => type === 'PodScheduled')) wanted.delete(podKey(pod));
      }
      if (performance.now() > until) throw new Error(`${wanted.size} pods were not attempted after ${limitMs} ms`);
      await new Promise<void>((resolve) => {
        setTimeout(resolve, pollMs);
      });
    }
  }

  check(): void {
    this.#placements.check();
  }

  beginMeasuring(isMeasured: (pod: Pod) => boolean): void {
    this.#meter.begin(isMeasured);
    this.#cpuAtBegin = cpuMicros([this.#serverPid]);
  }

  endMeasuring(): Measured {
    if (this.#failure !== undefined) throw this.#failure;
    const { pods, bound, seconds, createToBoundMs } = this.#meter.end(performance.now());
    const cpuMicrosPerPod = (cpuMicros([this.#serverPid]) - this.#cpuAtBegin) / bound;
    const decisionMs = { p50: Number.NaN, p99: Number.NaN };
    return { pods, bound, perSecond: bound / seconds, createToBoundMs, cpuMicrosPerPod, decisionMs };
  }

  close(): void {
    this.#close();
    this.#connections.close();
  }

  async #createOne(object: KubeObject): Promise<void> {
    const { apiVersion = 'v1', kind = '', metadata } = object;
    const path = collectionOf(apiVersion, kind, metadata.namespace);
    if (isPod(object)) {
      if (((object.spec['schedulingGates'] ?? []) as readonly unknown[]).length > 0) this.#gated.add(podKey(object));
      this.#meter.created(object, performance.now());
    } else if (kind === 'Node') this.#placements.addNode(object as Node);
    await this.#connections.ask({ method: 'POST', path, body: JSON.stringify(object) });
  }

  async #watch(): Promise<void> {
    const fail = (error: Error): void => {
      this.#failure ??= error;
      this.#bound.fail(error);
    };
    const onLine = (line: string): void => {
      try {
        this.#onEvent(JSON.parse(line) as PodEvent);
      } catch (error) {
        fail(error as Error);
      }
    };
    const { close } = await openLines(this.#server, boundPods, onLine, fail);
    this.#close = close;
  }

  #onEvent({ type, object }: PodEvent): void {
    const now = performance.now();
    const nodeName = object.spec?.nodeName;
    if (type === 'ERROR' || !nodeName) throw new Error(`the watch says ${type}: ${JSON.stringify(object)}`);
    if (type === 'DELETED') this.#placements.displace(podKey(object));
    if (type !== 'ADDED') return;
    const key = podKey(object);
    this.#placements.place(object, nodeName);
    this.#meter.bound(key, now);
    this.#bound.mark(key);
  }
}
