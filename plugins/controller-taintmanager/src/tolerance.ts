/** How long a pod may stay on a node with NoExecute taints. Source: core/v1 Toleration. */
import type { Pod, Taint, Toleration } from '@timonel/sdk/kube';

/** A taint that makes pods leave, and how long it has been seen. */
export interface SeenTaint {
  readonly taint: Taint;
  readonly ageMs: number;
}

function tolerates({ key = '', operator = '', value = '', effect = '' }: Toleration, taint: Taint): boolean {
  if (effect !== '' && effect !== taint.effect) return false;
  if (key !== '' && key !== taint.key) return false;
  if (operator === 'Exists') return true;
  return (operator === '' || operator === 'Equal') && value === (taint.value ?? '');
}

/** A pod, and how long it has been seen on its node. */
export interface PodOnNode {
  readonly pod: Pod;
  readonly ageMs: number;
}

export interface Stay {
  /** Not above zero: it has to go now. */
  readonly leftMs: number;
  readonly taint: Taint;
}

function stayWith(tolerations: readonly Toleration[], { taint, ageMs }: SeenTaint, podAgeMs: number): Stay | undefined {
  const toleration = tolerations.find((one) => tolerates(one, taint));
  if (toleration === undefined) return { leftMs: 0, taint };
  if (toleration.tolerationSeconds === undefined) return undefined;
  // A pod that came later is counted from then on.
  const sinceMs = Math.min(ageMs, podAgeMs);
  return { leftMs: Math.max(0, toleration.tolerationSeconds) * 1000 - sinceMs, taint };
}

/** The taint that makes it leave first. Undefined: none does. */
export function stayOf({ pod, ageMs }: PodOnNode, taints: readonly SeenTaint[]): Stay | undefined {
  const { tolerations = [] } = pod.spec;
  let first: Stay | undefined;
  for (const seen of taints) {
    const stay = stayWith(tolerations, seen, ageMs);
    if (stay !== undefined && (first === undefined || stay.leftMs < first.leftMs)) first = stay;
  }
  return first;
}
