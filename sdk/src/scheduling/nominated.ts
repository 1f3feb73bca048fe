/**
 * Pods that victims make room for. They count on their nodes like pods that run there, so that others leave them their room; but not for
 * themselves, and not for more important pods.
 */
import type { PodInfo } from '../contracts/scheduler2/index.ts';

export interface Nomination {
  readonly row: number;
  readonly pod: PodInfo;
}

const nobody: readonly Nomination[] = [];

export class NominatedPods {
  readonly #byRow = new Map<number, readonly PodInfo[]>();

  set(row: number, nominated: readonly PodInfo[]): void {
    if (nominated.length === 0) this.#byRow.delete(row);
    else this.#byRow.set(row, nominated);
  }

  /** Those that do not count for this pod. */
  ignoredBy({ uid, class: { priority } }: PodInfo): readonly Nomination[] {
    if (this.#byRow.size === 0) return nobody;
    const ignored: Nomination[] = [];
    for (const [row, pods] of this.#byRow) {
      for (const pod of pods) if (pod.uid === uid || pod.class.priority < priority) ignored.push({ row, pod });
    }
    return ignored;
  }
}
