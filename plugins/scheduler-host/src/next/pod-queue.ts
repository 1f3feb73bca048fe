/**
 * Pods that wait for a node, in parts as the Kubernetes scheduler has them: active (to be decided now), backing off (failed lately),
 * unschedulable (wait for an event that may help), gated (may not enter yet). Pure: time comes in. All in O(log n).
 *
 * Bounds: the queue holds as many pods as the informer. A pod group leaves as a whole, even when it is larger than a batch.
 * Source of the times: kube-scheduler, podInitialBackoffSeconds, podMaxBackoffSeconds, podMaxInUnschedulablePodsDuration.
 */
import type { ClusterEvent, PodInfo } from '@timonel/sdk/contracts/scheduler2';
import { EventLog } from './event-log.ts';
import { Heap } from './heap.ts';
import { RequeueIndex } from './requeue-index.ts';
import { gatesReason, type QueueRules, type WaitingPod } from './waiting-pod.ts';

const backOffBaseMs = 1000;
const backOffLimitMs = 10_000;
const unschedulableLimitMs = 300_000;
/** A pod that a plugin keeps from entering is asked about again after this time. */
const gateRecheckMs = 30_000;

export interface QueueCounts {
  readonly active: number;
  readonly backoff: number;
  readonly unschedulable: number;
  readonly gated: number;
}

/** Why an attempt came to nothing. */
export type Failure =
  /** Tried again when an event may change the verdict of one of the plugins. */
  | { readonly why: 'unschedulable'; readonly plugins: readonly string[] }
  /** Tried again after the back-off. */
  | { readonly why: 'error' };

const bySequence = (a: WaitingPod, b: WaitingPod): number => a.sequence - b.sequence;
const byTime = (a: WaitingPod, b: WaitingPod): number => a.notBefore - b.notBefore || bySequence(a, b);

function backOffMs({ attempts }: WaitingPod): number {
  return Math.min(backOffLimitMs, backOffBaseMs * 2 ** Math.min(Math.max(0, attempts - 1), 10));
}

export class PodQueue {
  #rules: QueueRules;
  readonly #pods = new Map<string, WaitingPod>();
  readonly #groups = new Map<string, Set<WaitingPod>>();
  readonly #active: Heap<WaitingPod>;
  readonly #backoff = new Heap<WaitingPod>(byTime);
  readonly #unschedulable = new Heap<WaitingPod>(byTime);
  readonly #gated = new Heap<WaitingPod>(byTime);
  readonly #index: RequeueIndex;
  readonly #log = new EventLog();
  #deciding = 0;
  #sequence = 0;

  constructor(rules: QueueRules) {
    this.#rules = rules;
    this.#active = new Heap<WaitingPod>(this.#ordered());
    this.#index = new RequeueIndex((plugin) => rules.requeueHints(plugin));
  }

  counts(): QueueCounts {
    return {
      active: this.#active.size,
      backoff: this.#backoff.size,
      unschedulable: this.#unschedulable.size,
      gated: this.#gated.size,
    };
  }

  get(uid: string): WaitingPod | undefined {
    return this.#pods.get(uid);
  }

  /** All of them, wherever they are. */
  all(): Iterable<WaitingPod> {
    return this.#pods.values();
  }

  /** Takes a new pod in, or the new version of a known one. */
  put(pod: PodInfo, nowMs: number): WaitingPod {
    const known = this.#pods.get(pod.uid);
    if (known === undefined) return this.#enter(pod, nowMs);
    const changed = known.pod.class.key !== pod.class.key;
    if (!changed && known.place !== 'gated') {
      known.pod = pod;
      return known;
    }
    const { place } = known;
    if (place !== 'deciding') this.#leave(known);
    this.#leaveGroup(known);
    known.pod = pod;
    this.#joinGroup(known);
    if (place === 'deciding') known.moved = true;
    else if (place === 'backoff') this.#toBackoff(known, known.notBefore);
    else this.#admit(known, nowMs);
    return known;
  }

  delete(uid: string): void {
    const known = this.#pods.get(uid);
    if (known === undefined) return;
    this.#leave(known);
    this.#leaveGroup(known);
    this.#pods.delete(uid);
  }

  /**
   * Takes up to `limit` active pods out for a decision; each must come back by `delete` or `failed`. Members of a pod group leave
   * together, those that back off included.
   */
  take(limit: number, nowMs: number): readonly WaitingPod[] {
    this.#flush(nowMs);
    const taken: WaitingPod[] = [];
    for (let next = this.#active.peek(); next !== undefined && taken.length < limit; next = this.#active.peek()) {
      const members = this.#membersWith(next);
      if (taken.length > 0 && taken.length + members.length > limit) break;
      for (const member of members) {
        this.#leave(member);
        this.#begin(member);
        taken.push(member);
      }
    }
    return taken;
  }

  /** A decision, or what followed from it, came to nothing. Without effect on a pod that is gone or was put in anew. */
  failed(waiting: WaitingPod, failure: Failure, nowMs: number): void {
    if (!this.#isDeciding(waiting)) return;
    waiting.triedMs = nowMs;
    waiting.plugins = failure.why === 'unschedulable' ? [...new Set(failure.plugins)] : [];
    const again = failure.why === 'error' || this.#mayDoBetter(waiting);
    this.#leave(waiting);
    if (again) {
      this.#retry(waiting, nowMs);
      return;
    }
    waiting.place = 'unschedulable';
    waiting.notBefore = nowMs + unschedulableLimitMs;
    this.#unschedulable.push(waiting);
    this.#index.add(waiting);
  }

  /** It is tried at once, whatever it waited for. */
  activate(uid: string): void {
    const waiting = this.#pods.get(uid);
    if (waiting === undefined || waiting.place === 'gated' || waiting.place === 'active') return;
    if (waiting.place === 'deciding') {
      waiting.moved = true;
      return;
    }
    this.#leave(waiting);
    this.#toActive(waiting);
  }

  /** What happened: pods that it may help are tried again, after their back-off. */
  apply(events: readonly ClusterEvent[], nowMs: number): void {
    if (events.length === 0) return;
    if (this.#deciding > 0) this.#log.add(events);
    if (this.#unschedulable.size === 0) return;
    for (const waiting of this.#index.helpedBy(events)) this.#requeue(waiting, nowMs);
  }

  /** Anything may have happened. */
  retryAll(nowMs: number): void {
    for (const waiting of this.#pods.values()) if (waiting.place === 'deciding') waiting.moved = true;
    for (const waiting of this.#unschedulable.values()) this.#requeue(waiting, nowMs);
    for (const waiting of this.#gated.values()) this.#recheck(waiting, nowMs);
  }

  /** Another scheduler is in charge: its order, its gates, its hints. */
  setRules(rules: QueueRules, nowMs: number): void {
    for (const waiting of this.#unschedulable.values()) this.#requeue(waiting, nowMs);
    this.#rules = rules;
    this.#index.setHints((plugin) => rules.requeueHints(plugin));
    this.#active.reorder(this.#ordered());
    this.retryAll(nowMs);
  }

  /** Ms until something becomes active by itself; 0: now; undefined: nothing will. */
  nextInMs(nowMs: number): number | undefined {
    if (this.#active.size > 0) return 0;
    const tops = [this.#backoff, this.#unschedulable, this.#gated].flatMap((heap) => heap.peek()?.notBefore ?? []);
    const next = Math.min(...tops);
    return Number.isFinite(next) ? Math.max(0, next - nowMs) : undefined;
  }

  #ordered(): (a: WaitingPod, b: WaitingPod) => number {
    const rules = this.#rules;
    return (a, b) => rules.compare(a, b) || bySequence(a, b);
  }

  #enter(pod: PodInfo, nowMs: number): WaitingPod {
    this.#sequence += 1;
    const waiting: WaitingPod = {
      pod,
      uid: pod.uid,
      sequence: this.#sequence,
      attempts: 0,
      place: 'gated',
      addedMs: nowMs,
      triedMs: nowMs,
      notBefore: 0,
      mark: 0,
      moved: false,
      plugins: [],
      gate: undefined,
      heapIndex: -1,
    };
    this.#pods.set(pod.uid, waiting);
    this.#joinGroup(waiting);
    this.#admit(waiting, nowMs);
    // A member more may be what the others wait for.
    if (this.#gated.size === 0 || pod.class.group === undefined) return waiting;
    for (const member of this.#groupOf(waiting)) {
      if (member.place === 'gated' && member !== waiting) this.#recheck(member, nowMs);
    }
    return waiting;
  }

  #admit(waiting: WaitingPod, nowMs: number): void {
    const status = this.#rules.preEnqueue(waiting.pod);
    if (status.code === 'success' || status.code === 'skip') {
      waiting.gate = undefined;
      this.#toActive(waiting);
      return;
    }
    waiting.gate = status;
    waiting.place = 'gated';
    waiting.notBefore = status.reasonCode === gatesReason ? Number.POSITIVE_INFINITY : nowMs + gateRecheckMs;
    this.#gated.push(waiting);
  }

  #recheck(waiting: WaitingPod, nowMs: number): void {
    this.#leave(waiting);
    this.#admit(waiting, nowMs);
  }

  #toActive(waiting: WaitingPod): void {
    waiting.place = 'active';
    this.#active.push(waiting);
  }

  #toBackoff(waiting: WaitingPod, notBefore: number): void {
    waiting.place = 'backoff';
    waiting.notBefore = notBefore;
    this.#backoff.push(waiting);
  }

  /** After the rest of its back-off. */
  #retry(waiting: WaitingPod, nowMs: number): void {
    const notBefore = waiting.triedMs + backOffMs(waiting);
    if (notBefore <= nowMs) this.#toActive(waiting);
    else this.#toBackoff(waiting, notBefore);
  }

  #requeue(waiting: WaitingPod, nowMs: number): void {
    this.#leave(waiting);
    this.#retry(waiting, nowMs);
  }

  #begin(waiting: WaitingPod): void {
    waiting.place = 'deciding';
    waiting.moved = false;
    waiting.attempts += 1;
    waiting.mark = this.#log.mark;
    this.#deciding += 1;
  }

  #isDeciding(waiting: WaitingPod): boolean {
    return waiting.place === 'deciding' && this.#pods.get(waiting.uid) === waiting;
  }

  /** Takes it out of its place. */
  #leave(waiting: WaitingPod): void {
    if (waiting.place === 'deciding') {
      this.#deciding -= 1;
      if (this.#deciding === 0) this.#log.clear();
      return;
    }
    if (waiting.place === 'unschedulable') this.#index.remove(waiting);
    this.#heapOf(waiting).remove(waiting);
  }

  #heapOf({ place }: WaitingPod): Heap<WaitingPod> {
    if (place === 'active') return this.#active;
    if (place === 'backoff') return this.#backoff;
    return place === 'gated' ? this.#gated : this.#unschedulable;
  }

  #mayDoBetter(waiting: WaitingPod): boolean {
    if (waiting.moved) return true;
    const events = this.#log.since(waiting.mark);
    return events === undefined || (events.length > 0 && this.#index.helps(waiting, events));
  }

  #flush(nowMs: number): void {
    for (const heap of [this.#backoff, this.#unschedulable, this.#gated]) {
      for (let next = heap.peek(); next !== undefined && next.notBefore <= nowMs; next = heap.peek()) {
        if (next.place === 'gated') this.#recheck(next, nowMs);
        else {
          this.#leave(next);
          this.#toActive(next);
        }
      }
    }
  }

  #groupOf({ pod }: WaitingPod): Iterable<WaitingPod> {
    return (pod.class.group === undefined ? undefined : this.#groups.get(pod.class.group.key)) ?? [];
  }

  #joinGroup(waiting: WaitingPod): void {
    const { group } = waiting.pod.class;
    if (group === undefined) return;
    const members = this.#groups.get(group.key);
    if (members === undefined) this.#groups.set(group.key, new Set([waiting]));
    else members.add(waiting);
  }

  #leaveGroup(waiting: WaitingPod): void {
    const { group } = waiting.pod.class;
    const members = group === undefined ? undefined : this.#groups.get(group.key);
    members?.delete(waiting);
    if (group !== undefined && members?.size === 0) this.#groups.delete(group.key);
  }

  #membersWith(first: WaitingPod): readonly WaitingPod[] {
    if (first.pod.class.group === undefined) return [first];
    const members = [...this.#groupOf(first)].filter(({ place }) => place !== 'deciding' && place !== 'gated');
    return members.sort(this.#ordered());
  }
}
