/** A cluster of one deployment in memory, for tests: its replica sets and their pods. Controllers and pods move when a step says so. */
import type { Action, Outcome } from '@timonel/sdk/controller';
import { isPodActive, isPodReady } from '@timonel/sdk/controller';
import {
  observeReplicas,
  reconcileReplicas,
  replicasStatus,
  type ReplicasKind,
} from '@timonel/sdk/controller/replicas';
import {
  controllerOf,
  fromLabelSelector,
  replicaSets,
  type Deployment,
  type KubeObject,
  type Pod,
  type ReplicaSet,
} from '@timonel/sdk/kube';
import { observe, type Observed } from '../observe.ts';
import { reconcile } from '../reconcile.ts';
import { desiredAnnotation, maxAnnotation, revisionAnnotation } from '../revisions.ts';
import { status } from '../status.ts';

export const timestamp = '2026-01-01T00:00:00Z';
export const now = { nowMs: Date.parse(timestamp), timestamp };
export const none: Outcome = { answers: new Map(), existing: [] };

const kind: ReplicasKind<ReplicaSet> = {
  type: replicaSets,
  selectorOf: ({ spec }) => fromLabelSelector(spec.selector),
  countsTerminating: true,
};

export function deployment(image: string, more: Partial<Deployment['spec']> = {}): Deployment {
  return {
    metadata: { name: 'web', namespace: 'default', uid: 'd-uid', generation: 1 },
    spec: {
      replicas: 4,
      selector: { matchLabels: { app: 'web' } },
      template: { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'main', image }] } },
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: 1 } },
      progressDeadlineSeconds: 600,
      ...more,
    },
  };
}

export function observed(subject: Deployment, sets: readonly ReplicaSet[], pods: readonly Pod[] = []): Observed {
  return observe(subject, now, sets, ({ metadata }) => pods.filter((pod) => controllerOf(pod)?.uid === metadata.uid));
}

export const imageOf = (set: ReplicaSet): string | undefined => set.spec.template?.spec.containers[0]?.image;

export class Model {
  deployment: Deployment;
  sets: ReplicaSet[] = [];
  pods: Pod[] = [];
  /** Actions of the deployment's controller. */
  writes = 0;
  /** Statuses of the deployment that were written. */
  statusWrites = 0;
  #serial = 0;

  constructor(object: Deployment) {
    this.deployment = object;
  }

  get declared(): number {
    return this.sets.reduce((sum, set) => sum + (set.spec.replicas ?? 0), 0);
  }

  get active(): number {
    return this.pods.filter(isPodActive).length;
  }

  get available(): number {
    return this.pods.filter((pod) => isPodActive(pod) && isPodReady(pod)).length;
  }

  setOf(image: string): ReplicaSet | undefined {
    return this.sets.find((set) => imageOf(set) === image);
  }

  change(spec: Partial<Deployment['spec']>): void {
    const { metadata, spec: before } = this.deployment;
    const generation = (metadata.generation ?? 0) + 1;
    this.deployment = { ...this.deployment, metadata: { ...metadata, generation }, spec: { ...before, ...spec } };
  }

  /** Somebody writes the annotations of a replica set. */
  annotate(text: {
    readonly desired: string;
    readonly max: string;
    readonly revision: string;
    readonly set: number;
  }): void {
    const set = this.sets[text.set % Math.max(1, this.sets.length)];
    if (set === undefined) return;
    const annotations = {
      ...set.metadata.annotations,
      [desiredAnnotation]: text.desired,
      [maxAnnotation]: text.max,
      [revisionAnnotation]: text.revision,
    };
    this.sets = this.sets.map((one) => (one === set ? { ...set, metadata: { ...set.metadata, annotations } } : one));
  }

  /** The deployment's controller looks once. Answers how many actions it took. */
  pass(at: { readonly nowMs: number; readonly timestamp: string } = now): number {
    const seen = { ...observed(this.deployment, this.sets, this.pods), ...at };
    const { actions } = reconcile(seen);
    const answers = new Map<Action, KubeObject>();
    for (const action of actions) answers.set(action, this.#apply(action));
    this.writes += actions.length;
    const next = status({ ...seen, subject: this.deployment }, { ...none, answers }).status;
    if (JSON.stringify(next) !== JSON.stringify(this.deployment.status)) this.statusWrites += 1;
    this.deployment = { ...this.deployment, status: next };
    return actions.length;
  }

  /** The replica sets' controller looks at one of them once. */
  replicate(index: number): void {
    const at = index % Math.max(1, this.sets.length);
    const set = this.sets[at];
    if (set === undefined) return;
    const own = this.pods.filter((pod) => controllerOf(pod)?.uid === set.metadata.uid);
    const seen = observeReplicas(kind, set, { own, orphans: [], related: () => this.pods }, now);
    for (const action of reconcileReplicas(kind, seen).actions) {
      if (action.do === 'create') this.#add(action.object as Pod);
      else if (action.do === 'delete') this.#edit(action.object, { deletionTimestamp: timestamp });
      else throw new Error(`unexpected: ${action.do}`);
    }
    this.sets[at] = { ...set, status: replicasStatus(kind, seen, none).status };
  }

  /** A pod becomes ready. */
  ready(index: number): void {
    const waiting = this.pods.filter((pod) => isPodActive(pod) && !isPodReady(pod));
    const pod = waiting[index % Math.max(1, waiting.length)];
    if (pod === undefined) return;
    const conditions = [{ type: 'Ready', status: 'True' as const, lastTransitionTime: timestamp }];
    this.pods[this.pods.indexOf(pod)] = { ...pod, status: { phase: 'Running', conditions } };
  }

  /** A pod is not ready any more. */
  unready(index: number): void {
    const running = this.pods.filter((pod) => isPodActive(pod) && isPodReady(pod));
    const pod = running[index % Math.max(1, running.length)];
    if (pod !== undefined) this.pods[this.pods.indexOf(pod)] = { ...pod, status: { phase: 'Running' } };
  }

  /** The last of the pods that are being deleted is gone. */
  end(): void {
    const last = this.pods.findLast(({ metadata }) => metadata.deletionTimestamp !== undefined);
    this.pods = this.pods.filter((pod) => pod !== last);
  }

  /** Lets all controllers and pods go on until the deployment has nothing to do. */
  settle(): void {
    for (let round = 0; round < 300; round++) {
      const actions = this.pass();
      const before = JSON.stringify([this.sets, this.pods]);
      for (let index = 0; index < this.sets.length; index++) this.replicate(index);
      for (let pod = 0; pod < 20; pod++) {
        this.ready(0);
        this.end();
      }
      if (actions === 0 && before === JSON.stringify([this.sets, this.pods]) && this.pass() === 0) return;
    }
    throw new Error('the deployment does not settle');
  }

  #add(pod: Pod): void {
    const name = `${pod.metadata.generateName}${(this.#serial += 1)}`;
    const metadata = { ...pod.metadata, name, uid: name, creationTimestamp: timestamp };
    this.pods.push({ ...pod, metadata, status: { phase: 'Pending' } });
  }

  #edit({ metadata: { uid } }: KubeObject, more: Pod['metadata']): void {
    this.pods = this.pods.map((pod) =>
      pod.metadata.uid === uid ? { ...pod, metadata: { ...pod.metadata, ...more } } : pod,
    );
  }

  #apply(action: Action): KubeObject {
    switch (action.do) {
      case 'create':
        return this.#create(action.object as ReplicaSet);
      case 'update':
        return this.#update(action.next as ReplicaSet);
      case 'delete':
        this.sets = this.sets.filter(({ metadata }) => metadata.uid !== action.object.metadata.uid);
        return action.object;
      case 'patch': {
        const { annotations } = (action.patch.body as KubeObject).metadata;
        const { metadata } = this.deployment;
        const next = { ...metadata, annotations: { ...metadata.annotations, ...annotations } };
        this.deployment = { ...this.deployment, metadata: next };
        return this.deployment;
      }
      default:
        throw new Error(`unexpected: ${action.do}`);
    }
  }

  #create(set: ReplicaSet): ReplicaSet {
    const serial = (this.#serial += 1);
    const creationTimestamp = `2026-01-01T00:${String(Math.floor(serial / 60) % 60).padStart(2, '0')}:${String(serial % 60).padStart(2, '0')}Z`;
    const made = { ...set, metadata: { ...set.metadata, uid: `rs-${serial}`, creationTimestamp, generation: 1 } };
    this.sets.push(made);
    return made;
  }

  #update(next: ReplicaSet): ReplicaSet {
    const at = this.sets.findIndex(({ metadata }) => metadata.uid === next.metadata.uid);
    const isSame = JSON.stringify(this.sets[at]?.spec) === JSON.stringify(next.spec);
    const generation = (next.metadata.generation ?? 0) + (isSame ? 0 : 1);
    const made = { ...next, metadata: { ...next.metadata, generation } };
    this.sets[at] = made;
    return made;
  }
}
