/**
 * Metrics and conditions of autoscaling/v2 in version 1: it has a field for the utilisation of CPU alone, and keeps the rest as
 * JSON in annotations, in the shape of its own types (k8s.io/api, autoscaling/v1 MetricSpec).
 */
import { child, type Json } from '../defaults.ts';
import { isObject } from '../validation/loose.ts';

/** Only the fields that are there. */
function present(fields: Json): Json {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}

type Converter = (metric: Json) => Json;
const target = (metric: Json): Json => child(metric, 'target') ?? child(metric, 'current') ?? {};
const identity = (metric: Json): Json => child(metric, 'metric') ?? {};

/** Field names of values: those of what is wanted (`target…`) and those of what is measured (`current…`). */
interface Names {
  readonly utilization: string;
  readonly average: string;
  readonly value: string;
}
const wanted: Names = { utilization: 'targetAverageUtilization', average: 'targetAverageValue', value: 'targetValue' };
const measured: Names = {
  utilization: 'currentAverageUtilization',
  average: 'currentAverageValue',
  value: 'currentValue',
};

function toVersion1(names: Names): Readonly<Record<string, Converter>> {
  const resource: Converter = (metric) =>
    present({
      name: metric['name'],
      container: metric['container'],
      [names.utilization]: target(metric)['averageUtilization'],
      [names.average]: target(metric)['averageValue'],
    });
  return {
    resource,
    containerResource: resource,
    pods: (metric) =>
      present({
        metricName: identity(metric)['name'],
        selector: identity(metric)['selector'],
        [names.average]: target(metric)['averageValue'],
      }),
    object: (metric) =>
      present({
        target: metric['describedObject'],
        metricName: identity(metric)['name'],
        selector: identity(metric)['selector'],
        [names.value]: target(metric)['value'],
        averageValue: target(metric)['averageValue'],
      }),
    external: (metric) =>
      present({
        metricName: identity(metric)['name'],
        metricSelector: identity(metric)['selector'],
        [names.value]: target(metric)['value'],
        [names.average]: target(metric)['averageValue'],
      }),
  };
}

function toVersion2(names: Names): Readonly<Record<string, Converter>> {
  const holder = names === wanted ? 'target' : 'current';
  const amounts = (metric: Json): Json => {
    const values = {
      averageUtilization: metric[names.utilization],
      averageValue: metric[names.average] ?? metric['averageValue'],
      value: metric[names.value],
    };
    const type =
      values.averageUtilization !== undefined ? 'Utilization' : values.value === undefined ? 'AverageValue' : 'Value';
    return { [holder]: present(names === wanted ? { type, ...values } : values) };
  };
  const measuredBy = (metric: Json): Json => ({
    metric: present({ name: metric['metricName'], selector: metric['metricSelector'] ?? metric['selector'] }),
  });
  const resource: Converter = (metric) => ({
    ...present({ name: metric['name'], container: metric['container'] }),
    ...amounts(metric),
  });
  const named: Converter = (metric) => ({ ...measuredBy(metric), ...amounts(metric) });
  return {
    resource,
    containerResource: resource,
    pods: named,
    object: (metric) => ({ describedObject: metric['target'], ...named(metric) }),
    external: named,
  };
}

function convertAll(list: unknown, converters: Readonly<Record<string, Converter>>): Json[] {
  if (!Array.isArray(list)) return [];
  return list.filter(isObject).map((metric) => {
    const entries = Object.entries(metric).map(([name, part]) => {
      const convert = Object.hasOwn(converters, name) ? converters[name] : undefined;
      return [name, convert !== undefined && isObject(part) ? convert(part) : part];
    });
    return Object.fromEntries(entries) as Json;
  });
}

export const metricsToVersion1 = (list: unknown): Json[] => convertAll(list, toVersion1(wanted));
export const metricsToVersion2 = (list: unknown): Json[] => convertAll(list, toVersion2(wanted));
export const currentMetricsToVersion1 = (list: unknown): Json[] => convertAll(list, toVersion1(measured));
export const currentMetricsToVersion2 = (list: unknown): Json[] => convertAll(list, toVersion2(measured));
