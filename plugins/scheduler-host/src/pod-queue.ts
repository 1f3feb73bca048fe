/**
 * Pods that wait for a node, in three parts as the Kubernetes scheduler has them: active (to be decided now, by priority,
 * then by age), backing off (failed lately), and unschedulable (wait for a change of the cluster). Pure: time comes in.
 */
import type { Pod } from '@timonel/sdk/kube';

interface Waiting {
  pod: Pod;
  readonly uid: string;
  readonly sequence: number;
  attempts: number;
  place: 'active' | 'backoff' | 'unschedulable' | 'deciding';
  /** Monotonic ms until which it backs off. */
  notBefore: number;
  /** Something happened during the decision that may have changed its outcome. */
  moved: boolean;
}

const backOffBaseMs = 1000;
const backOffLimitMs = 10_000;
/** An unschedulable pod is tried again after this time even when nothing seems to have changed. */
const unschedulableLimitMs = 60_000;

export interface QueueCounts {
  readonly active: number;
  readonly backoff: number;
  readonly unschedulable: number;
}

export class PodQueue {
  readonly #pods = new Map<string, Waiting>();
  #sequence = 0;

  counts(): QueueCounts {
    const counts = { active: 0, backoff: 0, unschedulable: 0 };
    for (const { place } of this.#pods.values()) if (place !== 'deciding') counts[place] += 1;
    return counts;
  }

  /** Takes a new pod in, or the new version of a known one. */
  put(pod: Pod): void {
    const uid = pod.metadata.uid ?? '';
    const known = this.#pods.get(uid);
    if (known === undefined) {
      this.#sequence += 1;
      this.#pods.set(uid, {
        pod,
        uid,
        sequence: this.#sequence,
        attempts: 0,
        place: 'active',
        notBefore: 0,
        moved: false,
      });
      return;
    }
    const changed = JSON.stringify(known.pod.spec) !== JSON.stringify(pod.spec);
    known.pod = pod;
    if (!changed) return;
    if (known.place === 'unschedulable') known.place = 'active';
    else known.moved = true;
  }

  delete(uid: string): void {
    this.#pods.delete(uid);
  }

  /** Takes up to `limit` active pods out for a decision; each must come back by `delete` or `failed`. */
  take(limit: number, nowMs: number): readonly Pod[] {
    for (const waiting of this.#pods.values()) {
      if ((waiting.place === 'backoff' || waiting.place === 'unschedulable') && waiting.notBefore <= nowMs) {
        waiting.place = 'active';
      }
    }
    const active = [...this.#pods.values()].filter((waiting) => waiting.place === 'active');
    active.sort((a, b) => (b.pod.spec.priority ?? 0) - (a.pod.spec.priority ?? 0) || a.sequence - b.sequence);
    const taken = active.slice(0, limit);
    for (const waiting of taken) {
      waiting.place = 'deciding';
      waiting.moved = false;
      waiting.attempts += 1;
    }
    return taken.map((waiting) => waiting.pod);
  }

  /** A decision came to nothing. `unschedulable` ones wait for a change, errors are tried again after a back-off. */
  failed(uid: string, why: 'unschedulable' | 'error', nowMs: number): void {
    const waiting = this.#pods.get(uid);
    if (waiting === undefined || waiting.place !== 'deciding') return;
    const backOffMs = Math.min(backOffLimitMs, backOffBaseMs * 2 ** Math.min(waiting.attempts - 1, 10));
    if (why === 'unschedulable' && !waiting.moved) {
      waiting.place = 'unschedulable';
      waiting.notBefore = nowMs + unschedulableLimitMs;
    } else {
      waiting.place = 'backoff';
      waiting.notBefore = nowMs + backOffMs;
    }
  }

  /** The cluster changed in a way that may help: unschedulable pods are tried again, after their back-off. */
  moveAll(nowMs: number): void {
    for (const waiting of this.#pods.values()) {
      if (waiting.place === 'deciding') waiting.moved = true;
      if (waiting.place !== 'unschedulable') continue;
      const backOffMs = Math.min(backOffLimitMs, backOffBaseMs * 2 ** Math.min(waiting.attempts - 1, 10));
      const tried = waiting.notBefore - unschedulableLimitMs;
      waiting.place = 'backoff';
      waiting.notBefore = Math.min(nowMs + backOffMs, Math.max(nowMs, tried + backOffMs));
    }
  }

  /** Ms until something becomes active by itself; 0: now; undefined: nothing waits. */
  nextInMs(nowMs: number): number | undefined {
    let next: number | undefined;
    for (const waiting of this.#pods.values()) {
      if (waiting.place === 'deciding') continue;
      const inMs = waiting.place === 'active' ? 0 : Math.max(0, waiting.notBefore - nowMs);
      next = next === undefined ? inMs : Math.min(next, inMs);
    }
    return next;
  }
}
