import type { NodeUse, PodUse, ResourceMetrics } from '@timonel/sdk/contracts/metrics';
import type { NodeUsage } from '@timonel/sdk/contracts/node';
import { windowUse, type WindowUse } from './usage-window.ts';

interface Kept {
  readonly sample: NodeUsage;
  /** When it came, on the monotonic clock of this process: clocks of nodes may differ. */
  readonly at: number;
  readonly use: WindowUse | undefined;
}

/** The last sample of each node and what it says together with the one before. */
export class UsageSamples implements ResourceMetrics {
  readonly #kept = new Map<string, Kept>();
  readonly #now: () => number;
  readonly #maxAgeMs: number;

  /** Figures older than `maxAgeMs` are not shown. `now`: the monotonic clock. */
  constructor(now: () => number, maxAgeMs: number) {
    this.#now = now;
    this.#maxAgeMs = maxAgeMs;
  }

  accept(sample: NodeUsage): void {
    const kept = this.#kept.get(sample.nodeName);
    // A node answers from its memory when it is asked too soon.
    if (kept !== undefined && sample.time === kept.sample.time) return;
    const isLater = kept !== undefined && sample.time > kept.sample.time;
    const use = isLater ? windowUse(kept.sample, sample) : undefined;
    this.#kept.set(sample.nodeName, { sample, at: this.#now(), use });
  }

  /** Forgets all nodes but these. */
  keepOnly(names: ReadonlySet<string>): void {
    for (const name of this.#kept.keys()) if (!names.has(name)) this.#kept.delete(name);
  }

  ready(): boolean {
    return this.#fresh().next().done !== true;
  }

  nodes(): readonly NodeUse[] {
    return [...this.#fresh()].flatMap(({ node }) => (node === undefined ? [] : [node]));
  }

  pods(namespace?: string): readonly PodUse[] {
    const all = [...this.#fresh()].flatMap(({ pods }) => pods);
    return namespace === undefined ? all : all.filter((pod) => pod.namespace === namespace);
  }

  *#fresh(): Generator<WindowUse> {
    const oldest = this.#now() - this.#maxAgeMs;
    for (const { at, use } of this.#kept.values()) if (use !== undefined && at >= oldest) yield use;
  }
}
