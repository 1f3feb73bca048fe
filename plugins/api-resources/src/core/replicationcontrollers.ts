import type { ResourceDefinition } from '@timonel/sdk/contracts/api-server';
import { matchesSelector, fromLabelSelector, type KubeObject, type PodTemplateSpec } from '@timonel/sdk/kube';
import { defaultTemplateOf, templateColumns } from '../apps/pod-owner.ts';
import { workloadScale } from '../apps/scale.ts';
import { child, fill, made, type Json } from '../defaults.ts';
import { describedKind } from '../described-kind.ts';
import { checkPodTemplate } from '../pod/pod-validation.ts';
import { ageColumn, counted, nameColumn, none, numberAt, valueAt, wide } from '../table/columns.ts';
import { checkLabels } from '../validation/labels.ts';
import { isObject, textEntries } from '../validation/loose.ts';
import type { Part } from '../validation/part.ts';

const isEmpty = (value: unknown): boolean => !isObject(value) || Object.keys(value).length === 0;

/** Selector and labels of a controller that names none are those of its template. */
function defaultController(controller: Json): void {
  const spec = child(controller, 'spec');
  fill(spec, { replicas: 1 });
  defaultTemplateOf(controller);
  const labels = child(child(child(spec, 'template'), 'metadata'), 'labels');
  if (spec === undefined || labels === undefined || isEmpty(labels)) return;
  if (isEmpty(spec['selector'])) spec['selector'] = { ...labels };
  const metadata = made(controller, 'metadata');
  if (metadata !== undefined && isEmpty(metadata['labels'])) metadata['labels'] = { ...labels };
}

function check(controller: Part): void {
  const spec = controller.at('spec');
  spec.nonNegative('replicas', 'minReadySeconds');
  const selector = spec.at('selector');
  if (selector.entries().length === 0) spec.missing('selector');
  checkLabels(selector.raw, selector.path, spec.found);
  const template = spec.at('template');
  if (!template.present) {
    spec.missing('template');
    return;
  }
  const labels = template.below('metadata.labels');
  const wanted = fromLabelSelector({ matchLabels: Object.fromEntries(textEntries(selector.raw)) });
  if (!matchesSelector(wanted, Object.fromEntries(textEntries(labels.raw))))
    labels.wrong('`selector` does not match template `labels`');
  checkPodTemplate(template.raw as PodTemplateSpec, template.path, 'ReplicationController', spec.found);
}

function selectorText(controller: KubeObject): string {
  const parts = textEntries(valueAt(controller, 'spec.selector')).map(([key, value]) => `${key}=${value}`);
  return parts.length === 0 ? none : parts.sort().join(',');
}

export const replicationControllerKind: ResourceDefinition = describedKind({
  group: '',
  kind: 'ReplicationController',
  resource: 'replicationcontrollers',
  shortNames: ['rc'],
  categories: ['all'],
  generation: true,
  status: { replicas: 0 },
  statusMetadata: true,
  scale: workloadScale,
  default: defaultController,
  check,
  fields: (controller) => ({ 'status.replicas': String(numberAt(controller, 'status.replicas')) }),
  columns: [
    nameColumn,
    counted('Desired', 'The number of wanted pods.', (controller) => numberAt(controller, 'spec.replicas')),
    counted('Current', 'The number of pods there are.', (controller) => numberAt(controller, 'status.replicas')),
    counted('Ready', 'The number of ready pods.', (controller) => numberAt(controller, 'status.readyReplicas')),
    ageColumn,
    ...templateColumns(),
    wide('Selector', 'The labels of its pods.', selectorText),
  ],
});
