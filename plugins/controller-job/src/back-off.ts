/** How long the replacement of failed pods waits: 10 s, 20 s, 40 s … up to 6 min, over again after a success. */
import type { Job, Pod } from '@timonel/sdk/kube';
import { endedAtMs, hasFailed, hasSucceeded, isTracked } from './job-pods.ts';

const baseMs = 10_000;
export const longestDelayMs = 360_000;
/** So many failures reach the limit: more need not be remembered. */
const failuresKept = 8;
const jobsKept = 10_000;

export interface Failures {
  /** In a row, at most {@link failuresKept}. */
  readonly count: number;
  readonly lastMs: number;
}

export const noFailures: Failures = { count: 0, lastMs: 0 };

export function delayMs(failures: number): number {
  return failures === 0 ? 0 : Math.min(longestDelayMs, baseMs * 2 ** Math.min(failures - 1, 10));
}

/** How long to wait still. */
export function remainingMs({ count, lastMs }: Failures, nowMs: number): number {
  return count === 0 ? 0 : lastMs + delayMs(count) - nowMs;
}

interface Record {
  readonly failedAtMs: ReadonlyMap<string, number>;
  readonly succeededAtMs: number;
}

/** A pod without the finalizer that is being deleted was taken away, by a suspension for example. */
function mayCount(pod: Pod): boolean {
  return isTracked(pod) || pod.metadata.deletionTimestamp === undefined;
}

/** Remembers failures of pods that are gone since. A new process knows of those that are there. */
export class FailureMemory {
  readonly #records = new Map<string, Record>();

  forget(job: Job): void {
    this.#records.delete(job.metadata.uid ?? '');
  }

  /** Adds what the pods show; answers the failures since the last success. */
  note(job: Job, pods: readonly Pod[], nowMs: number): Failures {
    const uid = job.metadata.uid ?? '';
    const before = this.#records.get(uid);
    // An end that lies ahead is that of a clock that runs fast, or of this one before it was set back.
    const believed = (ms: number): number => Math.min(ms, nowMs);
    const endOf = (pod: Pod): number => believed(endedAtMs(pod));
    let succeededAtMs = believed(before?.succeededAtMs ?? 0);
    const failedAtMs = new Map([...(before?.failedAtMs ?? [])].map(([id, ms]) => [id, believed(ms)]));
    for (const pod of pods) {
      if (hasSucceeded(pod)) succeededAtMs = Math.max(succeededAtMs, endOf(pod));
      else if (hasFailed(pod, job) && mayCount(pod) && !failedAtMs.has(pod.metadata.uid ?? '')) {
        failedAtMs.set(pod.metadata.uid ?? '', endOf(pod));
      }
    }
    const since = [...failedAtMs].filter(([, atMs]) => atMs >= succeededAtMs).sort((a, b) => b[1] - a[1]);
    const kept = since.slice(0, failuresKept);
    this.#records.delete(uid);
    if (kept.length > 0 || succeededAtMs > 0) this.#records.set(uid, { failedAtMs: new Map(kept), succeededAtMs });
    if (this.#records.size > jobsKept) this.#records.delete(this.#records.keys().next().value ?? '');
    return kept.length === 0 ? noFailures : { count: kept.length, lastMs: kept[0]?.[1] ?? 0 };
  }
}
