/**
 * Metrics that plugins know of objects of the API (custom metrics), and of things that are no objects (external metrics): what
 * autoscalers scale by beside cpu and memory. Served as custom.metrics.k8s.io and external.metrics.k8s.io by `metrics-custom`.
 */
import { defineService, type ServiceToken } from '../../kernel/index.ts';
import type { Selector } from '../../kube/index.ts';

/** Objects of one type. */
export interface MeasuredType {
  /** Empty for the core group. */
  readonly group: string;
  /** Plural, lower case: `pods`. */
  readonly resource: string;
}

/** What a provider can tell of objects of a type. */
export interface OfferedMetric extends MeasuredType {
  /** `http_requests_per_second`. */
  readonly metric: string;
  readonly namespaced: boolean;
}

export interface ObjectMetricQuery extends MeasuredType {
  /** Undefined: objects of the whole cluster. */
  readonly namespace: string | undefined;
  /** Of which objects. */
  readonly names: readonly string[];
  readonly metric: string;
  /** Which series of the metric, by their labels. Empty: all together. */
  readonly selector: Selector;
}

export interface MeasuredValue {
  /** In the metric's own unit. Fractions are kept to a thousandth. */
  readonly value: number;
  /** When it was measured: ms since the epoch. */
  readonly time: number;
  /** Over which time. Absent: at that moment. */
  readonly windowMs?: number;
}

/** The largest value that a quantity holds to a thousandth: 2^63 thousandths. */
const largestValue = 2 ** 63 / 1000;

/** Whether it can be told as a quantity: providers answer what they like. What cannot counts as not measured. */
export function isMeasured({ value }: MeasuredValue): boolean {
  return Math.abs(value) < largestValue;
}

export interface ObjectMetricValue extends MeasuredValue {
  /** Of the object. */
  readonly name: string;
}

/** Values of objects of the API. What is thrown is told to who asked, as the reason why there are none. */
export interface ObjectMetricsProvider {
  offered(): readonly OfferedMetric[];
  /** One value for each of the named objects that has one. Asked only for metrics that are offered. */
  values(query: ObjectMetricQuery): Promise<readonly ObjectMetricValue[]>;
}

export interface ExternalMetricQuery {
  readonly namespace: string;
  readonly metric: string;
  readonly selector: Selector;
}

export interface ExternalMetricValue extends MeasuredValue {
  /** Labels of the series. */
  readonly labels?: Readonly<Record<string, string>>;
}

/** Values of things outside: the length of a queue of a cloud. Autoscalers add the series up. */
export interface ExternalMetricsProvider {
  /** Names of metrics. */
  offered(): readonly string[];
  values(query: ExternalMetricQuery): Promise<readonly ExternalMetricValue[]>;
}

/** Token of {@link ObjectMetricsProvider}. Of several that offer the same, the first is asked. */
export const objectMetrics: ServiceToken<ObjectMetricsProvider, 'many'> = defineService<ObjectMetricsProvider, 'many'>(
  'metrics.objects',
  { major: 1, cardinality: 'many', sync: ['offered'] },
);

/** Token of {@link ExternalMetricsProvider}. Of several that offer the same, the first is asked. */
export const externalMetrics: ServiceToken<ExternalMetricsProvider, 'many'> = defineService<
  ExternalMetricsProvider,
  'many'
>('metrics.external', { major: 1, cardinality: 'many', sync: ['offered'] });

/** The provider that is asked for a metric of objects. */
export function objectMetricsProvider(
  providers: readonly ObjectMetricsProvider[],
  wanted: MeasuredType & { readonly metric: string },
): ObjectMetricsProvider | undefined {
  const isWanted = ({ group, resource, metric }: OfferedMetric): boolean =>
    group === wanted.group && resource === wanted.resource && metric === wanted.metric;
  return providers.find((provider) => provider.offered().some(isWanted));
}

/** The provider that is asked for an external metric. */
export function externalMetricsProvider(
  providers: readonly ExternalMetricsProvider[],
  metric: string,
): ExternalMetricsProvider | undefined {
  return providers.find((provider) => provider.offered().includes(metric));
}
