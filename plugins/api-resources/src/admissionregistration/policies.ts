/** Policies, whose expressions can be compiled, and what binds them. */
import { PolicyScope } from '@timonel/sdk/admission';
import type { ResourceDefinition } from '@timonel/sdk/contracts/api-server';
import { dnsSubdomainProblems, qualifiedNameProblems, type KubeObject } from '@timonel/sdk/kube';
import { child, fill, type Json } from '../defaults.ts';
import { describedKind, type KindDescription } from '../described-kind.ts';
import { ageColumn, counted, listAt, nameColumn, shown, textAt, unset } from '../table/columns.ts';
import type { Part } from '../validation/part.ts';
import { checkMatchConditions, checkRule, defaultRules, defaultSelectors } from './webhook-rules.ts';

const shared = {
  group: 'admissionregistration.k8s.io',
  namespaced: false,
  generation: true,
  categories: ['api-extensions'],
} satisfies Partial<KindDescription>;

const identifier = /^[A-Za-z_][A-Za-z0-9_]*$/;
const mostVariables = 1000;
const reasons = ['Forbidden', 'Invalid', 'RequestEntityTooLarge', 'Unauthorized'];

function defaultMatch(match: Json | undefined): void {
  if (match === undefined) return;
  defaultSelectors(match);
  defaultRules(match, 'resourceRules');
  defaultRules(match, 'excludeResourceRules');
}

function checkMatch(match: Part): void {
  match.selector('namespaceSelector');
  match.selector('objectSelector');
  match.oneOf('matchPolicy', ['Equivalent', 'Exact'], 'optional');
  for (const rule of [...match.list('resourceRules'), ...match.list('excludeResourceRules')]) checkRule(rule);
}

/** A text in place of a program: why there is none. */
function refuseProblem(part: Part, name: string, program: unknown): void {
  if (typeof program === 'string') part.invalid(name, program);
}

function checkSpec(spec: Part): void {
  spec.oneOf('failurePolicy', ['Fail', 'Ignore'], 'optional');
  if (spec.at('paramKind').present) spec.at('paramKind').require('apiVersion', 'kind');
  const match = spec.at('matchConstraints');
  if (!match.present) spec.missing('matchConstraints');
  else match.requireItems('resourceRules');
  checkMatch(match);
  checkMatchConditions(spec);
  const scope = new PolicyScope();
  const compiled = (part: Part, name: string, as: 'validation' | 'message' | 'audit'): void => {
    if (part.has(name)) refuseProblem(part, name, scope.compiled(part.text(name), as));
  };
  spec.distinct('variables', 'name');
  if (spec.list('variables').length > mostVariables) {
    spec.found.tooLong(spec.pathOf('variables'), mostVariables);
    return;
  }
  for (const variable of spec.list('variables')) {
    variable.require('name', 'expression');
    if (variable.has('name') && !identifier.test(variable.text('name')))
      variable.invalid('name', 'name is not a valid CEL identifier');
    else if (variable.has('expression'))
      refuseProblem(variable, 'expression', scope.variable(variable.text('name'), variable.text('expression')));
  }
  const empty = spec.list('validations').length === 0 && spec.list('auditAnnotations').length === 0;
  if (empty)
    for (const name of ['validations', 'auditAnnotations'])
      spec.missing(name, 'validations or auditAnnotations must contain at least one item');
  for (const validation of spec.list('validations')) {
    if (validation.text('expression').trim() === '') validation.missing('expression', 'expression is not specified');
    else compiled(validation, 'expression', 'validation');
    compiled(validation, 'messageExpression', 'message');
    if (validation.text('message').includes('\n'))
      validation.invalid('message', 'message must not contain line breaks');
    validation.oneOf('reason', reasons, 'optional');
  }
  spec.distinct('auditAnnotations', 'key');
  for (const annotation of spec.list('auditAnnotations')) {
    annotation.named('key', qualifiedNameProblems, 'required');
    annotation.require('valueExpression');
    compiled(annotation, 'valueExpression', 'audit');
  }
}

function paramKindCell(policy: KubeObject): string {
  const kind = textAt(policy, 'spec.paramKind.kind');
  return kind === '' ? unset : `${textAt(policy, 'spec.paramKind.apiVersion')}/${kind}`;
}

export const validatingAdmissionPolicyKind: ResourceDefinition = describedKind({
  ...shared,
  kind: 'ValidatingAdmissionPolicy',
  resource: 'validatingadmissionpolicies',
  status: {},
  default(policy) {
    const spec = child(policy, 'spec');
    fill(spec, { failurePolicy: 'Fail' });
    defaultMatch(child(spec, 'matchConstraints'));
  },
  check: (policy) => checkSpec(policy.at('spec')),
  columns: [
    nameColumn,
    counted('Validations', 'The number of its rules.', (policy) => listAt(policy, 'spec.validations').length),
    shown('ParamKind', 'The kind of its parameters.', paramKindCell),
    ageColumn,
  ],
});

function checkBinding(binding: Part): void {
  const spec = binding.at('spec');
  spec.named('policyName', dnsSubdomainProblems, 'required');
  const parameters = spec.at('paramRef');
  if (parameters.present) {
    if (parameters.has('name') === parameters.at('selector').present)
      parameters.found.required(parameters.path, 'one of name or selector must be specified');
    parameters.oneOf('parameterNotFoundAction', ['Allow', 'Deny']);
    parameters.selector('selector');
  }
  checkMatch(spec.at('matchResources'));
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

function paramRefCell(binding: KubeObject): string {
  const name = textAt(binding, 'spec.paramRef.name');
  if (name === '') return unset;
  const namespace = textAt(binding, 'spec.paramRef.namespace');
  return namespace === '' ? `*/${name}` : `${namespace}/${name}`;
}

export const validatingAdmissionPolicyBindingKind: ResourceDefinition = describedKind({
  ...shared,
  kind: 'ValidatingAdmissionPolicyBinding',
  resource: 'validatingadmissionpolicybindings',
  default: (binding) => defaultMatch(child(child(binding, 'spec'), 'matchResources')),
  check: checkBinding,
  columns: [
    nameColumn,
    shown('PolicyName', 'The policy it puts into force.', (binding) => textAt(binding, 'spec.policyName')),
    shown('ParamRef', 'Where the parameters are.', paramRefCell),
    ageColumn,
  ],
});
