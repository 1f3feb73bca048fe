/** What makes pods on a real node: waits for what its status and its pods say, and fails with what they said last. */
import { until } from '../../../support/until.ts';
import type { RealNode } from './real-node.ts';
import type { Shown } from './real-pod.ts';

/** Where objects that tests declare are made. */
export const collections: Readonly<Record<string, string>> = {
  ConfigMap: '/api/v1/namespaces/default/configmaps',
  Secret: '/api/v1/namespaces/default/secrets',
  Service: '/api/v1/namespaces/default/services',
  ServiceAccount: '/api/v1/namespaces/default/serviceaccounts',
  ReplicationController: '/api/v1/namespaces/default/replicationcontrollers',
  DaemonSet: '/apis/apps/v1/namespaces/default/daemonsets',
  Deployment: '/apis/apps/v1/namespaces/default/deployments',
  ReplicaSet: '/apis/apps/v1/namespaces/default/replicasets',
  StatefulSet: '/apis/apps/v1/namespaces/default/statefulsets',
  Job: '/apis/batch/v1/namespaces/default/jobs',
};

const versions: Readonly<Record<string, string>> = { ReplicationController: 'v1', Job: 'batch/v1' };

/** A template of pods that end soon when they are asked to. */
const template = (pod: object, labels: object = {}): object => ({
  metadata: { labels },
  spec: { terminationGracePeriodSeconds: 1, ...pod },
});

/** The selector of a workload, in the shape of its kind. */
function chosenBy(kind: string, labels: object): object {
  if (kind === 'Job') return {};
  return { selector: kind === 'ReplicationController' ? labels : { matchLabels: labels } };
}

export class RealWorkload {
  readonly name: string;
  readonly manifest: Shown;
  /** Those of its pods. */
  readonly labels: Readonly<Record<string, string>>;
  readonly #node: RealNode;

  /** `spec.pod` is that of its pods; the rest of `spec` is its own. */
  constructor(node: RealNode, kind: string, name: string, spec: Shown) {
    const { pod, ...own } = spec;
    this.name = name;
    this.labels = { workload: name };
    this.#node = node;
    this.manifest = {
      apiVersion: versions[kind] ?? 'apps/v1',
      kind,
      metadata: { name, labels: this.labels },
      spec: { ...chosenBy(kind, this.labels), ...own, template: template(pod, this.labels) },
    };
  }

  get path(): string {
    return `${collections[this.manifest.kind]}/${this.name}`;
  }

  /** Its pods that are there, by name. */
  get pods(): Shown[] {
    return this.#node.podsWith(this.labels);
  }

  /** Every event of its pods, oldest first. */
  get changes(): readonly { readonly type: string; readonly object: Shown }[] {
    return this.#node.podEvents.filter(({ object }) => object.metadata?.labels?.workload === this.name);
  }

  create(): Promise<Shown> {
    return this.#node.api.ask('POST', collections[this.manifest.kind] ?? '', this.manifest);
  }

  read(): Promise<Shown> {
    return this.#node.api.ask('GET', this.path);
  }

  patch(body: object): Promise<Shown> {
    return this.#node.patch(this.path, body);
  }

  delete(query = ''): Promise<Shown> {
    return this.#node.api.ask('DELETE', `${this.path}${query}`);
  }

  /** The object once `fits` says yes. */
  async until(what: string, fits: (object: Shown) => unknown, timeoutMs = 20_000): Promise<Shown> {
    let last: Shown;
    const read = async (): Promise<Shown> => (fits((last = await this.read())) ? last : undefined);
    return this.#wait(until(read, { what, timeoutMs, intervalMs: 25 }), () => last?.status);
  }

  /** Its pods once `fits` says yes. */
  async untilPods(what: string, fits: (pods: Shown[]) => unknown, timeoutMs = 20_000): Promise<Shown[]> {
    const pods = until(() => (fits(this.pods) ? this.pods : undefined), { what, timeoutMs, intervalMs: 10 });
    return this.#wait(pods, async () => (await this.read()).status);
  }

  /** So many pods, and all of them ready. */
  ready(count: number): Promise<Shown[]> {
    return this.untilPods(`${count} ready pods`, (pods) => pods.length === count && pods.every(isReady));
  }

  async #wait<T>(wait: Promise<T>, status: () => unknown): Promise<T> {
    try {
      return await wait;
    } catch (error) {
      const shown = JSON.stringify({ status: await status(), pods: this.pods.map(brief) }, undefined, 1);
      throw new Error(`${this.name}: ${(error as Error).message}: ${shown}`, { cause: error });
    }
  }
}

const brief = ({ metadata, status }: Shown): Shown => ({
  name: metadata.name,
  deleted: metadata.deletionTimestamp,
  status,
});

export const isReady = ({ metadata, status }: Shown): boolean =>
  metadata.deletionTimestamp === undefined &&
  status.conditions?.some((one: Shown) => one.type === 'Ready' && one.status === 'True');

export const namesOf = (objects: readonly Shown[]): string[] => objects.map(({ metadata }) => metadata.name);
/** Which containers of a pod run: another id is a restart. */
export const containersOf = ({ status }: Shown): string[] =>
  status.containerStatuses.map(({ containerID }: Shown) => containerID);
