/** A cluster as small as can be: nodes, and pods and revisions of one daemon set, to which actions are applied as the API would. */
import type { Action } from '@timonel/sdk/controller';
import { wantedRevisionName } from '@timonel/sdk/controller/revisions';
import type { ControllerRevision, DaemonSet, KubeObject, Node, Pod, Taint } from '@timonel/sdk/kube';
import type { Observed } from '../assess.ts';
import { targetNode } from '../daemon-pod.ts';
import { reconcile } from '../reconcile.ts';
import { planStatus } from '../status.ts';

export const startMs = Date.parse('2026-01-01T00:00:00Z');

export function agentSet(more: Partial<DaemonSet['spec']> = {}, image = 'agent:1'): DaemonSet {
  return {
    metadata: { name: 'agent', namespace: 'default', uid: 'set-uid', generation: 1 },
    spec: {
      selector: { matchLabels: { app: 'agent' } },
      template: { metadata: { labels: { app: 'agent' } }, spec: { containers: [{ name: 'main', image }] } },
      updateStrategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 1, maxSurge: 0 } },
      ...more,
    },
  };
}

export function node(name: string, labels: Record<string, string> = {}, taints: Taint[] = []): Node {
  return { metadata: { name, labels }, spec: { taints } };
}

export class Model {
  set: DaemonSet;
  nowMs = startMs;
  readonly nodes = new Map<string, Node>();
  readonly pods = new Map<string, Pod>();
  readonly revisions = new Map<string, ControllerRevision>();
  readonly endedDueMs = new Map<string, number>();
  #serial = 0;

  constructor(set: DaemonSet, nodeCount: number) {
    this.set = set;
    for (let index = 0; index < nodeCount; index += 1) this.nodes.set(`node-${index}`, node(`node-${index}`));
  }

  observe(): Observed {
    return {
      subject: this.set,
      nowMs: this.nowMs,
      timestamp: new Date(this.nowMs).toISOString(),
      nodes: [...this.nodes.values()],
      pods: [...this.pods.values()],
      revisions: {
        revisions: [...this.revisions.values()],
        atName: this.revisions.get(wantedRevisionName(this.set)),
      },
      endedDueMs: this.endedDueMs,
    };
  }

  /** One pass; answers its actions but those that tell only. */
  pass(): Action[] {
    const observed = this.observe();
    const { actions } = reconcile(observed);
    for (const action of actions) this.#apply(action);
    this.set = { ...this.set, status: planStatus({ ...observed, subject: this.set }).status };
    return actions.filter((action) => action.do !== 'event');
  }

  /** Pods on a node that are not being deleted. */
  on(nodeName: string): Pod[] {
    return [...this.pods.values()].filter(
      (pod) => targetNode(pod) === nodeName && pod.metadata.deletionTimestamp === undefined,
    );
  }

  change(name: string, phase: string, ready = false): void {
    const pod = this.pods.get(name);
    if (pod === undefined) return;
    const status = ready ? ('True' as const) : ('False' as const);
    const conditions = [{ type: 'Ready', status, lastTransitionTime: new Date(this.nowMs).toISOString() }];
    const spec = { ...pod.spec, nodeName: targetNode(pod) ?? '' };
    this.pods.set(name, { ...pod, spec, status: { phase, conditions } });
  }

  /** Every pod becomes ready; those that are being deleted go. */
  allWell(): boolean {
    let moved = false;
    for (const [name, pod] of this.pods) {
      if (pod.metadata.deletionTimestamp !== undefined) this.pods.delete(name);
      else if (pod.status?.phase === 'Pending') this.change(name, 'Running', true);
      else continue;
      moved = true;
    }
    return moved;
  }

  #apply(action: Action): void {
    switch (action.do) {
      case 'create':
        return this.#create(action.object);
      case 'update': {
        const { name = '' } = action.next.metadata;
        if ('revision' in action.next) this.revisions.set(name, action.next as ControllerRevision);
        else this.pods.set(name, action.next as Pod);
        return undefined;
      }
      case 'delete':
        return this.#delete(action.object);
      case 'event':
        return undefined;
      default:
        throw new Error(`no action of a daemon set: ${action.do}`);
    }
  }

  #create(object: KubeObject): void {
    this.#serial += 1;
    const uid = `uid-${this.#serial}`;
    if ('revision' in object) {
      const { name = '' } = object.metadata;
      if (this.revisions.has(name)) throw new Error(`${name} exists already`);
      this.revisions.set(name, { ...(object as ControllerRevision), metadata: { ...object.metadata, uid } });
      return;
    }
    const name = `agent-${String(this.#serial).padStart(6, '0')}`;
    const creationTimestamp = new Date(this.nowMs + this.#serial * 1000).toISOString();
    const metadata = { ...object.metadata, name, uid, creationTimestamp };
    this.pods.set(name, { ...(object as Pod), metadata, status: { phase: 'Pending' } });
  }

  #delete({ metadata: { name = '', uid } }: KubeObject): void {
    if (this.revisions.get(name)?.metadata.uid === uid) {
      this.revisions.delete(name);
      return;
    }
    const pod = this.pods.get(name);
    if (pod?.metadata.uid !== uid || pod === undefined) throw new Error(`${name} of that uid is not there`);
    if (pod.metadata.deletionTimestamp !== undefined) throw new Error(`${name} is being deleted already`);
    const deletionTimestamp = new Date(this.nowMs).toISOString();
    this.pods.set(name, { ...pod, metadata: { ...pod.metadata, deletionTimestamp } });
  }
}

/** `create node-1 (PodMissing)`. */
export function brief(actions: readonly Action[]): string[] {
  return actions.map((action) => {
    if (!('object' in action)) return `event ${action.event?.reason} (${action.cause.code})`;
    const on = 'revision' in action.object ? 'revision' : targetNode(action.object as Pod);
    return `${action.do} ${on} (${action.cause.code})`;
  });
}
