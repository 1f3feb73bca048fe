import type { ApiClient } from '../contracts/api/index.ts';
import type { Condition, KubeObject, ResourceType } from '../kube/index.ts';
import { jsonEqual } from './json-equal.ts';

/**
 * Writes the status when it differs from the one the object has, fenced by the object's resourceVersion. Answers what the API
 * answered, or undefined when nothing had to be written. @throws ApiError Conflict when somebody wrote since.
 */
export async function updateStatusIfChanged<T extends KubeObject & { status?: unknown }>(
  api: ApiClient,
  type: ResourceType<T>,
  object: T,
  status: NonNullable<T['status']>,
): Promise<T | undefined> {
  if (jsonEqual(object.status, status)) return undefined;
  return api.updateStatus(type, { ...object, status });
}

/** The condition of that type. */
export function findCondition(conditions: readonly Condition[] | undefined, type: string): Condition | undefined {
  return conditions?.find((condition) => condition.type === type);
}

/**
 * The conditions with one of them set. `lastTransitionTime` is kept while the status stays the same; when status, reason and
 * message all stay the same, the condition stays as it was.
 */
export function setCondition(
  conditions: readonly Condition[] | undefined,
  condition: Omit<Condition, 'lastTransitionTime'>,
  now: string,
): Condition[] {
  const before = findCondition(conditions, condition.type);
  const others = (conditions ?? []).filter((other) => other.type !== condition.type);
  const same = before?.status === condition.status;
  if (before !== undefined && same && before.reason === condition.reason && before.message === condition.message) {
    return [...(conditions ?? [])];
  }
  return [...others, { ...condition, lastTransitionTime: (same ? before.lastTransitionTime : undefined) ?? now }];
}

/** The conditions without that type. */
export function removeCondition(conditions: readonly Condition[] | undefined, type: string): Condition[] {
  return (conditions ?? []).filter((condition) => condition.type !== type);
}
