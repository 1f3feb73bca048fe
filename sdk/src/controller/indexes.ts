/** Ready index functions for informers. */
import { controllerOf, type KubeObject, type Pod } from '../kube/index.ts';

/** By `metadata.namespace`; cluster-scoped objects are under the empty string. */
export function byNamespace(object: KubeObject): string {
  return object.metadata.namespace ?? '';
}

/** By the uid of the controlling owner. */
export function byControllerUid(object: KubeObject): string | undefined {
  return controllerOf(object)?.uid;
}

/** By the uids of all owners. */
export function byOwnerUid(object: KubeObject): readonly string[] {
  return (object.metadata.ownerReferences ?? []).map((reference) => reference.uid);
}

/** By `metadata.uid`. */
export function byUid(object: KubeObject): string | undefined {
  return object.metadata.uid;
}

/** Pods by the node they are bound to; unbound pods are under the empty string. */
export function byNodeName(pod: Pod): string {
  return pod.spec.nodeName ?? '';
}

/** By the value of one label; objects without it are left out. */
export function byLabel(label: string): (object: KubeObject) => string | undefined {
  return (object) => object.metadata.labels?.[label];
}
