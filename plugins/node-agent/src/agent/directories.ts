/** Where things of a pod lie on this node. */
import { join } from 'node:path';
import type { Pod } from '@timonel/sdk/kube';

export function podDirectory(dataDir: string, pod: Pod): string {
  return join(dataDir, 'pods', pod.metadata.uid ?? '');
}

export function volumesDirectory(dataDir: string, pod: Pod): string {
  return join(podDirectory(dataDir, pod), 'volumes');
}

export function logDirectory(dataDir: string, pod: { namespace: string; name: string; uid: string }): string {
  return join(dataDir, 'logs', `${pod.namespace}_${pod.name}_${pod.uid}`);
}

export function logDirectoryOf(dataDir: string, pod: Pod): string {
  const { namespace = '', name = '', uid = '' } = pod.metadata;
  return logDirectory(dataDir, { namespace, name, uid });
}
