/** What informers tell, brought into the state, the queue and the events. */
import { errorMessage } from '@timonel/sdk';
import { jsonEqual, type Informers } from '@timonel/sdk/controller';
import type { PodInfo } from '@timonel/sdk/contracts/scheduler';
import { nodes, pods, type Node, type Pod } from '@timonel/sdk/kube';
import type { Core } from '../core.ts';
import { loseNomination } from '../state/lose-nomination.ts';
import { takeOff } from '../state/take-off.ts';
import type { WaitingPod } from './waiting-pod.ts';

const finished = (pod: Pod): boolean => pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed';
const schedulerNameOf = (pod: Pod): string => pod.spec.schedulerName ?? 'default-scheduler';

export class Intake {
  readonly #core: Core;

  constructor(core: Core) {
    this.#core = core;
  }

  follow(informers: Informers): void {
    informers.for(pods).addHandler({
      added: (pod) => this.podSeen(pod),
      updated: (pod, old) => this.podSeen(pod, old),
      deleted: (pod) => this.podGone(pod.metadata.uid ?? ''),
    });
    informers.for(nodes).addHandler({
      added: (node) => this.nodeSeen(node),
      updated: (node) => this.nodeSeen(node),
      deleted: (node) => this.nodeGone(node.metadata.name ?? ''),
    });
  }

  podSeen(pod: Pod, old?: Pod): void {
    const uid = pod.metadata.uid ?? '';
    if (finished(pod)) this.podGone(uid);
    else if (pod.spec.nodeName) this.#placed(pod, pod.spec.nodeName);
    else if (pod.metadata.deletionTimestamp !== undefined || !this.#core.current.takes(schedulerNameOf(pod))) {
      this.podGone(uid);
    } else this.#waiting(pod, old);
  }

  podGone(uid: string): void {
    const { queue, observer } = this.#core;
    this.#core.cancelAdmission(uid, 'the pod is gone');
    if (queue.get(uid) !== undefined) observer.podGone(uid);
    this.#waitsNoMore(uid);
    this.#core.assumed.delete(uid);
    takeOff(this.#core, uid);
  }

  nodeSeen(node: Node): void {
    const { state, turn, nominations } = this.#core;
    const change = state.setNode(node);
    if (change.what === 'added') {
      nominations.nodeCame(node.metadata.name ?? '');
      turn.emit({ kind: 'node-added', node });
    } else if (change.parts.length > 0) {
      turn.emit({ kind: 'node-updated', node, old: change.old, parts: change.parts });
    }
  }

  /** Whoever was to go there is tried again at once. */
  nodeGone(name: string): void {
    const { state, turn, nominations, preemptions, queue, status } = this.#core;
    turn.nodeLeft(name);
    this.#core.cancelAdmissionsTo(name);
    for (const pod of nominations.onNode(name)) {
      nominations.delete(pod.uid);
      preemptions.drop(pod.uid);
      if (this.#core.active()) status.write(pod.pod, { nominatedNodeName: null });
      queue.activate(pod.uid);
    }
    const node = state.row(name)?.node;
    state.removeNode(name);
    if (node !== undefined) turn.emit({ kind: 'node-removed', node });
  }

  /** Another scheduler is in charge, which takes other pods. */
  reconsider(known: Iterable<Pod>): void {
    for (const pod of known) {
      if (pod.spec.nodeName) continue;
      const waits = this.#core.queue.get(pod.metadata.uid ?? '') !== undefined;
      // Of a pod that waits, more is known than its last version says.
      this.podSeen(pod, waits ? pod : undefined);
    }
  }

  /** What is known of other objects may be complete only now, and decides about the class of a pod. */
  lookAgain(waiting: WaitingPod): void {
    const info = this.#parsed(waiting.pod.pod);
    if (info !== undefined) this.#core.queue.put(info, this.#core.env.clock.monotonic());
    if (waiting.place === 'gated') this.#markGated(waiting);
  }

  /** Says on a gated pod that it is. */
  #markGated({ pod, gate }: WaitingPod): void {
    if (gate === undefined || !this.#core.active()) return;
    const message = gate.reason ?? 'Scheduling is blocked';
    this.#core.status.write(pod.pod, { because: { reason: 'SchedulingGated', message } });
  }

  #placed(pod: Pod, nodeName: string): void {
    const { state } = this.#core;
    const uid = pod.metadata.uid ?? '';
    const info = this.#renewed(pod, state.placementOf(uid)?.pod);
    if (info === undefined) return;
    if (this.#core.assumed.delete(uid) && state.placementOf(uid)?.nodeName !== nodeName) {
      this.#core.cancelAdmission(uid, 'it is bound to another node');
    }
    this.#waitsNoMore(uid);
    this.#count(info, nodeName);
  }

  #count(info: PodInfo, nodeName: string): void {
    const { state, turn } = this.#core;
    const before = state.place(info, nodeName);
    if (before?.nodeName === nodeName) {
      if (before.pod.class.key === info.class.key) return;
      turn.emit({ kind: 'pod-updated', pod: info, old: before.pod, nodeName });
      return;
    }
    if (before !== undefined) turn.emit({ kind: 'pod-removed', ...before });
    turn.emit({ kind: 'pod-bound', pod: info, nodeName });
  }

  #waiting(pod: Pod, old: Pod | undefined): void {
    const { queue, assumed, turn, env } = this.#core;
    const uid = pod.metadata.uid ?? '';
    const known = queue.get(uid);
    if (known === undefined && assumed.has(uid)) return;
    const info = this.#renewed(pod, known?.pod);
    if (info === undefined) return;
    const waiting = queue.put(info, env.clock.monotonic());
    if (assumed.has(uid)) {
      const placement = this.#core.state.placementOf(uid);
      if (placement !== undefined) this.#count(info, placement.nodeName);
      return;
    }
    this.#adoptNomination(waiting.pod, old);
    if (waiting.place === 'gated') this.#markGated(waiting);
    turn.wake();
  }

  /** A nomination that was made before this process looked, or by somebody else. Ours come back as changes while we write. */
  #adoptNomination(info: PodInfo, old: Pod | undefined): void {
    const { nominations, status } = this.#core;
    const nodeName = info.pod.status?.nominatedNodeName;
    if (old !== undefined && old.status?.nominatedNodeName === nodeName) return;
    if (status.busy(info.uid) || nominations.nodeOf(info.uid) === nodeName) return;
    loseNomination(this.#core, info);
    if (nodeName) nominations.set(info, nodeName);
  }

  #waitsNoMore(uid: string): void {
    const { queue, preemptions, status } = this.#core;
    const waiting = queue.get(uid);
    queue.delete(uid);
    preemptions.drop(uid);
    status.forget(uid);
    if (waiting !== undefined) loseNomination(this.#core, waiting.pod);
  }

  /** Most changes are of the status: the class of the pod stays. undefined: what the API let pass makes no sense to us. */
  #renewed(pod: Pod, known: PodInfo | undefined): PodInfo | undefined {
    if (known === undefined) return this.#parsed(pod);
    if (known.pod === pod) return known;
    const { metadata, spec } = known.pod;
    const same =
      jsonEqual(metadata.labels, pod.metadata.labels) &&
      jsonEqual(metadata.annotations, pod.metadata.annotations) &&
      jsonEqual({ ...spec, nodeName: '' }, { ...pod.spec, nodeName: '' });
    return same ? { ...known, pod } : this.#parsed(pod);
  }

  #parsed(pod: Pod): PodInfo | undefined {
    try {
      return this.#core.infoOf(pod);
    } catch (error) {
      const { namespace = '', name = '' } = pod.metadata;
      const fields = { pod: `${namespace}/${name}`, err: { message: errorMessage(error) } };
      this.#core.log.error(fields, 'a pod cannot be understood; it is not scheduled, nor counted on its node');
      return undefined;
    }
  }
}
