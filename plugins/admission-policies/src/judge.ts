/** What the validations of a policy say about a request. */
import { maxMessageBytes } from '@timonel/sdk/cel';
import type { Evaluation } from './evaluation.ts';
import type { CompiledValidation, ValidatingPolicy } from './validating-policy.ts';

export interface Finding {
  readonly message: string;
  readonly reason: string;
  /** Which of the validations. */
  readonly index: number;
}

export interface Judgement {
  readonly findings: readonly Finding[];
  readonly annotations: Readonly<Record<string, string>>;
}

async function messageOf({ given, message }: CompiledValidation, evaluation: Evaluation): Promise<string> {
  const fallback = given.message?.trim() || `failed expression: ${given.expression.trim()}`;
  if (message === undefined) return fallback;
  const outcome = await evaluation.evaluate(message);
  if (!outcome.ok || typeof outcome.value !== 'string') return fallback;
  const text = outcome.value.trim();
  return text === '' || text.includes('\n') || Buffer.byteLength(text) > maxMessageBytes ? fallback : text;
}

/** `passes`: whether requests pass that cannot be judged. */
export async function judge(
  compiled: ValidatingPolicy,
  evaluation: Evaluation,
  passes: () => boolean,
): Promise<Judgement> {
  const { policy, validations, annotations } = compiled;
  const findings: Finding[] = [];
  const cannot = (expression: string, why: string, index: number): void => {
    if (!passes())
      findings.push({ message: `expression '${expression}' resulted in error: ${why}`, reason: 'Invalid', index });
  };
  for (const [index, validation] of validations.entries()) {
    const { given, expression } = validation;
    const outcome = await evaluation.evaluate(expression);
    if (!outcome.ok) cannot(given.expression, outcome.message, index);
    else if (outcome.value !== true)
      findings.push({ message: await messageOf(validation, evaluation), reason: given.reason ?? 'Invalid', index });
  }
  const found: Record<string, string> = {};
  for (const { key, value } of annotations) {
    const outcome = await evaluation.evaluate(value);
    if (outcome.ok && typeof outcome.value === 'string') found[`${policy.metadata.name ?? ''}/${key}`] = outcome.value;
    else if (!outcome.ok) cannot(typeof value === 'string' ? key : value.expression, outcome.message, 0);
  }
  return { findings, annotations: found };
}
