/** Acted on by the plugin api-fairness. */
import type { ResourceDefinition } from '@timonel/sdk/contracts/api-server';
import type { KubeObject } from '@timonel/sdk/kube';
import { child, fill } from '../defaults.ts';
import { describedKind } from '../described-kind.ts';
import { ageColumn, counted, listAt, nameColumn, none, numberAt, shown, textAt } from '../table/columns.ts';
import { fieldOf } from '../validation/loose.ts';
import type { Part } from '../validation/part.ts';

const subjects: Readonly<Record<string, string>> = { Group: 'group', ServiceAccount: 'serviceAccount', User: 'user' };

function checkSubject(subject: Part): void {
  subject.oneOf('kind', Object.keys(subjects));
  const field = subjects[subject.text('kind')];
  if (field === undefined) return;
  if (!subject.at(field).present)
    subject.missing(field, `${field} is required when subject kind is '${subject.text('kind')}'`);
  else subject.at(field).require('name', ...(field === 'serviceAccount' ? ['namespace'] : []));
  for (const other of Object.values(subjects))
    if (other !== field) subject.forbid(other, `${other} is forbidden when subject kind is not '${other}'`);
}

function checkRule(rule: Part): void {
  rule.requireItems('subjects', 'subjects must contain at least one value');
  for (const subject of rule.list('subjects')) checkSubject(subject);
  const [resources, others] = [rule.list('resourceRules'), rule.list('nonResourceRules')];
  if (resources.length + others.length === 0)
    rule.found.required(rule.path, 'at least one of resourceRules and nonResourceRules has to be non-empty');
  for (const item of resources) {
    for (const name of ['verbs', 'apiGroups', 'resources']) item.requireItems(name);
    if (item.list('namespaces').length === 0 && item.get('clusterScope') !== true)
      item.missing('namespaces', 'resource rules that are not cluster scoped must supply at least one namespace');
  }
  for (const item of others) for (const name of ['verbs', 'nonResourceURLs']) item.requireItems(name);
}

function check(schema: Part): void {
  const spec = schema.at('spec');
  const precedence = spec.number('matchingPrecedence') ?? 0;
  if (precedence <= 0) spec.invalid('matchingPrecedence', 'must be a positive value');
  if (precedence > 10_000) spec.invalid('matchingPrecedence', 'must not be greater than 10000');
  if (spec.at('distinguisherMethod').present) spec.at('distinguisherMethod').oneOf('type', ['ByNamespace', 'ByUser']);
  spec.at('priorityLevelConfiguration').require('name');
  for (const rule of spec.list('rules')) checkRule(rule);
}

function missingLevelCell(schema: KubeObject): string {
  const condition = listAt(schema, 'status.conditions').find((item) => fieldOf(item, 'type') === 'Dangling');
  return condition === undefined ? '?' : textAt(condition, 'status');
}

export const flowSchemaKind: ResourceDefinition = describedKind({
  group: 'flowcontrol.apiserver.k8s.io',
  kind: 'FlowSchema',
  resource: 'flowschemas',
  namespaced: false,
  generation: true,
  status: {},
  default: (schema) => fill(child(schema, 'spec'), { matchingPrecedence: 1000 }),
  check,
  columns: [
    nameColumn,
    shown('PriorityLevel', 'The level of its requests.', (schema) =>
      textAt(schema, 'spec.priorityLevelConfiguration.name'),
    ),
    counted('MatchingPrecedence', 'Lower ones are asked first.', (schema) =>
      numberAt(schema, 'spec.matchingPrecedence'),
    ),
    shown('DistinguisherMethod', 'What makes a flow.', (schema) =>
      textAt(schema, 'spec.distinguisherMethod.type', none),
    ),
    ageColumn,
    shown('MissingPL', 'Whether the level is missing.', missingLevelCell),
  ],
});
