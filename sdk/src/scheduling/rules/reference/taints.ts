import type { Pod, Taint } from '../../../kube/index.ts';
import type { ReferenceFilter, ReferenceScore } from './one-node.ts';

function tolerated(pod: Pod, taint: Taint): boolean {
  for (const toleration of pod.spec.tolerations ?? []) {
    if (toleration.effect && toleration.effect !== taint.effect) continue;
    if (toleration.key && toleration.key !== taint.key) continue;
    if (toleration.operator === 'Exists') return true;
    if (toleration.operator && toleration.operator !== 'Equal') continue;
    if ((toleration.value ?? '') === (taint.value ?? '')) return true;
  }
  return false;
}

export const taintTolerationReference: ReferenceFilter = (pod, { node }) => {
  for (const taint of node.spec.taints ?? []) {
    if (taint.effect === 'PreferNoSchedule' || tolerated(pod, taint)) continue;
    return [`node(s) had untolerated taint {${taint.key}: ${taint.value ?? ''}}`];
  }
  return [];
};

/** How many soft taints stand against the pod; tolerations of other effects do not help. */
export const taintTolerationScoreReference: ReferenceScore = (pod, { node }) => {
  let count = 0;
  for (const taint of node.spec.taints ?? []) {
    if (taint.effect === 'PreferNoSchedule' && !tolerated(pod, taint)) count += 1;
  }
  return count;
};

export const nodeUnschedulableReference: ReferenceFilter = (pod, { node }) => {
  if (!node.spec.unschedulable) return [];
  if (tolerated(pod, { key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' })) return [];
  return ['node(s) were unschedulable'];
};
