/** Policies that mutate, in the versions that Kubernetes has of them, and what binds them. */
import { PolicyScope } from '@timonel/sdk/admission';
import type { ResourceDefinition, StoredAs } from '@timonel/sdk/contracts/api-server';
import { child, fill } from '../defaults.ts';
import { describedKind, type KindDescription } from '../described-kind.ts';
import { ageColumn, counted, listAt, nameColumn } from '../table/columns.ts';
import type { Part } from '../validation/part.ts';
import {
  bindingColumns,
  checkBinding,
  checkExpression,
  checkPolicy,
  checkVariables,
  defaultMatch,
  paramKindColumn,
  policyGroup,
} from './policy-parts.ts';

const patches = {
  ApplyConfiguration: ['applyConfiguration', 'apply'],
  JSONPatch: ['jsonPatch', 'json-patch'],
} as const;

function checkMutation(mutation: Part, scope: PolicyScope): void {
  mutation.oneOf('patchType', Object.keys(patches));
  for (const [type, [name, use]] of Object.entries(patches)) {
    const patch = mutation.at(name);
    if (mutation.text('patchType') !== type) {
      if (patch.present) mutation.found.forbidden(patch.path, `may only be set when patchType is ${type}`);
    } else if (!patch.present) mutation.missing(name, `must be set when patchType is ${type}`);
    else if (patch.text('expression').trim() === '') patch.missing('expression', 'expression is not specified');
    else checkExpression(patch, 'expression', use, scope);
  }
}

function checkSpec(spec: Part): void {
  checkPolicy(spec);
  for (const rule of spec.at('matchConstraints').list('resourceRules')) {
    if (rule.list('operations').some(({ raw }) => raw === 'DELETE'))
      rule.invalid('operations', 'what is deleted cannot be mutated: DELETE is not supported');
  }
  const scope = checkVariables(spec, new PolicyScope({ mutates: true }));
  if (scope === undefined) return;
  spec.requireItems('mutations', 'mutations must contain at least one item');
  for (const mutation of spec.list('mutations')) checkMutation(mutation, scope);
  spec.oneOf('reinvocationPolicy', ['IfNeeded', 'Never']);
}

const policy: KindDescription = {
  ...policyGroup,
  kind: 'MutatingAdmissionPolicy',
  resource: 'mutatingadmissionpolicies',
  default(object) {
    const spec = child(object, 'spec');
    fill(spec, { failurePolicy: 'Fail' });
    defaultMatch(child(spec, 'matchConstraints'));
  },
  check: (object) => checkSpec(object.at('spec')),
  columns: [
    nameColumn,
    counted('Mutations', 'The number of its mutations.', (object) => listAt(object, 'spec.mutations').length),
    paramKindColumn,
    ageColumn,
  ],
};

const binding: KindDescription = {
  ...policyGroup,
  kind: 'MutatingAdmissionPolicyBinding',
  resource: 'mutatingadmissionpolicybindings',
  default: (object) => defaultMatch(child(child(object, 'spec'), 'matchResources')),
  check: (object) => checkBinding(object.at('spec')),
  columns: bindingColumns,
};

/** The versions differ in nothing but their name. */
function inBeta({ default: _default, check: _check, ...described }: KindDescription): ResourceDefinition {
  const { group, resource } = described;
  const storedAs: StoredAs = {
    group,
    version: 'v1',
    resource,
    toStored: (object) => object,
    fromStored: (object) => object,
  };
  return describedKind({ ...described, version: 'v1beta1', storedAs });
}

export const mutatingAdmissionPolicyKinds: readonly ResourceDefinition[] = [
  describedKind(policy),
  describedKind(binding),
  inBeta(policy),
  inBeta(binding),
];
