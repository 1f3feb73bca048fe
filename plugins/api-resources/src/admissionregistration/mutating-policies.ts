/** Policies that mutate, in the versions that Kubernetes has of them, and what binds them. */
import { PolicyScope } from '@timonel/sdk/admission';
import type { ResourceDefinition, StoredAs } from '@timonel/sdk/contracts/api-server';
import { describedKind, type KindDescription } from '../described-kind.ts';
import { counted, listAt } from '../table/columns.ts';
import type { Part } from '../validation/part.ts';
import {
  bindingKind,
  checkBinding,
  checkExpression,
  checkPolicy,
  checkVariables,
  policyColumns,
  policyKind,
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
  ...policyKind,
  kind: 'MutatingAdmissionPolicy',
  resource: 'mutatingadmissionpolicies',
  check: (object) => checkSpec(object.at('spec')),
  columns: policyColumns(
    counted('Mutations', 'The number of its mutations.', (object) => listAt(object, 'spec.mutations').length),
  ),
};

const binding: KindDescription = {
  ...bindingKind,
  kind: 'MutatingAdmissionPolicyBinding',
  resource: 'mutatingadmissionpolicybindings',
  check: (object) => checkBinding(object.at('spec')),
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
