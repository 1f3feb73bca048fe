import type { ResourceDefinition } from '@timonel/sdk/contracts/api-server';
import { child, fill, items, made, type Json } from '../defaults.ts';
import { describedKind } from '../described-kind.ts';
import { checkClaimSpec, defaultClaimSpec } from '../core/claim-spec.ts';
import { ageColumn, nameColumn, numberAt, shown } from '../table/columns.ts';
import { sameJson } from '../validation/findings.ts';
import type { Part } from '../validation/part.ts';
import { checkLastingPods, defaultTemplateOf, templateColumns } from './pod-owner.ts';
import { checkAmount } from './rollout-validation.ts';
import { workloadScale } from './scale.ts';

const changeable = [
  'replicas',
  'ordinals',
  'template',
  'updateStrategy',
  'revisionHistoryLimit',
  'persistentVolumeClaimRetentionPolicy',
  'minReadySeconds',
] as const;

function defaultSet(set: Json): void {
  const spec = child(set, 'spec');
  fill(spec, { podManagementPolicy: 'OrderedReady', replicas: 1, revisionHistoryLimit: 10 });
  const strategy = made(spec, 'updateStrategy');
  fill(strategy, { type: 'RollingUpdate' });
  if (strategy?.['type'] === 'RollingUpdate') fill(made(strategy, 'rollingUpdate'), { partition: 0 });
  fill(made(spec, 'persistentVolumeClaimRetentionPolicy'), { whenDeleted: 'Retain', whenScaled: 'Retain' });
  defaultTemplateOf(set);
  for (const claim of items(spec, 'volumeClaimTemplates')) {
    fill(claim, { apiVersion: 'v1', kind: 'PersistentVolumeClaim' });
    defaultClaimSpec(child(claim, 'spec'));
    fill(made(claim, 'status'), { phase: 'Pending' });
  }
}

function checkStrategy(strategy: Part): void {
  strategy.oneOf('type', ['OnDelete', 'RollingUpdate']);
  if (strategy.text('type') === 'OnDelete' && strategy.at('rollingUpdate').present)
    strategy.invalid('rollingUpdate', "only allowed for updateStrategy 'RollingUpdate'");
  const rolling = strategy.at('rollingUpdate');
  rolling.nonNegative('partition');
  checkAmount(rolling.get('maxUnavailable'), rolling.pathOf('maxUnavailable'), rolling.found);
}

function check(set: Part): void {
  const spec = set.at('spec');
  spec.oneOf('podManagementPolicy', ['OrderedReady', 'Parallel']);
  checkStrategy(spec.at('updateStrategy'));
  spec.nonNegative('replicas', 'minReadySeconds', 'revisionHistoryLimit');
  spec.at('ordinals').nonNegative('start');
  const retention = spec.at('persistentVolumeClaimRetentionPolicy');
  retention.oneOf('whenDeleted', ['Delete', 'Retain'], 'optional');
  retention.oneOf('whenScaled', ['Delete', 'Retain'], 'optional');
  const claims = spec.list('volumeClaimTemplates');
  const claimed = claims.map((claim) => claim.at('metadata').text('name')).filter((name) => name !== '');
  checkLastingPods(spec, 'StatefulSet', claimed);
  for (const claim of claims) checkClaimSpec(claim.at('spec'));
}

function fixedPart(set: Part): Json {
  const spec: Json = set.at('spec').present ? { ...(set.get('spec') as Json) } : {};
  for (const field of changeable) delete spec[field];
  return spec;
}

function checkUpdate(set: Part, old: Part): void {
  if (sameJson(fixedPart(set), fixedPart(old))) return;
  const list = changeable.map((field) => `'${field}'`);
  set.found.forbidden(
    'spec',
    `updates to statefulset spec for fields other than ${list.slice(0, -1).join(', ')} and ${list.at(-1)} are forbidden`,
  );
}

export const statefulSetKind: ResourceDefinition = describedKind({
  group: 'apps',
  kind: 'StatefulSet',
  resource: 'statefulsets',
  shortNames: ['sts'],
  categories: ['all'],
  generation: true,
  status: { replicas: 0, availableReplicas: 0 },
  statusMetadata: true,
  scale: workloadScale,
  default: defaultSet,
  check,
  checkUpdate,
  columns: [
    nameColumn,
    shown(
      'Ready',
      'The number of ready pods of the wanted pods.',
      (set) => `${numberAt(set, 'status.readyReplicas')}/${numberAt(set, 'spec.replicas')}`,
    ),
    ageColumn,
    ...templateColumns(),
  ],
});
