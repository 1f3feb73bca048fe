import type { MetricDefinition, MetricRecord } from './definitions.ts';
import type { MetricFamily } from './family.ts';
import { SeriesTree, type Instrument } from './instruments.ts';

/** The instruments of declared metrics, under the same names. */
export type Instruments<M extends MetricRecord> = {
  readonly [K in keyof M]: M[K] extends MetricDefinition<infer T, infer L> ? Instrument<T, L> : never;
};

/** Opens metrics: `ctx.metrics` of a plugin, whose series go with it. */
export interface MetricOpener {
  /**
   * Makes instruments. `refresh` runs right before each collection, for values that are cheaper to look up than to follow; a throw
   * counts as a fault of the plugin. It must not wait for anything.
   */
  <M extends MetricRecord>(definitions: M, refresh?: (instruments: Instruments<M>) => void): Instruments<M>;
}

/** Instruments with the way to read them. */
export interface OpenMetrics<M extends MetricRecord> {
  readonly instruments: Instruments<M>;
  readonly collect: () => readonly MetricFamily[];
}

/** Makes instruments outside of a plugin: for the kernel, and for tests. */
export function openMetrics<M extends MetricRecord>(
  definitions: M,
  refresh?: (instruments: Instruments<M>) => void,
): OpenMetrics<M> {
  const trees = Object.entries(definitions).map(([key, definition]) => [key, new SeriesTree(definition)] as const);
  const instruments = Object.freeze(Object.fromEntries(trees)) as unknown as Instruments<M>;
  return {
    instruments,
    collect() {
      refresh?.(instruments);
      return trees.map(([, tree]) => tree.family());
    },
  };
}
