import { findCondition } from '@timonel/sdk/controller';
import type { Condition } from '@timonel/sdk/kube';

/** The conditions with one of them set. The same status and reason stay as they are, unless `renew` moves lastUpdateTime on. */
export function withCondition(
  conditions: readonly Condition[],
  next: Condition,
  now: string,
  renew = false,
): readonly Condition[] {
  const before = findCondition(conditions, next.type);
  const sameStatus = before?.status === next.status;
  if (before !== undefined && sameStatus && before.reason === next.reason && !renew) return conditions;
  const { type, status, reason, message } = next;
  const lastTransitionTime = (sameStatus ? before?.lastTransitionTime : undefined) ?? now;
  const condition: Condition = {
    type,
    status,
    ...(reason === undefined ? {} : { reason }),
    ...(message === undefined ? {} : { message }),
    lastUpdateTime: now,
    lastTransitionTime,
  };
  return [...conditions.filter((other) => other.type !== type), condition];
}
