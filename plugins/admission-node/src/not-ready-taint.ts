import { notReadyTaint, type Node, type Taint } from '@timonel/sdk/kube';

/** `controller-nodelifecycle` takes the taint away once the node says that it is ready. */
export function taintNew(node: Node): void {
  const spec = (node.spec ?? {}) as Partial<Node['spec']>;
  const taints = (spec.taints ?? []) as readonly Partial<Taint>[];
  // Bad ones are refused by the check of the object.
  if (typeof spec !== 'object' || Array.isArray(spec) || !Array.isArray(taints)) return;
  if (taints.some((taint) => taint?.key === notReadyTaint && taint.effect === 'NoSchedule')) return;
  node.spec = { ...spec, taints: [...(taints as Taint[]), { key: notReadyTaint, effect: 'NoSchedule' }] };
}
