/** What is wrong with the expressions of a policy, for each kind that it is about. */
import type { Env } from '@timonel/sdk';
import { PolicyScope, type ExpressionUse } from '@timonel/sdk/admission';
import type { ExpressionWarning, ValidatingAdmissionPolicy } from '@timonel/sdk/kube';
import { kindsOf, type CheckedKind, type KindParts } from './kinds.ts';

export interface CheckParts extends KindParts {
  readonly env: Pick<Env, 'timers'>;
}

/** Characters of expressions and warnings that are worked on; the status says what was found until there. */
const mostCharacters = 500_000;
const mostWarningBytes = 64 * 1024;

interface Expression {
  readonly fieldRef: string;
  readonly text: string;
  readonly use: ExpressionUse;
  /** Of a variable. */
  readonly name?: string;
}

function expressionsOf({ spec }: ValidatingAdmissionPolicy): readonly Expression[] {
  const { variables = [], validations = [], auditAnnotations = [] } = spec;
  return [
    ...variables.map(({ name, expression }, index): Expression => {
      return { fieldRef: `spec.variables[${index}].expression`, text: expression, use: 'variable', name };
    }),
    ...validations.flatMap(({ expression, messageExpression = '' }, index): Expression[] => {
      const fieldRef = `spec.validations[${index}]`;
      return [
        { fieldRef: `${fieldRef}.expression`, text: expression, use: 'validation' },
        { fieldRef: `${fieldRef}.messageExpression`, text: messageExpression, use: 'message' },
      ];
    }),
    ...auditAnnotations.map(({ valueExpression }, index): Expression => {
      return { fieldRef: `spec.auditAnnotations[${index}].valueExpression`, text: valueExpression, use: 'audit' };
    }),
  ].filter(({ text }) => text !== '');
}

/** In the words of Kubernetes: by expression, with a part for each kind that it does not fit. */
export async function checkPolicy(
  policy: ValidatingAdmissionPolicy,
  parts: CheckParts,
): Promise<readonly ExpressionWarning[]> {
  const { matchConstraints, paramKind } = policy.spec;
  const { objects, params } = await kindsOf(matchConstraints?.resourceRules ?? [], paramKind, parts);
  const scopes = objects.map(({ type }: CheckedKind) => {
    const types = { object: type, oldObject: type, ...(params === undefined ? {} : { params }) };
    return new PolicyScope({ types });
  });
  const warnings: ExpressionWarning[] = [];
  let left = mostCharacters;
  let space = mostWarningBytes;
  for (const { fieldRef, text, use, name } of expressionsOf(policy)) {
    left -= text.length * objects.length;
    if (left < 0 || space < 0) break;
    const found = objects.flatMap((kind, index) => {
      const problem = scopes[index]?.problem(text, use);
      if (name !== undefined) scopes[index]?.variable(name, text);
      return problem === undefined ? [] : [`${kind.name}: ${problem}\n`];
    });
    const warning = found.join('\n');
    space -= Buffer.byteLength(warning);
    if (found.length > 0 && space >= 0) warnings.push({ fieldRef, warning });
    // Others have their turn.
    await parts.env.timers.sleep(0);
  }
  return warnings;
}
