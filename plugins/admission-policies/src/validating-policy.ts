/** Policies that validate, compiled. */
import { PolicyScope } from '@timonel/sdk/admission';
import type { PolicyValidation, ValidatingAdmissionPolicy } from '@timonel/sdk/kube';
import { compileCommon, type CompiledPolicy, type Expression } from './policy.ts';

export interface CompiledValidation {
  readonly given: PolicyValidation;
  readonly expression: Expression;
  readonly message: Expression | undefined;
}

export interface ValidatingPolicy extends CompiledPolicy {
  readonly validations: readonly CompiledValidation[];
  readonly annotations: readonly { readonly key: string; readonly value: Expression }[];
}

export function compileValidating(policy: ValidatingAdmissionPolicy): ValidatingPolicy {
  const { validations = [], auditAnnotations = [] } = policy.spec;
  const scope = new PolicyScope();
  return {
    ...compileCommon(policy, scope),
    validations: validations.map((validation) => ({
      given: validation,
      expression: scope.compiled(validation.expression, 'validation'),
      message: validation.messageExpression ? scope.compiled(validation.messageExpression, 'message') : undefined,
    })),
    annotations: auditAnnotations.map(({ key, valueExpression }) => ({
      key,
      value: scope.compiled(valueExpression, 'audit'),
    })),
  };
}
