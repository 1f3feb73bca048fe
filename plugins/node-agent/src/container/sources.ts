/** Where configuration of a container comes from: ConfigMaps and Secrets. Undefined: there is no such object. */
import type { ConfigMap, PersistentVolume, PersistentVolumeClaim, Secret } from '@timonel/sdk/kube';

/** A claim with the volume that it names. */
export type BoundClaim = PersistentVolumeClaim & { readonly volume?: PersistentVolume };

export interface ConfigSources {
  configMap(namespace: string, name: string): Promise<ConfigMap | undefined>;
  secret(namespace: string, name: string): Promise<Secret | undefined>;
}

/** All entries of a ConfigMap as bytes. */
export function configMapEntries(object: ConfigMap): Map<string, Buffer> {
  const entries = new Map<string, Buffer>();
  for (const [key, value] of Object.entries(object.data ?? {})) entries.set(key, Buffer.from(value, 'utf8'));
  for (const [key, value] of Object.entries(object.binaryData ?? {})) entries.set(key, Buffer.from(value, 'base64'));
  return entries;
}

/** All entries of a Secret as bytes. */
export function secretEntries(object: Secret): Map<string, Buffer> {
  const entries = new Map<string, Buffer>();
  for (const [key, value] of Object.entries(object.data ?? {})) entries.set(key, Buffer.from(value, 'base64'));
  return entries;
}
