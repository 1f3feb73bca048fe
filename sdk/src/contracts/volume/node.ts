/** What a volume may ask its node for. */
import type { ConfigMap, Quantities, Secret } from '../../kube/index.ts';

/** As in `resourceFieldRef` of a volume of the downward API. */
export interface ResourceReference {
  readonly containerName?: string;
  readonly resource: string;
  readonly divisor?: string;
}

export interface TokenWish {
  /** Empty: for the API itself. */
  readonly audience: string;
  /** At least 600. */
  readonly expirationSeconds: number;
}

export interface AccountToken {
  readonly token: string;
  /** In ms. */
  readonly expiresAt: number;
  /** Ask again after so long: well before it ends. */
  readonly renewAfterMs: number;
}

/**
 * Made for one volume of one pod. Objects are read from the API, and while it is away as they were seen last. Whatever a volume that
 * `follows` has read here, it is asked for again when that changes: nobody needs a watch of their own.
 */
export interface VolumeNode {
  readonly name: string;
  /** What the node has for pods. */
  readonly allocatable: Quantities;
  /** Undefined: there is no such object. @throws ApiError when it is not known and the API does not tell */
  configMap(namespace: string, name: string): Promise<ConfigMap | undefined>;
  secret(namespace: string, name: string): Promise<Secret | undefined>;
  /** A field of the pod as text, as `fieldRef` of the downward API: `metadata.labels`. @throws VolumeError when there is none of that name */
  field(path: string): string;
  /** @throws VolumeError for containers and resources that are unknown */
  resource(reference: ResourceReference): string;
  /** A token of the pod's service account that ends with the pod. Kept by the node: asking is cheap. @throws ApiError */
  token(wish: TokenWish): Promise<AccountToken>;
}
