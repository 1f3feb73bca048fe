/** What placed pods ask for, by the values of their labels: counted when it is first asked for, and kept up to date pod by pod. */
import type { PodInfo, PodUsage, UsageByLabel } from '../contracts/scheduler/index.ts';

/** Of more keys the one that was not asked for the longest time is forgotten, and counted anew when somebody asks. */
const keysLimit = 16;

const nothing: PodUsage = Object.freeze({ milliCpu: 0, memoryBytes: 0, pods: 0 });

interface Sum {
  milliCpu: number;
  memoryBytes: number;
  pods: number;
}

/** The pods that there are. */
export interface CountedPods {
  readonly size: number;
  podsOf(row: number): readonly PodInfo[];
}

class Usage implements UsageByLabel {
  readonly #key: string;
  readonly #sums = new Map<string | undefined, Sum>();

  constructor(key: string) {
    this.#key = key;
  }

  of(value: string | undefined): PodUsage {
    return this.#sums.get(value) ?? nothing;
  }

  values(): Iterable<string | undefined> {
    return this.#sums.keys();
  }

  count({ class: { labels, request } }: PodInfo, sign: 1 | -1): void {
    const value = Object.hasOwn(labels, this.#key) ? labels[this.#key] : undefined;
    const sum = this.#sums.get(value) ?? { ...nothing };
    sum.milliCpu += sign * request.milliCpu;
    sum.memoryBytes += sign * request.memoryBytes;
    sum.pods += sign;
    if (sum.pods === 0) this.#sums.delete(value);
    else this.#sums.set(value, sum);
  }
}

export class LabelUsages {
  readonly #pods: CountedPods;
  /** The least recently asked first. */
  readonly #usages = new Map<string, Usage>();

  constructor(pods: CountedPods) {
    this.#pods = pods;
  }

  by(labelKey: string): UsageByLabel {
    const usage = this.#usages.get(labelKey) ?? this.#counted(labelKey);
    this.#usages.delete(labelKey);
    this.#usages.set(labelKey, usage);
    for (const oldest of this.#usages.keys()) {
      if (this.#usages.size <= keysLimit) break;
      this.#usages.delete(oldest);
    }
    return usage;
  }

  /** `sign`: 1 for a pod that comes, -1 for one that goes. */
  count(pod: PodInfo, sign: 1 | -1): void {
    for (const usage of this.#usages.values()) usage.count(pod, sign);
  }

  #counted(labelKey: string): Usage {
    const usage = new Usage(labelKey);
    for (let row = 0; row < this.#pods.size; row += 1) {
      for (const pod of this.#pods.podsOf(row)) usage.count(pod, 1);
    }
    return usage;
  }
}
