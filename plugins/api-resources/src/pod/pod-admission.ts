/** What the admission of Kubernetes sets in every new pod: its account, how long it stays on a node that is gone, its priority. */
import type { Pod, PodSpec, Toleration } from '@timonel/sdk/kube';
import { systemPriorities } from '../scheduling/system-priorities.ts';
import { itemsOf, objectOf, textOf } from '../validation/loose.ts';

const lostNodeTaints = ['node.kubernetes.io/not-ready', 'node.kubernetes.io/unreachable'];
const stayOnLostNodeSeconds = 300;

function tolerates(tolerations: readonly Toleration[], taint: string): boolean {
  return tolerations.some((item) => {
    const { key, effect } = objectOf(item);
    return (textOf(key) === '' || key === taint) && (textOf(effect) === '' || effect === 'NoExecute');
  });
}

function tolerateLostNodes(spec: PodSpec): void {
  const given = itemsOf(spec.tolerations);
  const missing = lostNodeTaints.filter((taint) => !tolerates(given, taint));
  if (missing.length === 0) return;
  const added = missing.map((key) => ({
    key,
    operator: 'Exists',
    effect: 'NoExecute',
    tolerationSeconds: stayOnLostNodeSeconds,
  }));
  spec.tolerations = [...given, ...added] as Toleration[];
}

/** Of other classes only their objects know the priority. */
function setPriority(spec: PodSpec): void {
  const name = textOf(spec.priorityClassName);
  const priority = name === '' ? 0 : systemPriorities.get(name);
  if (priority === undefined) return;
  spec.priority ??= priority;
  spec['preemptionPolicy'] ??= 'PreemptLowerPriority';
}

export function admitPod(pod: Pod): void {
  if (typeof pod.spec !== 'object') return;
  const { spec } = pod;
  if (!spec.serviceAccountName) {
    spec.serviceAccountName = 'default';
    spec['serviceAccount'] = 'default';
  }
  tolerateLostNodes(spec);
  setPriority(spec);
}
