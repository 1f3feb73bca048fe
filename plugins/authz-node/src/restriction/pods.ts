/** Pods: a node makes only the images of its static pods, and touches only what runs on it. */
import type { Pod } from '@timonel/sdk/kube';
import { isMirror, mirrorAnnotation, referencesOfPod } from '../references.ts';
import type { NodeWrite } from './restriction.ts';

function creationProblem(node: string, pod: Pod): string | undefined {
  const { ownerReferences = [] } = pod.metadata;
  if (!isMirror(pod)) return `can only create pods with the annotation ${mirrorAnnotation}`;
  if (pod.spec.nodeName !== node) return 'can only create pods with spec.nodeName set to itself';
  const [owner, ...others] = ownerReferences;
  if (owner !== undefined && (others.length > 0 || owner.kind !== 'Node' || owner.name !== node))
    return 'can only create pods with an owner reference set to itself';
  const { serviceAccountName = '', automountServiceAccountToken } = pod.spec as Pod['spec'] & {
    automountServiceAccountToken?: boolean;
  };
  if (serviceAccountName !== '' && (serviceAccountName !== 'default' || automountServiceAccountToken === true))
    return 'cannot create pods that reference a service account';
  const [reference] = referencesOfPod(pod).filter((key) => !key.startsWith('serviceaccounts '));
  return reference === undefined ? undefined : `cannot create pods that reference ${reference.split(' ')[0]}`;
}

const nodeOf = (object: unknown): string | undefined => (object as Pod | undefined)?.spec?.nodeName;

export function podProblem({ node, object, old, context, parts }: NodeWrite): string | undefined {
  const { operation, subresource, name, namespace = '' } = context;
  if (subresource === 'eviction')
    return parts.graph.hasPod(node, namespace, name)
      ? undefined
      : 'can only evict pods with spec.nodeName set to itself';
  if (operation === 'CREATE') {
    return subresource === '' ? creationProblem(node, object as unknown as Pod) : `may not create pods/${subresource}`;
  }
  if (nodeOf(old) !== node) {
    const verb = operation === 'DELETE' ? 'delete pods' : 'update pod status for pods';
    return `can only ${verb} with spec.nodeName set to itself`;
  }
  return undefined;
}
