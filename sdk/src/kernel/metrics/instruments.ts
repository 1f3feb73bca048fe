/** The hot side of metrics: series that are found by their label values and changed in place. */
import type { MetricDefinition, MetricType } from './definitions.ts';
import type { MetricFamily, MetricSample } from './family.ts';

/** A count. */
export interface Counter {
  /** By 1, unless told otherwise; never by less than 0. */
  add(by?: number): void;
  /** Takes over a count that is kept elsewhere. */
  set(total: number): void;
}

/** A value. */
export interface Gauge {
  set(value: number): void;
  /** By 1, unless told otherwise; may be negative. */
  add(by?: number): void;
}

/** A distribution. */
export interface Histogram {
  observe(value: number): void;
}

interface SeriesOf {
  readonly counter: Counter;
  readonly gauge: Gauge;
  readonly histogram: Histogram;
}

/** One value for each label, in their order. */
export type LabelValues<L extends readonly string[]> = { readonly [K in keyof L]: string };

/** All series of one metric. */
export interface Instrument<T extends MetricType = MetricType, L extends readonly string[] = readonly string[]> {
  /** The series of these label values, made when it is new. Keep it where the values are always the same. */
  of(...values: LabelValues<L>): SeriesOf[T];
  /** Forgets all series: for values that are written anew before each collection. */
  clear(): void;
}

class Value implements Counter, Gauge {
  value = 0;

  add(by = 1): void {
    this.value += by;
  }

  set(value: number): void {
    this.value = value;
  }

  sample(labels: MetricSample['labels'], into: MetricSample[]): void {
    into.push({ suffix: '', labels, value: this.value });
  }
}

class Distribution implements Histogram {
  readonly #bounds: readonly number[];
  /** One for each bound, and one for what is above. */
  readonly #counts: Float64Array;
  #sum = 0;

  constructor(bounds: readonly number[]) {
    this.#bounds = bounds;
    this.#counts = new Float64Array(bounds.length + 1);
  }

  observe(value: number): void {
    const bounds = this.#bounds;
    let index = 0;
    while (index < bounds.length && value > (bounds[index] as number)) index++;
    this.#counts[index] = (this.#counts[index] as number) + 1;
    this.#sum += value;
  }

  sample(labels: MetricSample['labels'], into: MetricSample[]): void {
    let count = 0;
    this.#counts.forEach((own, index) => {
      count += own;
      const bound = this.#bounds[index];
      const le = bound === undefined ? '+Inf' : String(bound);
      into.push({ suffix: '_bucket', labels: [...labels, ['le', le]], value: count });
    });
    into.push({ suffix: '_sum', labels, value: this.#sum }, { suffix: '_count', labels, value: count });
  }
}

type Series = Value | Distribution;
type Branch = Map<string, Branch | Series>;

/** The label value of what came over a metric's bound. */
const overflow = 'other';

/** Series in a tree by label values: finding one makes no garbage. */
export class SeriesTree implements Instrument {
  readonly #definition: MetricDefinition;
  readonly #root: Branch = new Map();
  #size = 0;

  constructor(definition: MetricDefinition) {
    this.#definition = definition;
    if (definition.labels.length === 0) this.of();
  }

  of(...values: readonly string[]): Value & Distribution {
    const last = this.#definition.labels.length - 1;
    let branch = this.#root;
    for (let index = 0; index < last; index++) {
      const next = branch.get(values[index] as string);
      if (next === undefined) return this.#make(values);
      branch = next as Branch;
    }
    return (branch.get(last < 0 ? '' : (values[last] as string)) ?? this.#make(values)) as Value & Distribution;
  }

  clear(): void {
    this.#root.clear();
    this.#size = 0;
  }

  family(): MetricFamily {
    const { name, type, help } = this.#definition;
    const samples: MetricSample[] = [];
    this.#walk(this.#root, [], samples);
    return { name, type, help, samples };
  }

  #walk(branch: Branch, labels: MetricSample['labels'], into: MetricSample[]): void {
    const label = this.#definition.labels[labels.length];
    for (const [value, next] of branch) {
      const named: MetricSample['labels'] = label === undefined ? labels : [...labels, [label, value]];
      if (next instanceof Map) this.#walk(next, named, into);
      else next.sample(named, into);
    }
  }

  #make(values: readonly string[]): Value & Distribution {
    const { labels, type, buckets, seriesLimit, name } = this.#definition;
    if (values.length !== labels.length) {
      throw new TypeError(`metric '${name}' has ${labels.length} labels, not ${values.length}`);
    }
    const over = this.#size >= seriesLimit && values.some((value) => value !== overflow);
    if (over) return this.of(...labels.map(() => overflow));
    this.#size++;
    let branch = this.#root;
    for (const value of values.slice(0, -1)) {
      const next = (branch.get(value) as Branch | undefined) ?? new Map();
      branch.set(value, next);
      branch = next;
    }
    const series: Series = type === 'histogram' ? new Distribution(buckets) : new Value();
    branch.set(values.at(-1) ?? '', series);
    return series as Value & Distribution;
  }
}
