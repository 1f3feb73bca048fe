/** MetricValueList of custom.metrics.k8s.io/v1beta2 and ExternalMetricValueList of external.metrics.k8s.io/v1beta1. Source: k8s.io/metrics. */
import type { ExternalMetricValue, ObjectMetricValue } from '@timonel/sdk/contracts/metrics';
import {
  apiVersionOf,
  formatMilliQuantity,
  timestampOf,
  type LabelSelector,
  type ResourceType,
} from '@timonel/sdk/kube';

export const customGroup = { group: 'custom.metrics.k8s.io', version: 'v1beta2' } as const;
export const externalGroup = { group: 'external.metrics.k8s.io', version: 'v1beta1' } as const;

const quantityOf = (value: number): string => formatMilliQuantity(Math.round(value * 1000));
const seconds = (ms: number): number => Math.round(ms / 1000);

export interface MetricAsked {
  readonly type: ResourceType;
  readonly namespace: string | undefined;
  readonly metric: string;
  /** Of the series. */
  readonly selector: LabelSelector | undefined;
}

export function objectValues(
  { type, namespace, metric, selector }: MetricAsked,
  values: readonly ObjectMetricValue[],
): unknown {
  const items = values.map(({ name, value, time, windowMs }) => ({
    describedObject: {
      kind: type.kind,
      ...(namespace === undefined ? {} : { namespace }),
      name,
      apiVersion: apiVersionOf(type),
    },
    metric: { name: metric, ...(selector === undefined ? {} : { selector }) },
    timestamp: timestampOf(time),
    ...(windowMs === undefined ? {} : { windowSeconds: seconds(windowMs) }),
    value: quantityOf(value),
  }));
  return { kind: 'MetricValueList', apiVersion: apiVersionOf(customGroup), metadata: {}, items };
}

export function externalValues(metric: string, values: readonly ExternalMetricValue[]): unknown {
  const items = values.map(({ value, time, windowMs, labels }) => ({
    metricName: metric,
    metricLabels: labels ?? {},
    timestamp: timestampOf(time),
    ...(windowMs === undefined ? {} : { window: seconds(windowMs) }),
    value: quantityOf(value),
  }));
  return { kind: 'ExternalMetricValueList', apiVersion: apiVersionOf(externalGroup), metadata: {}, items };
}
