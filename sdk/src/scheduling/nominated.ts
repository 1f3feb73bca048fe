/**
 * Pods that victims make room for. They count on their nodes like pods that run there, so that others leave them their room; but not for
 * themselves, and not for more important pods.
 */
import type { PodClass, PodInfo, PodMatcher } from '../contracts/scheduler/index.ts';

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

  /** One more, until the row is set again. */
  add(row: number, pod: PodInfo): void {
    const known = this.#byRow.get(row) ?? [];
    if (!known.includes(pod)) this.#byRow.set(row, [...known, pod]);
  }

  /** Those of which the pod wants to be near, or evenly away from. */
  leanedOnBy(pod: PodInfo, isMeant: (matcher: PodMatcher, other: PodClass) => boolean): readonly Nomination[] {
    const { requiredAffinity, spread } = pod.class;
    if (this.#byRow.size === 0 || requiredAffinity.length + spread.length === 0) return nobody;
    const hard = spread.filter(({ whenUnsatisfiable }) => whenUnsatisfiable === 'DoNotSchedule');
    const matchers = [...requiredAffinity, ...hard].map(({ matcher }) => matcher);
    const found: Nomination[] = [];
    for (const [row, pods] of this.#byRow) {
      for (const other of pods) {
        if (matchers.some((matcher) => isMeant(matcher, other.class))) found.push({ row, pod: other });
      }
    }
    return found;
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
