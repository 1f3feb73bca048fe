/** What policies that validate and policies that mutate share, and their bindings. */
import { PolicyScope, type ExpressionUse } from '@timonel/sdk/admission';
import { dnsSubdomainProblems, type KubeObject } from '@timonel/sdk/kube';
import { child, fill, type Json } from '../defaults.ts';
import type { KindDescription } from '../described-kind.ts';
import { ageColumn, nameColumn, shown, textAt, unset, type CellColumn } from '../table/columns.ts';
import type { Part } from '../validation/part.ts';
import { checkMatchConditions, checkRule, defaultRules, defaultSelectors } from './webhook-rules.ts';

const identifier = /^[A-Za-z_][A-Za-z0-9_]*$/;
const mostVariables = 1000;

function defaultMatch(match: Json | undefined): void {
  if (match === undefined) return;
  defaultSelectors(match);
  defaultRules(match, 'resourceRules');
  defaultRules(match, 'excludeResourceRules');
}

const policyGroup = {
  group: 'admissionregistration.k8s.io',
  namespaced: false,
  generation: true,
  categories: ['api-extensions'],
} as const;

/** Of the kind of either. */
export const policyKind: typeof policyGroup & Pick<KindDescription, 'default'> = {
  ...policyGroup,
  default(policy) {
    const spec = child(policy, 'spec');
    fill(spec, { failurePolicy: 'Fail' });
    defaultMatch(child(spec, 'matchConstraints'));
  },
};

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

/** Everything of a policy but what it does. */
export function checkPolicy(spec: Part): void {
  spec.oneOf('failurePolicy', ['Fail', 'Ignore'], 'optional');
  if (spec.at('paramKind').present) spec.at('paramKind').require('apiVersion', 'kind');
  const match = spec.at('matchConstraints');
  if (!match.present) spec.missing('matchConstraints');
  else match.requireItems('resourceRules');
  checkMatch(match);
  checkMatchConditions(spec, 'policy');
}

/** Undefined: there are too many. */
export function checkVariables(spec: Part, scope: PolicyScope): PolicyScope | undefined {
  spec.distinct('variables', 'name');
  if (spec.list('variables').length > mostVariables) {
    spec.found.tooLong(spec.pathOf('variables'), mostVariables);
    return undefined;
  }
  for (const variable of spec.list('variables')) {
    variable.require('name', 'expression');
    if (variable.has('name') && !identifier.test(variable.text('name')))
      variable.invalid('name', 'name is not a valid CEL identifier');
    else if (variable.has('expression'))
      refuseProblem(variable, 'expression', scope.variable(variable.text('name'), variable.text('expression')));
  }
  return scope;
}

export function checkExpression(part: Part, name: string, as: ExpressionUse, scope: PolicyScope): void {
  if (part.has(name)) refuseProblem(part, name, scope.compiled(part.text(name), as));
}

function paramKindCell(policy: KubeObject): string {
  const kind = textAt(policy, 'spec.paramKind.kind');
  return kind === '' ? unset : `${textAt(policy, 'spec.paramKind.apiVersion')}/${kind}`;
}

/** `size`: how much it does. */
export const policyColumns = (size: CellColumn): NonNullable<KindDescription['columns']> => [
  nameColumn,
  size,
  shown('ParamKind', 'The kind of its parameters.', paramKindCell),
  ageColumn,
];

/** Everything but the actions of those that validate. */
export function checkBinding(spec: Part): void {
  spec.named('policyName', dnsSubdomainProblems, 'required');
  const parameters = spec.at('paramRef');
  if (parameters.present) {
    if (parameters.has('name') === parameters.at('selector').present)
      parameters.found.required(parameters.path, 'one of name or selector must be specified');
    parameters.oneOf('parameterNotFoundAction', ['Allow', 'Deny']);
    parameters.selector('selector');
  }
  checkMatch(spec.at('matchResources'));
}

function paramRefCell(binding: KubeObject): string {
  const name = textAt(binding, 'spec.paramRef.name');
  if (name === '') return unset;
  const namespace = textAt(binding, 'spec.paramRef.namespace');
  return namespace === '' ? `*/${name}` : `${namespace}/${name}`;
}

/** Of the kind of either's bindings. */
export const bindingKind: typeof policyGroup & Pick<KindDescription, 'default' | 'columns'> = {
  ...policyGroup,
  default: (binding) => defaultMatch(child(child(binding, 'spec'), 'matchResources')),
  columns: [
    nameColumn,
    shown('PolicyName', 'The policy it puts into force.', (binding) => textAt(binding, 'spec.policyName')),
    shown('ParamRef', 'Where the parameters are.', paramRefCell),
    ageColumn,
  ],
};
