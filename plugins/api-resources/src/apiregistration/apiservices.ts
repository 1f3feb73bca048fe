import type { ResourceDefinition } from '@timonel/sdk/contracts/api-server';
import { dnsLabelProblems, dnsSubdomainProblems } from '@timonel/sdk/kube';
import { child, fill, type Json } from '../defaults.ts';
import { describedKind } from '../described-kind.ts';
import { ageColumn, listAt, nameColumn, shown, textAt, valueAt } from '../table/columns.ts';
import type { Part } from '../validation/part.ts';
import { pathSegmentProblems } from '../validation/path-segment.ts';

function check(service: Part): void {
  const spec = service.at('spec');
  const [group, version] = [spec.text('group'), spec.text('version')];
  const name = service.at('metadata').text('name');
  if (name !== `${version}.${group}`) service.found.invalid('metadata.name', name, '`spec.version+"."+spec.group`');
  spec.named('group', dnsSubdomainProblems);
  spec.named('version', dnsLabelProblems, 'required');
  if ((group ?? '') === '' && version !== 'v1')
    spec.found.required('spec.group', 'only v1 may have an empty group and it better be legacy kube');
  for (const [field, most] of [
    ['groupPriorityMinimum', 20_000],
    ['versionPriority', 1000],
  ] as const) {
    const value = spec.number(field) ?? 0;
    if (value <= 0 || value > most)
      spec.found.invalid(spec.pathOf(field), value, `must be positive and less than ${most}`);
  }
  const target = spec.at('service');
  if (!target.present) {
    if (spec.has('caBundle')) spec.found.invalid('spec.caBundle', '', 'local APIServices may not have a caBundle');
    if (spec.get('insecureSkipTLSVerify') === true)
      spec.invalid('insecureSkipTLSVerify', 'local APIServices may not have insecureSkipTLSVerify');
    return;
  }
  target.require('namespace', 'name');
  target.within('port', 1, 65_535);
  if (spec.get('insecureSkipTLSVerify') === true && spec.has('caBundle'))
    spec.invalid('insecureSkipTLSVerify', 'may not be true if caBundle is present');
}

/** What the API server answers for itself is there from the first moment on. */
function settleLocal(service: Json): void {
  if (valueAt(service, 'spec.service') !== undefined) return;
  const condition = {
    type: 'Available',
    status: 'True',
    lastTransitionTime: valueAt(service, 'metadata.creationTimestamp'),
    reason: 'Local',
    message: 'Local APIServices are always available',
  };
  service['status'] = { conditions: [condition] };
}

function serviceCell(service: unknown): string {
  if (valueAt(service, 'spec.service') === undefined) return 'Local';
  return `${textAt(service, 'spec.service.namespace')}/${textAt(service, 'spec.service.name')}`;
}

function availableCell(service: unknown): string {
  const condition = listAt(service, 'status.conditions').find((item) => textAt(item, 'type') === 'Available');
  const status = textAt(condition, 'status', 'Unknown');
  const reason = textAt(condition, 'reason');
  return status === 'True' || reason === '' ? status : `${status} (${reason})`;
}

/** Who serves a group and version of the API. */
export const apiServiceKind: ResourceDefinition = describedKind({
  group: 'apiregistration.k8s.io',
  kind: 'APIService',
  resource: 'apiservices',
  schema: 'io.k8s.kube-aggregator.pkg.apis.apiregistration.v1.APIService',
  namespaced: false,
  categories: ['api-extensions'],
  status: {},
  // Such as `v1.`, of the core group.
  nameProblems: pathSegmentProblems,
  prepare: settleLocal,
  default: (service) => fill(child(child(service, 'spec'), 'service'), { port: 443 }),
  check,
  columns: [
    nameColumn,
    shown('Service', 'Who serves it.', serviceCell),
    shown('Available', 'Whether it can be reached.', availableCell),
    ageColumn,
  ],
});
