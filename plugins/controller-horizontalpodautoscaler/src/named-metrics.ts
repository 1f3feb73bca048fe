/** Custom and external metrics, from the plugins that know them. */
import { errorMessage } from '@timonel/sdk';
import {
  externalMetricsProvider,
  isMeasured,
  objectMetricsProvider,
  type ExternalMetricsProvider,
  type MeasuredType,
  type ObjectMetricValue,
  type ObjectMetricsProvider,
} from '@timonel/sdk/contracts/metrics';
import { fromLabelSelector, type MetricIdentifier, type Pod, type Selector } from '@timonel/sdk/kube';
import type { Reading } from './metric-problem.ts';

/** A custom metric without a window is one of a moment: as if measured over a minute. */
const defaultWindowMs = 60_000;
const milliOf = (value: number): number => Math.round(value * 1000);

async function guarded(what: string, work: () => Promise<Reading>): Promise<Reading> {
  try {
    return await work();
  } catch (error) {
    return { of: 'nothing', message: `unable to get ${what}: ${errorMessage(error)}` };
  }
}

const selectorOf = ({ selector }: MetricIdentifier): Selector =>
  selector === undefined ? [] : fromLabelSelector(selector);

function valuesOf(
  providers: readonly ObjectMetricsProvider[],
  type: MeasuredType,
  query: {
    readonly namespace: string | undefined;
    readonly names: readonly string[];
    readonly metric: MetricIdentifier;
  },
): Promise<readonly ObjectMetricValue[]> {
  const { name } = query.metric;
  const { group, resource } = type;
  const provider = objectMetricsProvider(providers, { group, resource, metric: name });
  if (provider === undefined) throw new Error(`no plugin offers the metric ${name} of ${resource}`);
  const { namespace, names } = query;
  return provider.values({ group, resource, namespace, names, metric: name, selector: selectorOf(query.metric) });
}

export function readPodsMetric(
  providers: readonly ObjectMetricsProvider[],
  metric: MetricIdentifier,
  namespace: string,
  pods: readonly Pod[],
): Promise<Reading> {
  return guarded(`metric ${metric.name}`, async () => {
    const names = pods.map(({ metadata }) => metadata.name ?? '');
    const values = await valuesOf(providers, { group: '', resource: 'pods' }, { namespace, names, metric });
    const samples = values
      .filter(isMeasured)
      .map(
        ({ name, value, time, windowMs = defaultWindowMs }) =>
          [name, { milli: milliOf(value), atMs: time, windowMs }] as const,
      );
    if (samples.length === 0) throw new Error('no metrics returned from custom metrics API');
    return { of: 'pods', samples: new Map(samples) };
  });
}

export function readObjectMetric(
  providers: readonly ObjectMetricsProvider[],
  metric: MetricIdentifier,
  object: {
    readonly type: MeasuredType;
    readonly kind: string;
    readonly namespace: string | undefined;
    readonly name: string;
  },
): Promise<Reading> {
  const { type, kind, namespace, name } = object;
  return guarded(`metric ${metric.name}: ${kind} on ${namespace ?? ''} ${name}`, async () => {
    const values = await valuesOf(providers, type, { namespace, names: [name], metric });
    const value = values.filter(isMeasured).find((one) => one.name === name);
    if (value === undefined) throw new Error('no metrics returned from custom metrics API');
    return { of: 'total', milli: milliOf(value.value) };
  });
}

/** All series together. */
export function readExternalMetric(
  providers: readonly ExternalMetricsProvider[],
  metric: MetricIdentifier,
  namespace: string,
): Promise<Reading> {
  const { name } = metric;
  return guarded(`external metric ${namespace}/${name}`, async () => {
    const provider = externalMetricsProvider(providers, name);
    if (provider === undefined) throw new Error(`no plugin offers the metric ${name}`);
    const values = (await provider.values({ namespace, metric: name, selector: selectorOf(metric) })).filter(
      isMeasured,
    );
    if (values.length === 0) throw new Error('no metrics returned from external metrics API');
    return { of: 'total', milli: values.reduce((sum, { value }) => sum + milliOf(value), 0) };
  });
}
