/** The cold side of metrics: what a collection gives. */
import { defineService, type ServiceToken } from '../service.ts';

/** One line of an exposition. */
export interface MetricSample {
  /** Appended to the family's name: `_bucket`, `_sum`, `_count` of histograms and summaries, else nothing. */
  readonly suffix: string;
  readonly labels: readonly (readonly [name: string, value: string])[];
  readonly value: number;
}

/** A metric with all its series at one moment. */
export interface MetricFamily {
  readonly name: string;
  readonly type: 'counter' | 'gauge' | 'histogram' | 'summary';
  readonly help: string;
  readonly samples: readonly MetricSample[];
}

function keyOf({ suffix, labels }: MetricSample): string {
  return JSON.stringify([suffix, labels]);
}

/** One family of several with the same name: series with the same labels are added up. Of two types the first one stays. */
function mergeFamily(families: readonly MetricFamily[]): MetricFamily {
  const [first] = families;
  if (first === undefined) throw new TypeError('no family to merge');
  if (families.length === 1) return first;
  const samples = new Map<string, MetricSample>();
  for (const family of families) {
    if (family.type !== first.type) continue;
    for (const sample of family.samples) {
      const key = keyOf(sample);
      const before = samples.get(key);
      samples.set(key, before === undefined ? sample : { ...sample, value: before.value + sample.value });
    }
  }
  return { ...first, samples: [...samples.values()] };
}

/** Families of several sources, each name once, sorted by name. */
export function mergeFamilies(families: readonly MetricFamily[]): readonly MetricFamily[] {
  const byName = new Map<string, MetricFamily[]>();
  for (const family of families) {
    const same = byName.get(family.name);
    if (same === undefined) byName.set(family.name, [family]);
    else same.push(family);
  }
  return [...byName.keys()].sort().map((name) => mergeFamily(byName.get(name) ?? []));
}

/** All metrics of this process: those of the kernel and those its plugins opened. Provided by the kernel itself. */
export interface KernelMetrics {
  /** Each name once, sorted. Series of the same name and labels that several plugins have are added up. */
  collect(): readonly MetricFamily[];
}

/** Token of {@link KernelMetrics}. */
export const kernelMetrics: ServiceToken<KernelMetrics, 'one'> = defineService<KernelMetrics>('kernel.metrics', {
  major: 1,
  cardinality: 'one',
  sync: ['collect'],
});
