/** Policies that validate, whose expressions can be compiled, and what binds them. */
import { PolicyScope } from '@timonel/sdk/admission';
import type { ResourceDefinition } from '@timonel/sdk/contracts/api-server';
import { qualifiedNameProblems } from '@timonel/sdk/kube';
import { describedKind } from '../described-kind.ts';
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

const reasons = ['Forbidden', 'Invalid', 'RequestEntityTooLarge', 'Unauthorized'];

function checkValidation(validation: Part, scope: PolicyScope): void {
  if (validation.text('expression').trim() === '') validation.missing('expression', 'expression is not specified');
  else checkExpression(validation, 'expression', 'validation', scope);
  checkExpression(validation, 'messageExpression', 'message', scope);
  if (validation.text('message').includes('\n')) validation.invalid('message', 'message must not contain line breaks');
  validation.oneOf('reason', reasons, 'optional');
}

function checkSpec(spec: Part): void {
  checkPolicy(spec);
  const scope = checkVariables(spec, new PolicyScope());
  if (scope === undefined) return;
  const empty = spec.list('validations').length === 0 && spec.list('auditAnnotations').length === 0;
  if (empty)
    for (const name of ['validations', 'auditAnnotations'])
      spec.missing(name, 'validations or auditAnnotations must contain at least one item');
  for (const validation of spec.list('validations')) checkValidation(validation, scope);
  spec.distinct('auditAnnotations', 'key');
  for (const annotation of spec.list('auditAnnotations')) {
    annotation.named('key', qualifiedNameProblems, 'required');
    annotation.require('valueExpression');
    checkExpression(annotation, 'valueExpression', 'audit', scope);
  }
}

export const validatingAdmissionPolicyKind: ResourceDefinition = describedKind({
  ...policyKind,
  kind: 'ValidatingAdmissionPolicy',
  resource: 'validatingadmissionpolicies',
  status: {},
  check: (policy) => checkSpec(policy.at('spec')),
  columns: policyColumns(
    counted('Validations', 'The number of its rules.', (policy) => listAt(policy, 'spec.validations').length),
  ),
});

function checkActions(spec: Part): void {
  spec.requireItems('validationActions', 'at least one validation action is required');
  spec.eachOneOf('validationActions', ['Audit', 'Deny', 'Warn']);
  spec.distinct('validationActions');
  const actions = spec.list('validationActions').map((action) => action.raw);
  if (actions.includes('Deny') && actions.includes('Warn'))
    spec.invalid(
      'validationActions',
      'must not contain both Deny and Warn (repeating the same validation failure information in the API response and headers serves no purpose)',
    );
}

export const validatingAdmissionPolicyBindingKind: ResourceDefinition = describedKind({
  ...bindingKind,
  kind: 'ValidatingAdmissionPolicyBinding',
  resource: 'validatingadmissionpolicybindings',
  check(binding) {
    checkBinding(binding.at('spec'));
    checkActions(binding.at('spec'));
  },
});
