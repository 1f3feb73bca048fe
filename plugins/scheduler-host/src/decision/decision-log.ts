/** The last decisions, in a ring: of each pod a few, of all pods some thousands. Costs O(1) for each decision. */
import type { Decision, PodInfo } from '@timonel/sdk/contracts/scheduler';

export interface LoggedDecision {
  readonly namespace: string;
  readonly name: string;
  readonly podUid: string;
  /** RFC 3339. */
  readonly at: string;
  /** The plugin that decided. */
  readonly scheduler: string;
  /** Nodes at that time. */
  readonly nodeCount: number;
  readonly decision: Decision;
}

export interface DecisionLogLimits {
  readonly all: number;
  readonly ofPod: number;
}

export class DecisionLog {
  readonly #limits: DecisionLogLimits;
  readonly #ring: (LoggedDecision | undefined)[] = [];
  #next = 0;
  readonly #byPod = new Map<string, LoggedDecision[]>();
  /** `namespace/name` → uid of the pod that had this name last. */
  readonly #byName = new Map<string, string>();

  constructor(limits: DecisionLogLimits = { all: 5000, ofPod: 8 }) {
    this.#limits = limits;
  }

  add(
    pod: Pick<PodInfo, 'uid' | 'namespace' | 'name'>,
    decision: Decision,
    context: Pick<LoggedDecision, 'at' | 'scheduler' | 'nodeCount'>,
  ): void {
    const { uid, namespace, name } = pod;
    const logged: LoggedDecision = { namespace, name, podUid: uid, ...context, decision };
    this.#forget(this.#ring[this.#next]);
    this.#ring[this.#next] = logged;
    this.#next = (this.#next + 1) % this.#limits.all;
    const ofPod = this.#byPod.get(uid);
    if (ofPod === undefined) this.#byPod.set(uid, [logged]);
    else {
      ofPod.push(logged);
      if (ofPod.length > this.#limits.ofPod) ofPod.shift();
    }
    this.#byName.set(`${namespace}/${name}`, uid);
  }

  /** The oldest first. */
  ofPod(uid: string): readonly LoggedDecision[] {
    return [...(this.#byPod.get(uid) ?? [])];
  }

  /** Of the pod that had this name last. */
  ofName(namespace: string, name: string): readonly LoggedDecision[] {
    return this.ofPod(this.#byName.get(`${namespace}/${name}`) ?? '');
  }

  #forget(logged: LoggedDecision | undefined): void {
    if (logged === undefined) return;
    const { podUid, namespace, name } = logged;
    const ofPod = this.#byPod.get(podUid);
    // The pod may have had too many before.
    if (ofPod?.[0] === logged) ofPod.shift();
    if (ofPod?.length !== 0) return;
    this.#byPod.delete(podUid);
    if (this.#byName.get(`${namespace}/${name}`) === podUid) this.#byName.delete(`${namespace}/${name}`);
  }
}
