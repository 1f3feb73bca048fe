/** Who is told what the host does: metrics, the watch over schedulers, the shadow. A throw of one of them is logged and disturbs nobody. */
import { errorMessage, type Logger } from '@timonel/sdk';
import type { Decision, PodInfo, SchedulerSnapshot } from '@timonel/sdk/contracts/scheduler';
import type { WaitingPod } from './queue/waiting-pod.ts';

export type AttemptResult = 'scheduled' | 'unschedulable' | 'error';

/** What became of a batch that the scheduler in charge was asked about: one of both. */
export interface BatchObserver {
  /** It has answered, one decision for each pod. They are not checked yet. */
  decided?(decisions: readonly Decision[]): void;
  /** It has thrown, not answered in time, or answered something that is of no use as a whole. */
  failed?(error: unknown): void;
}

/** Why a pod that had been given a node was not bound to it. */
export type LostBinding =
  | { readonly what: 'refused'; readonly plugin: string; readonly message: string }
  | { readonly what: 'failed'; readonly error: unknown };

/** All of it may be left out; all of it must return quickly. */
export interface HostObserver {
  /** Right before the scheduler is asked, in the same turn of the event loop; one batch at a time. */
  deciding?(pods: readonly PodInfo[], snapshot: SchedulerSnapshot): BatchObserver | undefined;
  /** A decision was checked and found to be against the contract. */
  refused?(pod: PodInfo, reason: string): void;
  /** Ms from the question about the pod to this end. */
  attempted?(result: AttemptResult, ms: number): void;
  bound?(waiting: WaitingPod, sinceAddedMs: number): void;
  /** A plugin refused it, its admission failed, or the API did; not: the pod is gone. */
  bindingLost?(pod: PodInfo, nodeName: string, why: LostBinding): void;
  preempted?(victims: number): void;
  /** A pod that waited is gone. */
  podGone?(uid: string): void;
}

export class Observers implements Required<HostObserver> {
  readonly #observers: readonly HostObserver[];
  readonly #log: Logger;

  constructor(observers: readonly HostObserver[], log: Logger) {
    this.#observers = observers;
    this.#log = log;
  }

  deciding(pods: readonly PodInfo[], snapshot: SchedulerSnapshot): Required<BatchObserver> {
    const batches: BatchObserver[] = [];
    this.#each((observer) => {
      const batch = observer.deciding?.(pods, snapshot);
      if (batch !== undefined) batches.push(batch);
    });
    return {
      decided: (decisions) => this.#all(batches, (batch) => batch.decided?.(decisions)),
      failed: (error) => this.#all(batches, (batch) => batch.failed?.(error)),
    };
  }

  refused(pod: PodInfo, reason: string): void {
    this.#each((observer) => observer.refused?.(pod, reason));
  }

  attempted(result: AttemptResult, ms: number): void {
    this.#each((observer) => observer.attempted?.(result, ms));
  }

  bound(waiting: WaitingPod, sinceAddedMs: number): void {
    this.#each((observer) => observer.bound?.(waiting, sinceAddedMs));
  }

  bindingLost(pod: PodInfo, nodeName: string, why: LostBinding): void {
    this.#each((observer) => observer.bindingLost?.(pod, nodeName, why));
  }

  preempted(victims: number): void {
    this.#each((observer) => observer.preempted?.(victims));
  }

  podGone(uid: string): void {
    this.#each((observer) => observer.podGone?.(uid));
  }

  #each(tell: (observer: HostObserver) => void): void {
    this.#all(this.#observers, tell);
  }

  #all<T>(observers: readonly T[], tell: (observer: T) => void): void {
    for (const observer of observers) {
      try {
        tell(observer);
      } catch (error) {
        this.#log.warn({ err: { message: errorMessage(error) } }, 'an observer of the scheduler host threw');
      }
    }
  }
}
