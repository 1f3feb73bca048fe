/** A cluster as small as can be: pods, revisions and claims of one stateful set, to which actions are applied as the API would. */
import type { Action } from '@timonel/sdk/controller';
import { wantedRevisionName } from '@timonel/sdk/controller/revisions';
import type { ControllerRevision, KubeObject, PersistentVolumeClaim, Pod, StatefulSet } from '@timonel/sdk/kube';
import type { Observed } from '../assess.ts';
import { reconcile } from '../reconcile.ts';
import { planStatus } from '../status.ts';

export const startMs = Date.parse('2026-01-01T00:00:00Z');

export function webSet(replicas: number, more: Partial<StatefulSet['spec']> = {}, image = 'web:1'): StatefulSet {
  return {
    metadata: { name: 'web', namespace: 'default', uid: 'set-uid', generation: 1 },
    spec: {
      replicas,
      serviceName: 'web',
      selector: { matchLabels: { app: 'web' } },
      template: { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'main', image }] } },
      updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 0 } },
      ...more,
    },
  };
}

export const withData = {
  volumeClaimTemplates: [{ metadata: { name: 'data' }, spec: { accessModes: ['ReadWriteOnce'] } }],
};

export class Model {
  set: StatefulSet;
  nowMs = startMs;
  readonly pods = new Map<string, Pod>();
  readonly revisions = new Map<string, ControllerRevision>();
  readonly claims = new Map<string, PersistentVolumeClaim>();
  readonly failedDueMs = new Map<string, number>();
  #serial = 0;

  constructor(set: StatefulSet) {
    this.set = set;
  }

  observe(): Observed {
    const revisions = [...this.revisions.values()];
    return {
      subject: this.set,
      nowMs: this.nowMs,
      timestamp: new Date(this.nowMs).toISOString().replace(/\.\d+Z$/, 'Z'),
      pods: [...this.pods.values()],
      revisions: { revisions, atName: this.revisions.get(wantedRevisionName(this.set)) },
      claims: this.claims,
      failedDueMs: this.failedDueMs,
    };
  }

  /** One pass; answers its actions but those that tell only. */
  pass(): Action[] {
    const observed = this.observe();
    const { actions } = reconcile(observed);
    for (const action of actions) this.apply(action);
    const plan = planStatus({ ...observed, subject: this.set });
    this.set = { ...this.set, status: plan.status };
    return actions.filter((action) => action.do !== 'event');
  }

  apply(action: Action): void {
    switch (action.do) {
      case 'create':
        return this.#create(action.object);
      case 'update':
        return this.#put(action.next);
      case 'delete':
        return this.#delete(action.object);
      case 'event':
        return undefined;
      default:
        throw new Error(`no action of a stateful set: ${action.do}`);
    }
  }

  ready(name: string, since: number = this.nowMs): void {
    const pod = this.pods.get(name);
    if (pod === undefined) return;
    const lastTransitionTime = new Date(since).toISOString();
    const conditions = [{ type: 'Ready', status: 'True' as const, lastTransitionTime }];
    this.pods.set(name, { ...pod, status: { phase: 'Running', conditions } });
  }

  phase(name: string, phase: string): void {
    const pod = this.pods.get(name);
    if (pod !== undefined) this.pods.set(name, { ...pod, status: { phase } });
  }

  /** The kubelet has ended a pod that is being deleted. */
  gone(name: string): void {
    if (this.pods.get(name)?.metadata.deletionTimestamp !== undefined) this.pods.delete(name);
  }

  #mapOf(object: KubeObject): Map<string, KubeObject> {
    if ('revision' in object) return this.revisions;
    const isPod = 'containers' in ((object as Partial<Pod>).spec ?? {});
    return isPod ? this.pods : this.claims;
  }

  #create(object: KubeObject): void {
    const name = object.metadata.name ?? '';
    const map = this.#mapOf(object);
    if (map.has(name)) throw new Error(`${name} exists already`);
    this.#serial += 1;
    const status = map === (this.pods as Map<string, KubeObject>) ? { status: { phase: 'Pending' } } : {};
    map.set(name, { ...object, ...status, metadata: { ...object.metadata, uid: `uid-${this.#serial}` } });
  }

  #put(object: KubeObject): void {
    const map = this.#mapOf(object);
    if (!map.has(object.metadata.name ?? '')) throw new Error('it is not there');
    map.set(object.metadata.name ?? '', object);
  }

  #delete(object: KubeObject): void {
    const map = this.#mapOf(object);
    const name = object.metadata.name ?? '';
    if (map.get(name)?.metadata.uid !== object.metadata.uid) throw new Error(`${name} of that uid is not there`);
    if (map !== (this.pods as Map<string, KubeObject>)) map.delete(name);
    else
      map.set(name, {
        ...object,
        metadata: { ...object.metadata, deletionTimestamp: new Date(this.nowMs).toISOString() },
      });
  }
}

/** `create web-0 (PodMissing)`. */
export function brief(actions: readonly Action[]): string[] {
  return actions.map((action) => {
    const name = 'object' in action ? (action.object.metadata.name ?? '') : action.event?.reason;
    return `${action.do} ${name} (${action.cause.code})`;
  });
}
