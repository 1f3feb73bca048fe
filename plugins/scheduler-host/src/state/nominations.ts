/**
 * Pods that victims make room for, with the node whose room is theirs. They stand in the `nominated` pods of that node's row, where
 * schedulers see them; what a nomination means for which pod is the scheduler's business.
 */
import type { PodInfo } from '@timonel/sdk/contracts/scheduler';
import type { ClusterState } from './cluster-state.ts';

interface Nomination {
  readonly pod: PodInfo;
  readonly nodeName: string;
}

export class Nominations {
  readonly #state: ClusterState;
  readonly #byUid = new Map<string, Nomination>();
  readonly #byNode = new Map<string, Map<string, PodInfo>>();

  constructor(state: ClusterState) {
    this.#state = state;
  }

  get size(): number {
    return this.#byUid.size;
  }

  nodeOf(uid: string): string | undefined {
    return this.#byUid.get(uid)?.nodeName;
  }

  set(pod: PodInfo, nodeName: string): void {
    const known = this.#byUid.get(pod.uid);
    if (known?.nodeName === nodeName && known.pod.class.key === pod.class.key) return;
    this.delete(pod.uid);
    this.#byUid.set(pod.uid, { pod, nodeName });
    const onNode = this.#byNode.get(nodeName) ?? new Map<string, PodInfo>();
    this.#byNode.set(nodeName, onNode);
    onNode.set(pod.uid, pod);
    this.#show(nodeName);
  }

  /** Answers the node whose room is free again. */
  delete(uid: string): string | undefined {
    const nomination = this.#byUid.get(uid);
    if (nomination === undefined) return undefined;
    const { nodeName } = nomination;
    this.#byUid.delete(uid);
    const onNode = this.#byNode.get(nodeName);
    onNode?.delete(uid);
    if (onNode?.size === 0) this.#byNode.delete(nodeName);
    this.#show(nodeName);
    return nodeName;
  }

  onNode(nodeName: string): readonly PodInfo[] {
    return [...(this.#byNode.get(nodeName)?.values() ?? [])];
  }

  /** Those of a node that have less priority. */
  below(priority: number, nodeName: string): readonly PodInfo[] {
    return this.onNode(nodeName).filter((pod) => pod.class.priority < priority);
  }

  /** After a node came whose pods may be known already. */
  nodeCame(nodeName: string): void {
    if (this.#byNode.has(nodeName)) this.#show(nodeName);
  }

  #show(nodeName: string): void {
    this.#state.nominate(nodeName, this.onNode(nodeName));
  }
}
