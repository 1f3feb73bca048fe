import type { StoredAs } from '@timonel/sdk/contracts/api-server';
import type { KubeObject } from '@timonel/sdk/kube';
import { child, type Json } from '../defaults.ts';
import { isObject, itemsOf } from '../validation/loose.ts';
import {
  currentMetricsToVersion1,
  currentMetricsToVersion2,
  metricsToVersion1,
  metricsToVersion2,
} from './metrics-v1.ts';

const prefix = 'autoscaling.alpha.kubernetes.io/';
const kept = {
  metrics: `${prefix}metrics`,
  behavior: `${prefix}behavior`,
  conditions: `${prefix}conditions`,
  current: `${prefix}current-metrics`,
} as const;

/** Whether a metric is the one that version 1 has a field for. */
function isCpu(metric: unknown, holder: 'target' | 'current'): boolean {
  const resource = child(metric, 'resource');
  return resource?.['name'] === 'cpu' && typeof child(resource, holder)?.['averageUtilization'] === 'number';
}

/** JSON in an annotation; what cannot be read counts as not there. */
function parsed(text: unknown): unknown {
  try {
    return typeof text === 'string' ? (JSON.parse(text) as unknown) : undefined;
  } catch {
    return undefined;
  }
}

interface Split {
  readonly utilization: unknown;
  readonly others: unknown[];
}

/** The first metric of CPU utilisation, and all others. */
function split(list: unknown, holder: 'target' | 'current'): Split {
  const all = itemsOf(list as unknown[]);
  const cpu = all.findIndex((metric) => isCpu(metric, holder));
  const found = cpu === -1 ? undefined : child(child(all[cpu], 'resource'), holder);
  return { utilization: found?.['averageUtilization'], others: all.filter((_metric, index) => index !== cpu) };
}

function fromStored(object: KubeObject): KubeObject {
  const { metadata, spec, status } = object as KubeObject & { spec?: unknown; status?: unknown };
  const { metrics, behavior, ...ownSpec } = isObject(spec) ? spec : {};
  const { currentMetrics, conditions, ...ownStatus } = isObject(status) ? status : {};
  const wanted = split(metrics, 'target');
  const measured = split(currentMetrics, 'current');
  const annotations: Record<string, string> = { ...metadata.annotations };
  const keep = (name: string, value: unknown): void => {
    annotations[name] = JSON.stringify(value);
  };
  if (wanted.others.length > 0) keep(kept.metrics, metricsToVersion1(wanted.others));
  if (isObject(behavior)) keep(kept.behavior, behavior);
  if (itemsOf(conditions as unknown[]).length > 0) keep(kept.conditions, conditions);
  // The one that has a field is kept here too, for its average value.
  if (itemsOf(currentMetrics as unknown[]).length > 0) keep(kept.current, currentMetricsToVersion1(currentMetrics));
  const shown: KubeObject & Json = {
    metadata: Object.keys(annotations).length === 0 ? metadata : { ...metadata, annotations },
    spec:
      wanted.utilization === undefined ? ownSpec : { ...ownSpec, targetCPUUtilizationPercentage: wanted.utilization },
  };
  if (isObject(status)) {
    const { utilization } = measured;
    shown['status'] = {
      currentReplicas: 0,
      ...ownStatus,
      ...(utilization === undefined ? {} : { currentCPUUtilizationPercentage: utilization }),
    };
  }
  return shown;
}

function cpuMetric(holder: 'target' | 'current', percentage: unknown): Json {
  const amount =
    holder === 'target' ? { type: 'Utilization', averageUtilization: percentage } : { averageUtilization: percentage };
  return { type: 'Resource', resource: { name: 'cpu', [holder]: amount } };
}

function statusToStored(status: Json, annotations: Readonly<Record<string, unknown>>): Json {
  const { currentCPUUtilizationPercentage: percentage, ...rest } = status;
  const measured = currentMetricsToVersion2(parsed(annotations[kept.current]));
  const conditions = parsed(annotations[kept.conditions]);
  const missing = typeof percentage === 'number' && !measured.some((metric) => isCpu(metric, 'current'));
  const all = missing ? [cpuMetric('current', percentage), ...measured] : measured;
  return {
    ...rest,
    currentMetrics: all.length === 0 ? null : all,
    ...(Array.isArray(conditions) ? { conditions } : {}),
  };
}

function toStored(object: KubeObject): KubeObject {
  const { metadata, spec, status } = object as KubeObject & { spec?: unknown; status?: unknown };
  const annotations: Record<string, string> = isObject(metadata.annotations) ? { ...metadata.annotations } : {};
  const { targetCPUUtilizationPercentage: percentage, ...rest } = isObject(spec) ? spec : {};
  const others = metricsToVersion2(parsed(annotations[kept.metrics]));
  const metrics = typeof percentage === 'number' ? [cpuMetric('target', percentage), ...others] : others;
  const behavior = parsed(annotations[kept.behavior]);
  const stored: KubeObject & Json = {
    metadata,
    spec: {
      ...rest,
      ...(metrics.length === 0 ? {} : { metrics }),
      ...(isObject(behavior) ? { behavior } : {}),
    },
  };
  if (isObject(status)) stored['status'] = statusToStored(status, annotations);
  const own = Object.entries(annotations).filter(([name]) => !Object.values(kept).includes(name as never));
  if (own.length < Object.keys(annotations).length) {
    const { annotations: _all, ...others } = metadata;
    stored.metadata = own.length === 0 ? others : { ...others, annotations: Object.fromEntries(own) };
  }
  return stored;
}

/** autoscaling/v1 shows the objects of autoscaling/v2. */
export const shownByVersion1: StoredAs = {
  group: 'autoscaling',
  version: 'v2',
  resource: 'horizontalpodautoscalers',
  fromStored,
  toStored,
};
