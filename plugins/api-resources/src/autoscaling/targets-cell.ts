import type { KubeObject } from '@timonel/sdk/kube';
import { listAt, none, textAt, valueAt } from '../table/columns.ts';
import { fieldOf, textOf } from '../validation/loose.ts';

const unknown = '<unknown>';
const shownMetrics = 2;

/** The field of a metric that holds its source. */
const sources: Readonly<Record<string, string>> = {
  Resource: 'resource',
  ContainerResource: 'containerResource',
  Pods: 'pods',
  Object: 'object',
  External: 'external',
};

/** `cpu: 12%/80%`, `<unknown>/100m (avg)`. */
function metricText(wanted: unknown, measured: unknown): string {
  const source = sources[textOf(fieldOf(wanted, 'type'))];
  if (source === undefined) return '<unknown type>';
  const target = valueAt(wanted, `${source}.target`);
  const current = valueAt(measured, `${source}.current`);
  const byName = source === 'resource' || source === 'containerResource';
  const label = byName ? `${textAt(wanted, `${source}.name`)}: ` : '';
  const utilization = fieldOf(target, 'averageUtilization');
  if (byName && typeof utilization === 'number') {
    const now = fieldOf(current, 'averageUtilization');
    return `${label}${typeof now === 'number' ? `${now}%` : unknown}/${utilization}%`;
  }
  const average = textAt(target, 'averageValue');
  if (average !== '') {
    const suffix = source === 'pods' || byName ? '' : ' (avg)';
    return `${label}${textAt(current, 'averageValue', unknown)}/${average}${suffix}`;
  }
  return `${label}${textAt(current, 'value', unknown)}/${textAt(target, 'value', '<auto>')}`;
}

export function targetsCell(autoscaler: KubeObject): string {
  const wanted = listAt(autoscaler, 'spec.metrics');
  if (wanted.length === 0) return none;
  const measured = listAt(autoscaler, 'status.currentMetrics');
  const texts = wanted.slice(0, shownMetrics).map((metric, index) => metricText(metric, measured[index]));
  const rest = wanted.length - shownMetrics;
  return rest > 0 ? `${texts.join(', ')} + ${rest} more...` : texts.join(', ');
}
