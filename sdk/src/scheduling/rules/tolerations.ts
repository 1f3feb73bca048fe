/** Which taints a pod tolerates. Source: core/v1 Toleration. */
import type { Node, Taint, Toleration } from '../../kube/index.ts';

export function tolerates({ key = '', operator = '', value = '', effect = '' }: Toleration, taint: Taint): boolean {
  if (effect !== '' && effect !== taint.effect) return false;
  if (key !== '' && key !== taint.key) return false;
  if (operator === 'Exists') return true;
  return (operator === '' || operator === 'Equal') && value === (taint.value ?? '');
}

export function isTolerated(tolerations: readonly Toleration[], taint: Taint): boolean {
  for (const toleration of tolerations) if (tolerates(toleration, taint)) return true;
  return false;
}

/** Taints that keep pods away, rather than make nodes less liked. */
export function keepsAway({ effect }: Taint): boolean {
  return effect === 'NoSchedule' || effect === 'NoExecute';
}

/** Taints of the node that keep the pod away. */
export function untolerated(tolerations: readonly Toleration[], node: Node | undefined): Taint[] {
  return (node?.spec.taints ?? []).filter((taint) => keepsAway(taint) && !isTolerated(tolerations, taint));
}

/** `dedicated=gpu:NoSchedule`. */
export function taintText({ key, value = '', effect }: Taint): string {
  return `${key}${value === '' ? '' : `=${value}`}:${effect}`;
}
