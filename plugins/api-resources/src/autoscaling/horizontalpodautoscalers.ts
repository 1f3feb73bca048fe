import type { ResourceDefinition } from '@timonel/sdk/contracts/api-server';
import type { KubeObject } from '@timonel/sdk/kube';
import { canonicalFields, child, fill, items, type Json } from '../defaults.ts';
import { describedKind, type KindDescription } from '../described-kind.ts';
import { ageColumn, counted, nameColumn, numberAt, shown, textAt, unset, valueAt } from '../table/columns.ts';
import { checkAutoscaler } from './validation.ts';
import { targetsCell } from './targets-cell.ts';
import { shownByVersion1 } from './version1.ts';

const period = { periodSeconds: 15 };
const upwards = {
  stabilizationWindowSeconds: 0,
  selectPolicy: 'Max',
  policies: [
    { type: 'Pods', value: 4, ...period },
    { type: 'Percent', value: 100, ...period },
  ],
};
const downwards = { selectPolicy: 'Max', policies: [{ type: 'Percent', value: 100, ...period }] };
const byCpu = {
  type: 'Resource',
  resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 80 } },
};

function defaultAutoscaler(autoscaler: Json): void {
  const spec = child(autoscaler, 'spec');
  fill(spec, { minReplicas: 1 });
  const metrics = spec?.['metrics'];
  if (spec !== undefined && (metrics === undefined || (Array.isArray(metrics) && metrics.length === 0)))
    spec['metrics'] = [structuredClone(byCpu)];
  for (const metric of items(spec, 'metrics'))
    for (const source of Object.keys(metric))
      canonicalFields(child(child(metric, source), 'target'), 'averageValue', 'value');
  const behavior = child(spec, 'behavior');
  if (behavior !== undefined) {
    fill(behavior, { scaleUp: {}, scaleDown: {} });
    fill(child(behavior, 'scaleUp'), upwards);
    fill(child(behavior, 'scaleDown'), downwards);
  }
  fill(child(autoscaler, 'status'), { currentMetrics: null, desiredReplicas: 0 });
}

const columns: KindDescription['columns'] = [
  nameColumn,
  shown('Reference', 'What it scales.', (autoscaler: KubeObject) => {
    const at = 'spec.scaleTargetRef';
    return `${textAt(autoscaler, `${at}.kind`)}/${textAt(autoscaler, `${at}.name`)}`;
  }),
  shown('Targets', 'What is measured, and what is wanted.', targetsCell),
  shown('MinPods', 'The least number of pods.', (autoscaler) => {
    const least = valueAt(autoscaler, 'spec.minReplicas');
    return typeof least === 'number' ? String(least) : unset;
  }),
  counted('MaxPods', 'The greatest number of pods.', (autoscaler) => numberAt(autoscaler, 'spec.maxReplicas')),
  counted('Replicas', 'The number of pods.', (autoscaler) => numberAt(autoscaler, 'status.currentReplicas')),
  ageColumn,
];

const names = {
  group: 'autoscaling',
  kind: 'HorizontalPodAutoscaler',
  resource: 'horizontalpodautoscalers',
  shortNames: ['hpa'],
  categories: ['all'],
} as const;

export const horizontalPodAutoscalerKind: ResourceDefinition = describedKind({
  ...names,
  version: 'v2',
  status: { currentMetrics: null, desiredReplicas: 0 },
  statusMetadata: true,
  default: defaultAutoscaler,
  check: checkAutoscaler,
  columns,
});

/** Version 1 of the same objects. */
export const horizontalPodAutoscalerV1Kind: ResourceDefinition = describedKind({
  ...names,
  status: {},
  statusMetadata: true,
  storedAs: shownByVersion1,
  columns: (columns ?? []).map((one) => ({
    ...one,
    cell: (object, context) => one.cell(shownByVersion1.toStored(object), context),
  })),
});
