/** `spec.podFailurePolicy` and `spec.successPolicy`. */
import { findCondition } from '@timonel/sdk/controller';
import type { Job, Pod, PodFailurePolicyRule } from '@timonel/sdk/kube';
import { IndexSet } from './index-set.ts';

export interface FailureVerdict {
  /** Undefined: no rule matches, the failure counts. */
  readonly action: 'FailJob' | 'FailIndex' | 'Ignore' | 'Count' | undefined;
  readonly counts: boolean;
  /** For `FailJob`. */
  readonly message?: string;
}

const counting: FailureVerdict = { action: undefined, counts: true };

function exitCodeMatch(
  { onExitCodes }: PodFailurePolicyRule,
  { status }: Pod,
): { name: string; code: number } | undefined {
  if (onExitCodes === undefined) return undefined;
  const { containerName, operator, values } = onExitCodes;
  for (const { name, state } of [...(status?.containerStatuses ?? []), ...(status?.initContainerStatuses ?? [])]) {
    const code = state?.terminated?.exitCode;
    if ((containerName !== undefined && containerName !== name) || code === undefined || code === 0) continue;
    if (values.includes(code) === (operator === 'In')) return { name, code };
  }
  return undefined;
}

function conditionMatch({ onPodConditions }: PodFailurePolicyRule, { status }: Pod): string | undefined {
  const found = onPodConditions?.find(
    (pattern) => findCondition(status?.conditions, pattern.type)?.status === (pattern.status ?? 'True'),
  );
  return found?.type;
}

/** What the first rule that matches says of a failed pod. */
export function failureVerdict({ spec }: Job, pod: Pod): FailureVerdict {
  for (const [index, rule] of (spec.podFailurePolicy?.rules ?? []).entries()) {
    const code = exitCodeMatch(rule, pod);
    const condition = code === undefined ? conditionMatch(rule, pod) : undefined;
    if (code === undefined && condition === undefined) continue;
    const action = rule.action as NonNullable<FailureVerdict['action']>;
    if (action !== 'FailJob') return { action, counts: action !== 'Ignore' };
    const { namespace = '', name = '' } = pod.metadata;
    const what =
      code === undefined
        ? `Pod ${namespace}/${name} has condition ${condition}`
        : `Container ${code.name} for pod ${namespace}/${name} failed with exit code ${code.code}`;
    return { action, counts: true, message: `${what} matching ${action} rule at index ${index}` };
  }
  return counting;
}

/** The message of the first rule that is met. */
export function successPolicyMet({ spec }: Job, succeeded: IndexSet): string | undefined {
  const met = spec.successPolicy?.rules.findIndex(({ succeededIndexes, succeededCount }) => {
    if (succeededIndexes === undefined) return succeededCount !== undefined && succeeded.size >= succeededCount;
    const wanted = IndexSet.parse(succeededIndexes, spec.completions);
    return wanted.common(succeeded) >= (succeededCount ?? wanted.size);
  });
  return met === undefined || met < 0 ? undefined : `Matched rules at index ${met}`;
}
