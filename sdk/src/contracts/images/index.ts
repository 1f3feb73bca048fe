/** Local images: names, digests and unpacked layers, as the OCI image specification 1.1 defines them. */
import { defineService, type ServiceToken } from '../../kernel/index.ts';
import type { RootFilesystem } from '../runtime/index.ts';

/** The parts of an OCI image configuration that a container start needs. */
export interface ImageConfig {
  readonly entrypoint: readonly string[];
  readonly cmd: readonly string[];
  /** `NAME=value`. */
  readonly env: readonly string[];
  readonly workingDir: string;
  readonly user: string;
  readonly stopSignal: string;
  readonly exposedPorts: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
}

export interface ImageInfo {
  /** Digest of the configuration, `sha256:…`. */
  readonly id: string;
  /** Full references: `docker.io/library/nginx:1.25`, `timonel.local/node:host`. */
  readonly references: readonly string[];
  readonly sizeBytes: number;
  /** RFC 3339; empty when unknown. */
  readonly created: string;
  readonly config: ImageConfig;
  readonly rootfs: RootFilesystem;
  /** Of the indexes and manifests that led to it, `sha256:…`, the outermost first: what registries call it. */
  readonly digests?: readonly string[];
  /** `os/architecture[/variant]`, where the image says. */
  readonly platform?: string;
}

export interface ImageService {
  /** Finds a local image. `undefined`: absent. @throws ImageError InvalidImageName */
  find(reference: string): Promise<ImageInfo | undefined>;
  /**
   * Makes the image available by the pull policy. Callers that want the same image at the same time share one pull.
   * @throws ImageError ErrImagePull, ErrImageNeverPull, InvalidImageName, RegistryUnavailable
   */
  ensure(
    reference: string,
    pullPolicy: 'Always' | 'IfNotPresent' | 'Never',
    options?: PullOptions,
  ): Promise<EnsuredImage>;
  /** Sends an image of this node to its registry. @throws ImageError ErrImagePush, InvalidImageName */
  push(reference: string, options?: PullOptions): Promise<{ readonly digest: string }>;
  /** Writes an OCI-layout tar with the images to a path of this node that is not there yet. All or nothing. @throws ImageError */
  exportArchive(references: readonly string[], path: string): Promise<void>;
  /** Removes images that no container uses. `all`: also those with a name that were used or pulled a short while ago. */
  prune(options: PruneOptions): Promise<PruneResult>;
  /** Where images lie, and how full that filesystem is. */
  usage(): Promise<ImageFilesystem>;
  list(): Promise<readonly ImageInfo[]>;
  /** Imports a docker-archive or OCI-layout tar (a path on this node), plain or gzipped. All or nothing. Returns what it held. */
  importArchive(path: string, reference?: string): Promise<readonly ImageInfo[]>;
  /** Builds a one-layer image from a root directory and a configuration. */
  buildFromDirectory(directory: string, reference: string, config: Partial<ImageConfig>): Promise<ImageInfo>;
  /** Removes a reference, and the layers nothing else uses. False: there was none. */
  remove(reference: string): Promise<boolean>;
}

/** For a registry. The first that fits the registry's host (and path) is tried first, then the others, then none. */
export interface RegistryCredentials {
  /** `host[:port][/path]` as in a docker `config.json`. */
  readonly registry: string;
  readonly username?: string;
  readonly password?: string;
  /** OAuth2 refresh token, in place of a password. */
  readonly identityToken?: string;
  /** Sent as it is, in place of both. */
  readonly registryToken?: string;
}

export interface PullOptions {
  readonly credentials?: readonly RegistryCredentials[];
  /** `os/architecture[/variant]`. Absent: this node's. */
  readonly platform?: string;
  /** Plain HTTP for hosts other than loopback. */
  readonly plainHttp?: boolean;
  /** Called now and then while it goes on. */
  onProgress?(progress: PullProgress): void;
  readonly signal?: AbortSignal;
}

export interface PullProgress {
  readonly phase: 'resolving' | 'downloading' | 'unpacking' | 'uploading' | 'done';
  /** One for each layer, in the image's order. `totalBytes` is 0 while unknown. */
  readonly layers: readonly {
    readonly digest: string;
    readonly doneBytes: number;
    readonly totalBytes: number;
    readonly state: 'waiting' | 'downloading' | 'unpacking' | 'done' | 'present';
  }[];
}

export interface EnsuredImage extends ImageInfo {
  /** Undefined: it was there, and nothing was asked or fetched but its digest. */
  readonly pulled: { readonly bytes: number; readonly durationMs: number } | undefined;
}

export interface PruneOptions {
  readonly all?: boolean;
  /** Ids (`sha256:…`) of images that containers use: kept. */
  readonly inUse: readonly string[];
  /** Stop after this many bytes. Absent: all that may go. */
  readonly bytes?: number;
  readonly dryRun?: boolean;
}

export interface PruneResult {
  readonly removed: readonly {
    readonly id: string;
    readonly references: readonly string[];
    readonly sizeBytes: number;
  }[];
  readonly freedBytes: number;
}

export interface ImageFilesystem {
  readonly path: string;
  /** What the images take. */
  readonly usedBytes: number;
  readonly capacityBytes: number;
  readonly availableBytes: number;
}

/** Token of the image service. */
export const images: ServiceToken<ImageService, 'one'> = defineService<ImageService>('images', {
  major: 1,
  cardinality: 'one',
});

/** Recognise it by `name` and `reason`. */
export class ImageError extends Error {
  override readonly name: string = 'ImageError';
  /** As the kubelet words it: `ErrImagePull`, `ErrImageNeverPull`, `InvalidImageName`, `ImageInspectError`, `CorruptImage`, `RegistryUnavailable`, `ErrImagePush`. */
  readonly reason: string;

  constructor(reason: string, message: string, options: { cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.reason = reason;
  }
}
