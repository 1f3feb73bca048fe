/** What controllers of workloads ask of a pod. */
import {
  controllerReference,
  type KubeObject,
  type Pod,
  type PodTemplateSpec,
  type ResourceType,
} from '../kube/index.ts';
import { findCondition } from './status.ts';
import { timestampMs } from './timestamps.ts';

/** All its containers have ended for good. */
export function isPodEnded(pod: Pod): boolean {
  const phase = pod.status?.phase;
  return phase === 'Succeeded' || phase === 'Failed';
}

/** Neither ended nor being deleted. */
export function isPodActive(pod: Pod): boolean {
  return !isPodEnded(pod) && pod.metadata.deletionTimestamp === undefined;
}

/** Being deleted, and not ended yet. */
export function isPodTerminating(pod: Pod): boolean {
  return !isPodEnded(pod) && pod.metadata.deletionTimestamp !== undefined;
}

export function isPodReady(pod: Pod): boolean {
  return findCondition(pod.status?.conditions, 'Ready')?.status === 'True';
}

/** When a ready pod counts as available, ms since the epoch; undefined while it is not ready. */
export function podAvailableAtMs(pod: Pod, minReadySeconds: number, nowMs: number): number | undefined {
  if (!isPodReady(pod)) return undefined;
  if (minReadySeconds === 0) return nowMs;
  const sinceMs = timestampMs(findCondition(pod.status?.conditions, 'Ready')?.lastTransitionTime);
  return sinceMs === undefined ? undefined : sinceMs + minReadySeconds * 1000;
}

/** The pod that a template makes for its controller. `naming`: `name`, or `generateName` for the API server to complete. */
export function podFromTemplate(
  template: PodTemplateSpec | undefined,
  owner: KubeObject,
  ownerType: ResourceType,
  naming: { readonly name: string } | { readonly generateName: string },
): Pod {
  const { labels, annotations, finalizers } = template?.metadata ?? {};
  return {
    metadata: {
      ...naming,
      ...(owner.metadata.namespace === undefined ? {} : { namespace: owner.metadata.namespace }),
      ...(labels === undefined ? {} : { labels: { ...labels } }),
      ...(annotations === undefined ? {} : { annotations: { ...annotations } }),
      ...(finalizers === undefined ? {} : { finalizers: [...finalizers] }),
      ownerReferences: [controllerReference(owner, ownerType)],
    },
    spec: template?.spec ?? { containers: [] },
  };
}
