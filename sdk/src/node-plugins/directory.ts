/** Where drivers and plugins of a node expect its agent: their manifests name these paths. */
import { join } from 'node:path';

export const usualKubeletDirectory = '/var/lib/kubelet';

/** Empty: the usual one for root, else one that the user may write to. */
export function kubeletDirectory(configured: string, dataDir: string): string {
  if (configured !== '') return configured;
  return process.getuid?.() === 0 ? usualKubeletDirectory : join(dataDir, 'kubelet');
}

export const registryDirectory = (kubelet: string): string => join(kubelet, 'plugins_registry');
