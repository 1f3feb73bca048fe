/** What policies that validate and policies that mutate have in common, and their bindings. */
import { compileConditions, PolicyScope, type Conditions, type ExpressionBudget } from '@timonel/sdk/admission';
import type { CelObjectType, CelProgram } from '@timonel/sdk/cel';
import type {
  MutatingAdmissionPolicy,
  ValidatingAdmissionPolicy,
  ValidatingAdmissionPolicyBinding,
} from '@timonel/sdk/kube';

export type Policy = ValidatingAdmissionPolicy | MutatingAdmissionPolicy;
/** Those of policies that mutate have all that those of policies that validate have, but for the actions. */
export type PolicyBinding = ValidatingAdmissionPolicyBinding;

/** What a policy that cannot say whether it means a request has against that. */
export const notConfigured = (binding: PolicyBinding | undefined, why: string): string =>
  `failed to configure ${binding === undefined ? 'policy' : 'binding'}: ${why}`;

/** `'a' with binding 'b'`. */
export function policyWith({ metadata }: Policy, binding: PolicyBinding | undefined): string {
  const policy = `'${metadata.name ?? ''}'`;
  return binding === undefined ? policy : `${policy} with binding '${binding.metadata.name ?? ''}'`;
}

/** A text: why there is none. */
export type Expression = CelProgram | string;

/** A policy whose expressions can be evaluated. */
export interface CompiledPolicy {
  readonly policy: Policy;
  readonly conditions: Conditions;
  readonly variables: ReadonlyMap<string, Expression>;
  readonly variablesType: CelObjectType;
}

/** `scope`: takes the variables in. */
export function compileCommon(policy: Policy, scope: PolicyScope): CompiledPolicy {
  const { matchConditions = [], variables = [] } = policy.spec;
  const programs = new Map(variables.map(({ name, expression }) => [name, scope.variable(name, expression)]));
  return {
    policy,
    conditions: compileConditions(matchConditions, 'policy'),
    variables: programs,
    variablesType: scope.variablesType,
  };
}

/**
 * Whether a request passes that it cannot judge. One whose budget is spent does not: whoever makes it expensive enough would turn off
 * what comes later.
 */
export const failsOpen = ({ policy }: Pick<CompiledPolicy, 'policy'>, ofRequest: ExpressionBudget): boolean =>
  policy.spec.failurePolicy === 'Ignore' && !ofRequest.isSpent;
