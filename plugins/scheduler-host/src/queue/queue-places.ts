/** The parts of the queue: in which one a pod is, and how many came to each of them why. */
import { Heap } from './heap.ts';
import type { Place, WaitingPod } from './waiting-pod.ts';

export interface QueueCounts {
  readonly active: number;
  readonly backoff: number;
  readonly unschedulable: number;
  readonly gated: number;
}

/** Why a pod came to a part of the queue, named as kube-scheduler does where it has the same. */
export type Cause =
  | 'PodAdd'
  | 'PodUpdate'
  | 'ScheduleAttemptFailure'
  | 'BackoffComplete'
  | 'UnschedulableTimeout'
  | 'ClusterEvent'
  | 'Activate';

export type Order = (a: WaitingPod, b: WaitingPod) => number;

const byTime: Order = (a, b) => a.notBefore - b.notBefore || a.sequence - b.sequence;

export class QueuePlaces {
  readonly active: Heap<WaitingPod>;
  readonly backoff: Heap<WaitingPod> = new Heap<WaitingPod>(byTime);
  readonly unschedulable: Heap<WaitingPod> = new Heap<WaitingPod>(byTime);
  readonly gated: Heap<WaitingPod> = new Heap<WaitingPod>(byTime);
  /** By `place cause`. */
  readonly incoming: Map<string, number> = new Map();

  constructor(order: Order) {
    this.active = new Heap<WaitingPod>(order);
  }

  counts(): QueueCounts {
    return {
      active: this.active.size,
      backoff: this.backoff.size,
      unschedulable: this.unschedulable.size,
      gated: this.gated.size,
    };
  }

  /** Puts a pod that is in no place into one, which it leaves by itself at `notBefore`. */
  enter(waiting: WaitingPod, place: Exclude<Place, 'deciding'>, notBefore: number, cause: Cause): void {
    waiting.place = place;
    waiting.notBefore = notBefore;
    this[place].push(waiting);
    const key = `${place} ${cause}`;
    this.incoming.set(key, (this.incoming.get(key) ?? 0) + 1);
  }

  leave(waiting: WaitingPod): void {
    if (waiting.place !== 'deciding') this[waiting.place].remove(waiting);
  }

  /** One that should have left its place by now. */
  due(nowMs: number): WaitingPod | undefined {
    for (const heap of [this.backoff, this.unschedulable, this.gated]) {
      const next = heap.peek();
      if (next !== undefined && next.notBefore <= nowMs) return next;
    }
    return undefined;
  }

  /** Ms until something becomes active by itself; 0: now; undefined: nothing will. */
  nextInMs(nowMs: number): number | undefined {
    if (this.active.size > 0) return 0;
    const times = [this.backoff, this.unschedulable, this.gated].flatMap((heap) => heap.peek()?.notBefore ?? []);
    const next = Math.min(...times);
    return Number.isFinite(next) ? Math.max(0, next - nowMs) : undefined;
  }
}
