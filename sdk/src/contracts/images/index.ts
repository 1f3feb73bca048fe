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
}

export interface ImageService {
  /** Finds a local image. `undefined`: absent. @throws ImageError InvalidImageName */
  find(reference: string): Promise<ImageInfo | undefined>;
  /** Makes the image available by the pull policy. @throws ImageError ErrImagePull, ErrImageNeverPull, InvalidImageName */
  ensure(reference: string, pullPolicy: 'Always' | 'IfNotPresent' | 'Never'): Promise<ImageInfo>;
  list(): Promise<readonly ImageInfo[]>;
  /** Imports a docker-archive or OCI-layout tar (a path on this node), plain or gzipped. All or nothing. Returns what it held. */
  importArchive(path: string, reference?: string): Promise<readonly ImageInfo[]>;
  /** Builds a one-layer image from a root directory and a configuration. */
  buildFromDirectory(directory: string, reference: string, config: Partial<ImageConfig>): Promise<ImageInfo>;
  /** Removes a reference, and the layers nothing else uses. False: there was none. */
  remove(reference: string): Promise<boolean>;
}

/** Token of the image service. */
export const images: ServiceToken<ImageService, 'one'> = defineService<ImageService>('images', {
  major: 1,
  cardinality: 'one',
});

/** Recognise it by `name` and `reason`. */
export class ImageError extends Error {
  override readonly name: string = 'ImageError';
  /** As the kubelet words it: `ErrImagePull`, `ErrImageNeverPull`, `InvalidImageName`, `ImageInspectError`, `CorruptImage`. */
  readonly reason: string;

  constructor(reason: string, message: string, options: { cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.reason = reason;
  }
}
