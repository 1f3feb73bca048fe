/** What this provisioner is called, and how it marks what is its own. */
import { createHash } from 'node:crypto';
import { provisionedBy } from '@timonel/sdk/volumes';
import type { PersistentVolume } from '@timonel/sdk/kube';

export const provisioner = 'timonel.dev/local';
/** Of a volume: the node whose directory it is. */
export const nodeAnnotation = 'timonel.dev/node';
/** Keeps a volume until its directory is gone, or left to people. The name that provisioners outside of Kubernetes use. */
export const directoryFinalizer = 'external-provisioner.volume.kubernetes.io/finalizer';
export const hostnameLabel = 'kubernetes.io/hostname';

/** Whether the volume was made by this provisioner on this node. */
export function isOwn({ metadata }: PersistentVolume, nodeName: string): boolean {
  return metadata.annotations?.[provisionedBy] === provisioner && metadata.annotations[nodeAnnotation] === nodeName;
}

/** The same at each start, and within the length of a name whatever node and class are called. */
export function capacityName(nodeName: string, className: string): string {
  const hash = createHash('sha256').update(`${nodeName}\n${className}`).digest('hex').slice(0, 16);
  return `timonel-local-${hash}`;
}
