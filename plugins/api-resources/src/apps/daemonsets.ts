import type { ResourceDefinition } from '@timonel/sdk/contracts/api-server';
import { child, fill, made, type Json } from '../defaults.ts';
import { describedKind } from '../described-kind.ts';
import { ageColumn, counted, nameColumn, none, numberAt, shown, valueAt } from '../table/columns.ts';
import { sameJson } from '../validation/findings.ts';
import { textEntries } from '../validation/loose.ts';
import type { Part } from '../validation/part.ts';
import { checkLastingPods, defaultTemplateOf, selectorColumn, templateColumns } from './pod-owner.ts';
import { checkAmount, isZero } from './rollout-validation.ts';

/** Counts changes of the template: what the field templateGeneration of older versions became. */
const templateGeneration = 'deprecated.daemonset.template.generation';

function setTemplateGeneration(set: Json, value: number): void {
  const annotations = made(child(set, 'metadata'), 'annotations');
  if (annotations !== undefined) annotations[templateGeneration] = String(value);
}

function generationOf(set: Json): number {
  const value = Number(child(child(set, 'metadata'), 'annotations')?.[templateGeneration]);
  return Number.isSafeInteger(value) && value > 0 ? value : 1;
}

function prepareUpdate(set: Json, old: Json): void {
  const changed = !sameJson(child(set, 'spec')?.['template'], child(old, 'spec')?.['template']);
  setTemplateGeneration(set, generationOf(old) + (changed ? 1 : 0));
}

function defaultSet(set: Json): void {
  const spec = child(set, 'spec');
  fill(spec, { revisionHistoryLimit: 10 });
  const strategy = made(spec, 'updateStrategy');
  fill(strategy, { type: 'RollingUpdate' });
  if (strategy?.['type'] === 'RollingUpdate') fill(made(strategy, 'rollingUpdate'), { maxUnavailable: 1, maxSurge: 0 });
  defaultTemplateOf(set);
}

function checkStrategy(strategy: Part): void {
  strategy.oneOf('type', ['OnDelete', 'RollingUpdate']);
  if (strategy.text('type') !== 'RollingUpdate') return;
  const rolling = strategy.at('rollingUpdate');
  if (!rolling.present) strategy.missing('rollingUpdate');
  const { maxUnavailable, maxSurge } = {
    maxUnavailable: rolling.get('maxUnavailable'),
    maxSurge: rolling.get('maxSurge'),
  };
  checkAmount(maxUnavailable, rolling.pathOf('maxUnavailable'), rolling.found);
  checkAmount(maxSurge, rolling.pathOf('maxSurge'), rolling.found);
  if (isZero(maxUnavailable) && isZero(maxSurge)) rolling.invalid('maxUnavailable', 'cannot be 0 when maxSurge is 0');
  if (!isZero(maxUnavailable) && !isZero(maxSurge))
    rolling.invalid('maxSurge', 'may not be set when maxUnavailable is non-zero');
}

function check(set: Part): void {
  const spec = set.at('spec');
  checkLastingPods(spec, 'DaemonSet');
  spec.nonNegative('minReadySeconds', 'revisionHistoryLimit');
  checkStrategy(spec.at('updateStrategy'));
}

const status = {
  currentNumberScheduled: 0,
  numberMisscheduled: 0,
  desiredNumberScheduled: 0,
  numberReady: 0,
};

export const daemonSetKind: ResourceDefinition = describedKind({
  group: 'apps',
  kind: 'DaemonSet',
  resource: 'daemonsets',
  shortNames: ['ds'],
  categories: ['all'],
  generation: true,
  status,
  statusMetadata: true,
  default: defaultSet,
  prepare: (set) => setTemplateGeneration(set, 1),
  prepareUpdate,
  check,
  immutable: ['spec.selector'],
  checkStatus: (set) => set.at('status').nonNegative(...Object.keys(status)),
  columns: [
    nameColumn,
    counted('Desired', 'The number of nodes that should run a pod.', (set) =>
      numberAt(set, 'status.desiredNumberScheduled'),
    ),
    counted('Current', 'The number of nodes that run a pod.', (set) => numberAt(set, 'status.currentNumberScheduled')),
    counted('Ready', 'The number of nodes with a ready pod.', (set) => numberAt(set, 'status.numberReady')),
    counted('Up-to-date', 'The number of nodes with a pod of the newest template.', (set) =>
      numberAt(set, 'status.updatedNumberScheduled'),
    ),
    counted('Available', 'The number of nodes with a pod ready for at least minReadySeconds.', (set) =>
      numberAt(set, 'status.numberAvailable'),
    ),
    shown('Node Selector', 'The labels of the nodes.', (set) => {
      const labels = textEntries(valueAt(set, 'spec.template.spec.nodeSelector'));
      return labels.length === 0
        ? none
        : labels
            .map(([key, value]) => `${key}=${value}`)
            .sort()
            .join(',');
    }),
    ageColumn,
    ...templateColumns(),
    selectorColumn(),
  ],
});
