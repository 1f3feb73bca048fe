/** What a strategy finds wrong with an object. */
import type { Strategy } from '@timonel/sdk/contracts/api-server';
import type { FieldError, KubeObject } from '@timonel/sdk/kube';

async function withTurns(
  strategy: Strategy,
  object: KubeObject,
  old: KubeObject | undefined,
  found: FieldError[],
): Promise<FieldError[]> {
  const more = await strategy.validateInTurns?.(object, old, found);
  return more === undefined ? found : [...found, ...more];
}

/** `old`: before an update. */
export function findingsOf(strategy: Strategy, object: KubeObject, old?: KubeObject): Promise<FieldError[]> {
  const ofUpdate = old === undefined ? undefined : strategy.validateUpdate?.(object, old);
  return withTurns(strategy, object, old, ofUpdate ?? strategy.validate?.(object) ?? []);
}

export function statusFindingsOf(strategy: Strategy, object: KubeObject, old: KubeObject): Promise<FieldError[]> {
  return withTurns(strategy, object, old, strategy.validateStatusUpdate?.(object, old) ?? []);
}
