/** Deletion: marking while finalizers or a grace period hold an object, removing once nothing does. */
import type { Env } from '@timonel/sdk';
import type { DeleteOptions } from '@timonel/sdk/contracts/api';
import { foregroundFinalizer, orphanFinalizer, timestampOf, type KubeObject } from '@timonel/sdk/kube';
import { copyJson, equalJson } from '../json/plain-json.ts';
import type { Kind } from '../kinds/kind-table.ts';
import { conflict } from './api-errors.ts';
import type { Outcome } from './guaranteed-update.ts';

function isHeld(kind: Kind, object: KubeObject): boolean {
  if ((object.metadata.finalizers ?? []).length > 0) return true;
  return (kind.definition.strategy.finalizers?.(object) ?? []).length > 0;
}

/** An object that is being deleted goes when its last finalizer went and its grace period is zero. */
export function isDue(kind: Kind, object: KubeObject): boolean {
  const { deletionTimestamp, deletionGracePeriodSeconds } = object.metadata;
  return deletionTimestamp !== undefined && (deletionGracePeriodSeconds ?? 0) === 0 && !isHeld(kind, object);
}

/** @throws ApiError Conflict */
export function checkPreconditions(kind: Kind, object: KubeObject, options: DeleteOptions): void {
  const { uid, resourceVersion } = options.preconditions ?? {};
  const { metadata } = object;
  const name = metadata.name ?? '';
  if (uid !== undefined && uid !== metadata.uid) {
    throw conflict(kind, name, `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${metadata.uid}`);
  }
  if (resourceVersion !== undefined && resourceVersion !== metadata.resourceVersion) {
    throw conflict(
      kind,
      name,
      `Precondition failed: ResourceVersion in precondition: ${resourceVersion}, ResourceVersion in object meta: ${metadata.resourceVersion}`,
    );
  }
}

/** The finalizers with those that tell the garbage collector what is to become of the dependents. */
function finalizersFor(current: KubeObject, policy: DeleteOptions['propagationPolicy']): readonly string[] {
  const present = current.metadata.finalizers ?? [];
  if (policy === undefined) return present;
  const others = present.filter((finalizer) => finalizer !== foregroundFinalizer && finalizer !== orphanFinalizer);
  if (policy === 'Background') return others;
  return [...others, policy === 'Orphan' ? orphanFinalizer : foregroundFinalizer];
}

/** What a deletion does to the object as it is now. */
export function deletionOutcome(kind: Kind, stored: KubeObject, options: DeleteOptions, env: Env): Outcome {
  const finalizers = finalizersFor(stored, options.propagationPolicy);
  const sameFinalizers = equalJson(finalizers, stored.metadata.finalizers ?? []);
  const current = sameFinalizers
    ? stored
    : { ...stored, metadata: { ...stored.metadata, finalizers: [...finalizers] } };
  const { strategy } = kind.definition;
  const requested = options.gracePeriodSeconds;
  let seconds = Math.max(0, strategy.gracePeriodSeconds?.(current, requested) ?? 0);
  const marked = current.metadata.deletionTimestamp !== undefined;
  // A second deletion can only shorten the grace period.
  if (marked) seconds = Math.min(seconds, current.metadata.deletionGracePeriodSeconds ?? 0);
  const held = isHeld(kind, current);
  if (seconds === 0 && !held) return { kind: 'delete', object: undefined };
  if (marked && sameFinalizers && seconds === (current.metadata.deletionGracePeriodSeconds ?? 0)) {
    return { kind: 'unchanged' };
  }
  const object = copyJson(current);
  if (!marked && object.metadata.generation !== undefined && object.metadata.generation > 0) {
    object.metadata.generation += 1;
  }
  object.metadata.deletionTimestamp = env.clock.timestamp();
  if (seconds > 0) object.metadata.deletionTimestamp = timestampOf(env.clock.now() + seconds * 1000);
  object.metadata.deletionGracePeriodSeconds = seconds;
  if (!marked) strategy.prepareForDelete?.(object);
  return { kind: 'put', object };
}
