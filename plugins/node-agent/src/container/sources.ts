/** Where configuration of a container comes from: ConfigMaps and Secrets. Undefined: there is no such object. */
import type { ConfigMap, PersistentVolume, PersistentVolumeClaim, Secret } from '@timonel/sdk/kube';

/** A claim with the volume that it names. */
export type BoundClaim = PersistentVolumeClaim & { readonly volume?: PersistentVolume };

export interface ConfigSources {
  configMap(namespace: string, name: string): Promise<ConfigMap | undefined>;
  secret(namespace: string, name: string): Promise<Secret | undefined>;
}
