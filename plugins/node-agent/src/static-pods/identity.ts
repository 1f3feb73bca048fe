/** What tells static pods and their mirrors from others: the kubelet's annotations. Pure. */
import type { Pod } from '@timonel/sdk/kube';

export const annotationKeys = {
  source: 'kubernetes.io/config.source',
  hash: 'kubernetes.io/config.hash',
  seen: 'kubernetes.io/config.seen',
  mirror: 'kubernetes.io/config.mirror',
} as const;

/** Of this node's own. What came from the API has a version, whatever its annotations say. */
export function isStaticPod({ metadata }: Pod): boolean {
  return metadata.resourceVersion === undefined && metadata.annotations?.[annotationKeys.source] === 'file';
}

/** Stands in the API for a static pod. Anybody can write the annotation: only its name and hash say for which. */
export function isMirrorPod({ metadata }: Pod): boolean {
  return metadata.annotations?.[annotationKeys.mirror] !== undefined;
}

export function fullNameOf({ metadata: { namespace = '', name = '' } }: Pod): string {
  return `${namespace}/${name}`;
}
