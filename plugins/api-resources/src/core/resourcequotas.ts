import type { ResourceDefinition } from '@timonel/sdk/contracts/api-server';
import type { KubeObject } from '@timonel/sdk/kube';
import { child, type Json } from '../defaults.ts';
import { describedKind } from '../described-kind.ts';
import { canonicalizeQuantities } from '../quantity/canonical.ts';
import { ageColumn, nameColumn, shown, textAt, valueAt } from '../table/columns.ts';
import { fieldOf, isObject, shownText } from '../validation/loose.ts';
import type { Part } from '../validation/part.ts';
import { checkResourceList } from './resource-lists.ts';

const scopes = [
  'BestEffort',
  'CrossNamespacePodAffinity',
  'NotBestEffort',
  'NotTerminating',
  'PriorityClass',
  'Terminating',
  'VolumeAttributesClass',
];
const opposites = [
  ['BestEffort', 'NotBestEffort'],
  ['Terminating', 'NotTerminating'],
] as const;

function defaultQuota(quota: Json): void {
  canonicalizeQuantities(child(quota, 'spec')?.['hard']);
  canonicalizeQuantities(child(quota, 'status')?.['hard']);
  canonicalizeQuantities(child(quota, 'status')?.['used']);
}

function checkScopes(spec: Part): void {
  for (const scope of spec.list('scopes')) {
    if (!scopes.includes(scope.raw as string)) scope.wrong('unsupported scope');
  }
  const given = spec.list('scopes').map((scope) => scope.raw);
  for (const pair of opposites) {
    if (pair.every((scope) => given.includes(scope))) spec.invalid('scopes', 'conflicting scopes');
  }
  for (const item of spec.at('scopeSelector').list('matchExpressions')) {
    if (!scopes.includes(item.text('scopeName'))) item.invalid('scopeName', 'unsupported scope');
    item.oneOf('operator', ['DoesNotExist', 'Exists', 'In', 'NotIn']);
    const count = item.list('values').length;
    if (['In', 'NotIn'].includes(item.text('operator')) && count === 0)
      item.missing('values', "must be at least one value when `operator` is 'In' or 'NotIn' for scope selector");
    if (['Exists', 'DoesNotExist'].includes(item.text('operator')) && count > 0)
      item.invalid('values', "must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope selector");
  }
}

/** `cpu: 1/2, pods: 3/10`: of the resources whose names the filter takes. */
function usage(quota: KubeObject, takes: (name: string) => boolean): string {
  const hard = valueAt(quota, 'status.hard');
  const names = isObject(hard) ? Object.keys(hard).filter(takes).sort() : [];
  const used = valueAt(quota, 'status.used');
  return names
    .map((name) => `${name}: ${shownText(fieldOf(used, name)) || '0'}/${shownText(fieldOf(hard, name))}`)
    .join(', ');
}

const isLimit = (name: string): boolean => name.startsWith('limits');

export const resourceQuotaKind: ResourceDefinition = describedKind({
  group: '',
  kind: 'ResourceQuota',
  resource: 'resourcequotas',
  shortNames: ['quota'],
  status: {},
  statusMetadata: true,
  default: defaultQuota,
  check(quota) {
    checkResourceList(quota.below('spec.hard'));
    checkScopes(quota.at('spec'));
  },
  immutable: ['spec.scopes'],
  checkStatus(quota) {
    checkResourceList(quota.below('status.hard'));
    checkResourceList(quota.below('status.used'));
  },
  fields: (quota) => ({ 'metadata.name': textAt(quota, 'metadata.name') }),
  columns: [
    nameColumn,
    shown('Request', 'Used and allowed requests.', (quota) => usage(quota, (name) => !isLimit(name))),
    shown('Limit', 'Used and allowed limits.', (quota) => usage(quota, isLimit)),
    ageColumn,
  ],
});
