/** Where things of a pod lie on this node. */
import { join } from 'node:path';
import type { Pod } from '@timonel/sdk/kube';

/** The parent of those of all pods. */
export function podsDirectory(dataDir: string): string {
  return join(dataDir, 'pods');
}

export function podDirectory(dataDir: string, pod: Pod): string {
  return join(podsDirectory(dataDir), pod.metadata.uid ?? '');
}

export function volumesDirectoryOf(dataDir: string, uid: string): string {
  return join(podsDirectory(dataDir), uid, 'volumes');
}

export function volumesDirectory(dataDir: string, pod: Pod): string {
  return volumesDirectoryOf(dataDir, pod.metadata.uid ?? '');
}

export function logDirectory(dataDir: string, pod: { namespace: string; name: string; uid: string }): string {
  return join(dataDir, 'logs', `${pod.namespace}_${pod.name}_${pod.uid}`);
}

export function logDirectoryOf(dataDir: string, pod: Pod): string {
  const { namespace = '', name = '', uid = '' } = pod.metadata;
  return logDirectory(dataDir, { namespace, name, uid });
}
