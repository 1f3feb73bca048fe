/**
 * Pods that wait for a node, in parts as the Kubernetes scheduler has them: active (to be decided now), backing off (failed lately),
 * unschedulable (wait for an event that may help), gated (may not enter yet). Pure: time comes in. All in O(log n).
 *
 * Bounds: the queue holds as many pods as the informer. A pod group leaves as a whole, even when it is larger than a batch.
 * Source of the times: kube-scheduler, podInitialBackoffSeconds, podMaxBackoffSeconds, podMaxInUnschedulablePodsDuration.
 */
import type { ClusterEvent, PodInfo, Status } from '@timonel/sdk/contracts/scheduler';
import { EventLog } from './event-log.ts';
import { PodGroups } from './pod-groups.ts';
import { QueuePlaces, type Cause, type Order, type QueueCounts } from './queue-places.ts';
import { RequeueIndex } from './requeue-index.ts';
import { gatesReason, newWaitingPod, type QueueRules, type WaitingPod } from './waiting-pod.ts';

const backOffBaseMs = 1000;
const backOffLimitMs = 10_000;
const unschedulableLimitMs = 300_000;
/** A pod that a plugin keeps from entering is asked about again after this time. */
const gateRecheckMs = 30_000;

/** Why an attempt came to nothing. */
export type Failure =
  /** Tried again when an event may change the verdict of one of the plugins. */
  | { readonly why: 'unschedulable'; readonly plugins: readonly string[] }
  /** Tried again after the back-off. */
  | { readonly why: 'error' };

function backOffMs({ attempts }: WaitingPod): number {
  return Math.min(backOffLimitMs, backOffBaseMs * 2 ** Math.min(Math.max(0, attempts - 1), 10));
}

function orderOf(rules: QueueRules): Order {
  return (a, b) => rules.compare(a, b) || a.sequence - b.sequence;
}

function admitting({ code }: Status): boolean {
  return code === 'success' || code === 'skip';
}

export class PodQueue {
  #rules: QueueRules;
  readonly #pods = new Map<string, WaitingPod>();
  readonly #groups = new PodGroups();
  readonly #places: QueuePlaces;
  readonly #index: RequeueIndex;
  readonly #log = new EventLog();
  #deciding = 0;
  #sequence = 0;

  constructor(rules: QueueRules) {
    this.#rules = rules;
    this.#places = new QueuePlaces(orderOf(rules));
    this.#index = new RequeueIndex((plugin) => rules.requeueHints(plugin));
  }

  counts(): QueueCounts {
    return this.#places.counts();
  }

  /** How many pods came to a part of the queue, by `place cause`. */
  get incoming(): ReadonlyMap<string, number> {
    return this.#places.incoming;
  }

  get(uid: string): WaitingPod | undefined {
    return this.#pods.get(uid);
  }

  /** All of them, wherever they are. */
  all(): Iterable<WaitingPod> {
    return this.#pods.values();
  }

  /** Ms until something becomes active by itself; 0: now; undefined: nothing will. */
  nextInMs(nowMs: number): number | undefined {
    return this.#places.nextInMs(nowMs);
  }

  /** Takes a new pod in, or the new version of a known one. */
  put(pod: PodInfo, nowMs: number): WaitingPod {
    const known = this.#pods.get(pod.uid);
    if (known === undefined) return this.#enter(pod, nowMs);
    const { place } = known;
    if (known.pod.class.key === pod.class.key && place !== 'gated') {
      // A class that was forgotten and made anew is another object, and the index goes by it.
      known.pod = known.pod.class === pod.class ? pod : { ...pod, class: known.pod.class };
      return known;
    }
    if (place !== 'deciding') this.#leave(known);
    this.#groups.leave(known);
    known.pod = pod;
    this.#groups.join(known);
    if (place === 'deciding') known.moved = true;
    else if (place === 'backoff') this.#places.enter(known, 'backoff', known.notBefore, 'PodUpdate');
    else this.#admit(known, nowMs, 'PodUpdate');
    return known;
  }

  delete(uid: string): void {
    const known = this.#pods.get(uid);
    if (known === undefined) return;
    this.#leave(known);
    this.#groups.leave(known);
    this.#pods.delete(uid);
  }

  /**
   * Takes up to `limit` active pods out for a decision; each must come back by `delete` or `failed`. Members of a pod group leave
   * together, those that back off included.
   */
  take(limit: number, nowMs: number): readonly WaitingPod[] {
    this.#flush(nowMs);
    const { active } = this.#places;
    const taken: WaitingPod[] = [];
    for (let next = active.peek(); next !== undefined && taken.length < limit; next = active.peek()) {
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
    if (waiting.place !== 'deciding' || this.#pods.get(waiting.uid) !== waiting) return;
    waiting.triedMs = nowMs;
    waiting.plugins = failure.why === 'unschedulable' ? [...new Set(failure.plugins)] : [];
    const again = failure.why === 'error' || this.#mayDoBetter(waiting);
    this.#leave(waiting);
    if (again) {
      this.#retry(waiting, nowMs, 'ScheduleAttemptFailure');
      return;
    }
    this.#places.enter(waiting, 'unschedulable', nowMs + unschedulableLimitMs, 'ScheduleAttemptFailure');
    this.#index.add(waiting);
  }

  /** There was no decision about it: as if it had not been taken. */
  giveBack(waiting: WaitingPod): void {
    if (waiting.place !== 'deciding' || this.#pods.get(waiting.uid) !== waiting) return;
    this.#leave(waiting);
    waiting.attempts -= 1;
    this.#toActive(waiting, 'ScheduleAttemptFailure');
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
    this.#toActive(waiting, 'Activate');
  }

  /** It is tried after its back-off, whatever it waited for. */
  retry(uid: string, nowMs: number): void {
    const waiting = this.#pods.get(uid);
    if (waiting?.place === 'unschedulable') this.#requeue(waiting, nowMs);
    else if (waiting?.place === 'deciding') waiting.moved = true;
  }

  /** What happened: pods that it may help are tried again, after their back-off. */
  apply(events: readonly ClusterEvent[], nowMs: number): void {
    if (events.length === 0) return;
    if (this.#deciding > 0) this.#log.add(events);
    if (this.#places.unschedulable.size === 0) return;
    for (const waiting of this.#index.helpedBy(events)) this.#requeue(waiting, nowMs);
  }

  /** Anything may have happened. */
  retryAll(nowMs: number): void {
    for (const waiting of this.#pods.values()) if (waiting.place === 'deciding') waiting.moved = true;
    for (const waiting of this.#places.unschedulable.values()) this.#requeue(waiting, nowMs);
    for (const waiting of this.#places.gated.values()) this.#recheck(waiting, nowMs);
  }

  /** Another scheduler is in charge: its order, its gates, its hints. */
  setRules(rules: QueueRules, nowMs: number): void {
    for (const waiting of this.#places.unschedulable.values()) this.#requeue(waiting, nowMs);
    this.#rules = rules;
    this.#index.setHints((plugin) => rules.requeueHints(plugin));
    this.#places.active.reorder(orderOf(rules));
    // Most stay where they are: with many pods, taking each out and in again would cost more than all else of a swap.
    for (const waiting of this.#places.active.values()) {
      if (!admitting(rules.preEnqueue(waiting.pod))) this.#recheck(waiting, nowMs);
    }
    this.retryAll(nowMs);
  }

  #enter(pod: PodInfo, nowMs: number): WaitingPod {
    this.#sequence += 1;
    const waiting = newWaitingPod(pod, this.#sequence, nowMs);
    this.#pods.set(pod.uid, waiting);
    this.#groups.join(waiting);
    this.#admit(waiting, nowMs, 'PodAdd');
    // A member more may be what the others wait for.
    if (this.#places.gated.size === 0) return waiting;
    for (const member of this.#groups.of(waiting)) {
      if (member.place === 'gated' && member !== waiting) this.#recheck(member, nowMs);
    }
    return waiting;
  }

  #admit(waiting: WaitingPod, nowMs: number, cause: Cause): void {
    const status = this.#rules.preEnqueue(waiting.pod);
    if (admitting(status)) {
      waiting.gate = undefined;
      this.#toActive(waiting, cause);
      return;
    }
    waiting.gate = status;
    const recheckMs = status.reasonCode === gatesReason ? Number.POSITIVE_INFINITY : nowMs + gateRecheckMs;
    this.#places.enter(waiting, 'gated', recheckMs, cause);
  }

  #recheck(waiting: WaitingPod, nowMs: number): void {
    this.#leave(waiting);
    this.#admit(waiting, nowMs, 'ClusterEvent');
  }

  #toActive(waiting: WaitingPod, cause: Cause): void {
    this.#places.enter(waiting, 'active', 0, cause);
  }

  /** After the rest of its back-off. */
  #retry(waiting: WaitingPod, nowMs: number, cause: Cause): void {
    const notBefore = waiting.triedMs + backOffMs(waiting);
    if (notBefore <= nowMs) this.#admit(waiting, nowMs, cause);
    else this.#places.enter(waiting, 'backoff', notBefore, cause);
  }

  #requeue(waiting: WaitingPod, nowMs: number): void {
    this.#leave(waiting);
    this.#retry(waiting, nowMs, 'ClusterEvent');
  }

  #begin(waiting: WaitingPod): void {
    waiting.place = 'deciding';
    waiting.moved = false;
    waiting.attempts += 1;
    waiting.mark = this.#log.mark;
    this.#deciding += 1;
  }

  /** Takes it out of its place. */
  #leave(waiting: WaitingPod): void {
    if (waiting.place === 'unschedulable') this.#index.remove(waiting);
    this.#places.leave(waiting);
    if (waiting.place !== 'deciding') return;
    this.#deciding -= 1;
    if (this.#deciding === 0) this.#log.clear();
  }

  #mayDoBetter(waiting: WaitingPod): boolean {
    if (waiting.moved) return true;
    const events = this.#log.since(waiting.mark);
    return events === undefined || (events.length > 0 && this.#index.helps(waiting, events));
  }

  #flush(nowMs: number): void {
    for (let due = this.#places.due(nowMs); due !== undefined; due = this.#places.due(nowMs)) {
      if (due.place === 'gated') {
        this.#recheck(due, nowMs);
        continue;
      }
      const cause = due.place === 'backoff' ? 'BackoffComplete' : 'UnschedulableTimeout';
      this.#leave(due);
      this.#admit(due, nowMs, cause);
    }
  }

  #membersWith(first: WaitingPod): readonly WaitingPod[] {
    if (first.pod.class.group === undefined) return [first];
    const members = this.#groups.of(first).filter(({ place }) => place !== 'deciding' && place !== 'gated');
    return members.toSorted(orderOf(this.#rules));
  }
}
