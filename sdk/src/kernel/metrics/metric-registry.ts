import { KernelError } from '../errors.ts';
import type { MetricDefinition, MetricRecord } from './definitions.ts';
import { mergeFamilies, type KernelMetrics, type MetricFamily } from './family.ts';
import { openMetrics, type Instruments } from './open-metrics.ts';

/** Who opens metrics, and hears of it when reading them fails. */
export interface MetricOwner {
  readonly plugin: string;
  readonly onFault: (error: unknown) => void;
}

type Collect = () => readonly MetricFamily[];

/** The metrics of every living plugin and of the kernel. */
export class MetricRegistry implements KernelMetrics {
  readonly #sources = new Map<Collect, MetricOwner>();
  /** The first definition of each name: another plugin may use the name only for the same thing. */
  readonly #known = new Map<string, MetricDefinition>();

  add(collect: Collect, owner: MetricOwner): () => void {
    this.#sources.set(collect, owner);
    return () => void this.#sources.delete(collect);
  }

  /** @throws KernelError ERR_PLUGIN_CONTRACT */
  open<M extends MetricRecord>(
    definitions: M,
    refresh: ((instruments: Instruments<M>) => void) | undefined,
    owner: MetricOwner,
  ): { readonly instruments: Instruments<M>; readonly remove: () => void } {
    for (const definition of Object.values(definitions)) this.#check(definition, owner.plugin);
    const { instruments, collect } = openMetrics(definitions, refresh);
    return { instruments, remove: this.add(collect, owner) };
  }

  collect(): readonly MetricFamily[] {
    const families: MetricFamily[] = [];
    for (const [collect, owner] of this.#sources) {
      try {
        families.push(...collect());
      } catch (error) {
        owner.onFault(error);
      }
    }
    return mergeFamilies(families);
  }

  #check(definition: MetricDefinition, plugin: string): void {
    if (definition?.$$type !== '@timonel/metric') {
      const message = 'ctx.metrics takes a record of metrics made by counterMetric, gaugeMetric or histogramMetric';
      throw new KernelError('ERR_PLUGIN_CONTRACT', message, { plugin });
    }
    const { name, type, labels, buckets } = definition;
    const known = this.#known.get(name);
    if (known === undefined) this.#known.set(name, definition);
    else if (known.type !== type || known.labels.join() !== labels.join() || known.buckets.join() !== buckets.join()) {
      const bounds = known.type === 'histogram' ? ` and the buckets [${known.buckets.join(', ')}]` : '';
      const wanted = `a ${known.type} with the labels [${known.labels.join(', ')}]${bounds}`;
      const message = `plugin '${plugin}' opens the metric '${name}', which is known as ${wanted}: give it another name`;
      throw new KernelError('ERR_PLUGIN_CONTRACT', message, { plugin });
    }
  }
}
