/** What this process knows of each quota from its last pass, also when it does not know whether that was carried out. */
import type { Outcome } from '@timonel/sdk/controller';
import { isConflict, objectKey, type ResourceQuota } from '@timonel/sdk/kube';
import { memoryAfter, type Memory, type Observed, type Shown } from './reconcile.ts';

/** What is noted of objects between two passes, by quota. */
export interface Notes {
  forget(quotaKey: string, uids: Iterable<string>): void;
  settle(quotaKey: string, shown: Shown): void;
}

interface Attempt {
  /** Of the quota that it was to replace. */
  readonly version: string | undefined;
  readonly observed: Observed;
}

export class Memories {
  readonly #notes: Notes;
  readonly #known = new Map<string, Memory>();
  /** Writes of which nobody said what came of them. */
  readonly #attempts = new Map<string, Attempt>();

  constructor(notes: Notes) {
    this.#notes = notes;
  }

  /**
   * While the quota is as it was, an attempt that was carried out all the same refuses the next one. Once it is another one, what was
   * given back then counts as given back: twice would be too much. If it was not, it is found when the quota has settled.
   */
  of(quota: ResourceQuota): Memory | undefined {
    const key = objectKey(quota);
    const attempt = this.#attempts.get(key);
    if (attempt !== undefined && attempt.version !== quota.metadata.resourceVersion) {
      this.#keep(key, attempt.observed, { ...memoryAfter(attempt.observed), chargedAtMs: attempt.observed.nowMs });
    }
    return this.#known.get(key);
  }

  /** After a pass. */
  remember(observed: Observed, { failure }: Pick<Outcome, 'failure'>): void {
    const { subject } = observed;
    if (subject === undefined) return;
    const key = objectKey(subject);
    if (failure === undefined) this.#keep(key, observed, memoryAfter(observed));
    else if (!isConflict(failure.error)) {
      this.#attempts.set(key, { version: subject.metadata.resourceVersion, observed });
    }
  }

  forget(quotaKey: string): void {
    this.#known.delete(quotaKey);
    this.#attempts.delete(quotaKey);
  }

  clear(): void {
    this.#known.clear();
    this.#attempts.clear();
  }

  #keep(key: string, observed: Observed, memory: Memory): void {
    this.#attempts.delete(key);
    this.#known.set(key, memory);
    this.#notes.forget(key, observed.before.keys());
    if (observed.shown !== undefined) this.#notes.settle(key, observed.shown);
  }
}
