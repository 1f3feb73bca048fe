/** Which objects count in which quota. */
import type { KubeObject, ResourceQuota } from '../kube/index.ts';
import type { Evaluator } from './evaluators.ts';
import { requirementsOf } from './scopes.ts';
import { only, type Usage } from './usage.ts';

/** Whether the scopes of the quota let the object count. */
export function inScope(quota: ResourceQuota, evaluator: Evaluator, object: KubeObject): boolean {
  const requirements = requirementsOf(quota);
  if (requirements.length === 0) return true;
  return requirements.every((requirement) => evaluator.hasScope?.(object, requirement) === true);
}

/** Of the names that the quota bounds, those for which the kind counts. */
export function namesOf(hard: Readonly<Record<string, string>> | undefined, evaluator: Evaluator): readonly string[] {
  return Object.keys(hard ?? {}).filter((name) => evaluator.takes(name));
}

/** What the object counts for in the quota. */
export function usageIn(
  quota: ResourceQuota,
  evaluator: Evaluator,
  object: KubeObject,
  names: readonly string[],
  nowMs: number,
): Usage | undefined {
  if (names.length === 0 || !inScope(quota, evaluator, object)) return undefined;
  return only(evaluator.usage(object, nowMs), (name) => names.includes(name));
}
