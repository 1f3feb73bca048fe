/**
 * Metrics: typed declarations, in the data model of Prometheus. A plugin declares them as constants of its module, with help
 * texts, and opens them by `ctx.metrics(…)`; `docs/reference/metrics.md` is made from the declarations.
 * Source: https://prometheus.io/docs/concepts/data_model/ and the OpenMetrics 1.0 specification.
 */
export type MetricType = 'counter' | 'gauge' | 'histogram';

/** What an author says of a metric. */
export interface MetricOptions<L extends readonly string[] = readonly string[]> {
  /** One sentence: what is counted or measured. */
  readonly help: string;
  /** Names of its labels. Values must come from a bounded set: never names of objects or of users. */
  readonly labels?: L;
  /**
   * The most combinations of label values, at least 1. Default 2000. What comes over the bound is counted in one series whose
   * label values are all `other`.
   */
  readonly seriesLimit?: number;
}

/** A declared metric. Plain data. */
export interface MetricDefinition<T extends MetricType = MetricType, L extends readonly string[] = readonly string[]> {
  readonly $$type: '@timonel/metric';
  readonly type: T;
  /** As Prometheus shows it: the unit last, counters end in `_total`. */
  readonly name: string;
  readonly help: string;
  readonly labels: L;
  readonly seriesLimit: number;
  /** Upper bounds of a histogram, ascending, without +Inf. Empty for the others. */
  readonly buckets: readonly number[];
}

/** Metrics of a plugin by the names its code uses. */
export type MetricRecord = Readonly<Record<string, MetricDefinition>>;

const namePattern = /^[a-zA-Z_][a-zA-Z0-9_]*$/;

function define<T extends MetricType, L extends readonly string[]>(
  type: T,
  name: string,
  options: MetricOptions<L>,
  buckets: readonly number[] = [],
): MetricDefinition<T, L> {
  const labels = options.labels ?? ([] as unknown as L);
  for (const part of [name, ...labels]) {
    if (!namePattern.test(part)) throw new TypeError(`'${part}' cannot be the name of a metric or a label`);
  }
  const seriesLimit = options.seriesLimit ?? 2000;
  if (!(seriesLimit >= 1)) throw new TypeError(`metric '${name}': seriesLimit must be at least 1`);
  const { help } = options;
  return Object.freeze({ $$type: '@timonel/metric' as const, type, name, help, labels, seriesLimit, buckets });
}

/** A count that only grows. The name ends in `_total`. @throws TypeError */
export function counterMetric<const L extends readonly string[] = []>(
  name: string,
  options: MetricOptions<L>,
): MetricDefinition<'counter', L> {
  if (!name.endsWith('_total')) throw new TypeError(`the name of counter '${name}' must end in _total`);
  return define('counter', name, options);
}

/** A value that goes up and down. @throws TypeError */
export function gaugeMetric<const L extends readonly string[] = []>(
  name: string,
  options: MetricOptions<L>,
): MetricDefinition<'gauge', L> {
  return define('gauge', name, options);
}

/** From half a millisecond to a minute, as the API server of Kubernetes divides the time of its requests. In seconds. */
export const secondsBuckets: readonly number[] = Object.freeze([
  0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60,
]);

/** How values are distributed. Bounds by default: {@link secondsBuckets}. @throws TypeError */
export function histogramMetric<const L extends readonly string[] = []>(
  name: string,
  options: MetricOptions<L> & { readonly buckets?: readonly number[] },
): MetricDefinition<'histogram', L> {
  const buckets = options.buckets ?? secondsBuckets;
  if (buckets.some((bound, index) => index > 0 && bound <= (buckets[index - 1] ?? 0))) {
    throw new TypeError(`metric '${name}': buckets must ascend`);
  }
  return define('histogram', name, options, Object.freeze([...buckets]));
}
