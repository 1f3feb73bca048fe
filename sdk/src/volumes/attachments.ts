/** Names by which those who attach volumes to nodes, and those who mount them, know the same thing. */
import { createHash } from 'node:crypto';

/** Of the VolumeAttachment of a volume and a node. Source: Kubernetes, drivers and tools rely on it. */
export function attachmentName(handle: string, driver: string, nodeName: string): string {
  return `csi-${createHash('sha256').update(`${handle}${driver}${nodeName}`).digest('hex')}`;
}

/** In `volumesInUse` and `volumesAttached` of a node's status. */
export function uniqueVolumeName(driver: string, handle: string): string {
  return `kubernetes.io/csi/${driver}^${handle}`;
}
