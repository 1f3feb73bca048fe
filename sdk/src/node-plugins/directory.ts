/** Where drivers and plugins of a node expect its agent: their manifests name these paths. */
import { join } from 'node:path';
import { isRootless } from '../linux/index.ts';

export const usualKubeletDirectory = '/var/lib/kubelet';

/** Empty: the usual one for root, else one that the user may write to. */
export function kubeletDirectory(configured: string, dataDir: string): string {
  if (configured !== '') return configured;
  return process.getuid?.() === 0 && !isRootless() ? usualKubeletDirectory : join(dataDir, 'kubelet');
}

export const registryDirectory = (kubelet: string): string => join(kubelet, 'plugins_registry');
