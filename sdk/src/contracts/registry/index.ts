/** Registries of images, by the OCI distribution specification 1.1. A client keeps nothing but connections and tokens. */
import { defineService, type ServiceToken } from '../../kernel/index.ts';
import type { RegistryCredentials } from '../images/index.ts';

/** An image's name taken apart. */
export interface ImageReference {
  /** `host[:port]`: `docker.io`, `localhost:5000`, `[::1]:5000`. */
  readonly registry: string;
  /** `library/nginx`. */
  readonly repository: string;
  /** Empty with a digest only. */
  readonly tag: string;
  /** `sha256:…`; empty: by tag. */
  readonly digest: string;
}

/** Of a manifest, an index, a configuration or a layer. */
export interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
}

export interface RegistryAccess {
  readonly credentials: readonly RegistryCredentials[];
  /** Plain HTTP for this host. Loopback hosts are tried by HTTPS, then plainly, without. */
  readonly plainHttp: boolean;
  readonly signal: AbortSignal | undefined;
}

export interface Manifest extends Descriptor {
  /** As the registry sent them: their digest is `digest`. */
  readonly bytes: Uint8Array;
}

/**
 * Each method: @throws ImageError ErrImagePull, ErrImagePush, RegistryUnavailable or InvalidImageName, with what the registry said
 * and what to do; or the reason of the signal, as it is.
 */
export interface ImageRegistry {
  /** The digest a tag has now, without fetching its manifest where the registry tells. */
  resolve(reference: ImageReference, access: RegistryAccess): Promise<Descriptor>;
  /** A manifest or index, whose digest was checked. At most 4 MiB. */
  manifest(reference: ImageReference, digest: string, access: RegistryAccess): Promise<Manifest>;
  /**
   * The bytes of a blob from `offset`, as they come; an interrupted transfer goes on where it was. Ends with an error where the size is
   * not the descriptor's. Whoever reads from 0 to the end has bytes of that digest, or an error.
   */
  blob(reference: ImageReference, blob: Descriptor, access: RegistryAccess, offset?: number): AsyncIterable<Uint8Array>;
  /** Whether the registry has it already. */
  hasBlob(reference: ImageReference, digest: string, access: RegistryAccess): Promise<boolean>;
  /** `content` is called anew for each try. */
  pushBlob(
    reference: ImageReference,
    blob: Descriptor,
    content: () => AsyncIterable<Uint8Array>,
    access: RegistryAccess,
  ): Promise<void>;
  /** Under the reference's tag; without one under its digest, as the manifests of an index are sent. */
  pushManifest(reference: ImageReference, manifest: Manifest, access: RegistryAccess): Promise<void>;
}

/** Token of the client of registries. */
export const imageRegistry: ServiceToken<ImageRegistry, 'one'> = defineService<ImageRegistry>('image-registry', {
  major: 1,
  cardinality: 'one',
  sync: ['blob'],
});
