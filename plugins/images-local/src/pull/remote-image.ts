import { createHash } from 'node:crypto';
import { ImageError } from '@timonel/sdk/contracts/images';
import type {
  Descriptor,
  ImageReference,
  ImageRegistry,
  Manifest,
  RegistryAccess,
} from '@timonel/sdk/contracts/registry';
import { parseJson } from '../archive-staging.ts';
import type { Limits } from '../config.ts';
import { checkDiffIds, configurationSchema, platformOf, type Configuration } from '../image-configuration.ts';
import {
  readImageDocument,
  requireContainerImage,
  type DocumentDescriptor,
  type ImageManifest,
} from '../image-documents.ts';
import { chainIds } from '../layer-store.ts';
import { pickPlatform, platformText, type Platform } from '../platform.ts';
import { corrupt } from '../unpack/corrupt.ts';
import { isDiskFull } from './disk-full.ts';

const maxIndexDepth = 4;

export interface RemoteLayer extends Descriptor {
  readonly diffId: string;
  readonly chainId: string;
}

/** What a registry says an image is made of, checked against itself. Its layers are still there. */
export interface RemoteImage {
  /** The image's own; those of the indexes above it are in `manifestDigests`, which ends with its digest. */
  readonly manifest: Manifest;
  readonly manifestDigests: readonly string[];
  readonly configDigest: string;
  readonly configBytes: Uint8Array;
  readonly configuration: Configuration;
  /** Bottom first. */
  readonly layers: readonly RemoteLayer[];
}

export interface RemoteSource {
  readonly registry: ImageRegistry;
  readonly reference: ImageReference;
  readonly access: RegistryAccess;
}

/** @throws ImageError */
export async function readRemoteImage(
  source: RemoteSource,
  digest: string,
  wanted: Platform,
  limits: Limits,
): Promise<RemoteImage> {
  const { manifest, document, digests } = await findManifest(source, digest, wanted);
  const what = `the manifest ${manifest.digest}`;
  requireContainerImage(document, what);
  checkSizes(document, limits, what);
  const configBytes = await readConfig(source, document.config);
  const configuration = parseJson(configBytes, `the configuration ${document.config.digest}`, configurationSchema);
  const diffIds = configuration.rootfs.diff_ids;
  checkDiffIds(diffIds, document.layers.length, limits);
  const platform = platformOf(configuration);
  if (platform !== undefined && pickPlatform([platform], (each) => each, wanted) === undefined) {
    throw corrupt(`the image is made for ${platformText(platform)}, not for ${platformText(wanted)}`);
  }
  const chain = chainIds(diffIds);
  const layers = document.layers.map(({ mediaType, digest: layerDigest, size }, i) => ({
    mediaType,
    digest: layerDigest,
    size,
    diffId: diffIds[i] ?? '',
    chainId: chain[i] ?? '',
  }));
  const configDigest = document.config.digest;
  return { manifest, manifestDigests: digests, configDigest, configBytes, configuration, layers };
}

async function findManifest(
  { registry, reference, access }: RemoteSource,
  topDigest: string,
  wanted: Platform,
): Promise<{ readonly manifest: Manifest; readonly document: ImageManifest; readonly digests: readonly string[] }> {
  const digests: string[] = [];
  let digest = topDigest;
  for (let depth = 0; depth <= maxIndexDepth; depth++) {
    const manifest = await registry.manifest(reference, digest, access);
    if (manifest.digest !== digest || sha256Of([manifest.bytes]) !== digest) {
      throw corrupt(`the registry sent another manifest than ${digest}`);
    }
    digests.push(digest);
    const document = readImageDocument(manifest.bytes, manifest.mediaType, `the manifest ${digest}`);
    if (document.kind === 'manifest') return { manifest, document, digests };
    digest = chooseFrom(document.manifests, wanted).digest;
  }
  throw corrupt(`image indexes are nested more than ${maxIndexDepth} deep`);
}

function chooseFrom(manifests: readonly DocumentDescriptor[], wanted: Platform): DocumentDescriptor {
  const [only] = manifests;
  if (manifests.length === 1 && only !== undefined && only.platform === undefined) return only;
  const found = pickPlatform(manifests, ({ platform }) => platform, wanted);
  if (found !== undefined) return found;
  const offered = manifests.flatMap(({ platform }) =>
    platform === undefined || platform.os === 'unknown' ? [] : [platformText(platform)],
  );
  throw corrupt(
    `there is no image for ${platformText(wanted)}, only for ${offered.length === 0 ? 'machines without a name' : offered.slice(0, 20).join(', ')}`,
  );
}

function checkSizes({ config, layers }: ImageManifest, limits: Limits, what: string): void {
  if (config.size > limits.maxJsonBytes) {
    throw corrupt(
      `${what} names a configuration of ${config.size} bytes, more than the ${limits.maxJsonBytes} allowed`,
    );
  }
  const total = layers.reduce((sum, { size }) => sum + size, 0);
  if (total > limits.maxArchiveBytes) {
    throw corrupt(`${what} names layers of ${total} bytes, more than the ${limits.maxArchiveBytes} allowed`);
  }
}

async function readConfig(source: RemoteSource, config: DocumentDescriptor): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  let bytes = 0;
  for await (const piece of source.registry.blob(source.reference, config, source.access)) {
    bytes += piece.length;
    if (bytes > config.size) throw corrupt(`the configuration ${config.digest} has more than its ${config.size} bytes`);
    pieces.push(piece);
  }
  if (sha256Of(pieces) !== config.digest)
    throw corrupt(`the registry sent another configuration than ${config.digest}`);
  return Buffer.concat(pieces);
}

function sha256Of(pieces: readonly Uint8Array[]): string {
  const hash = createHash('sha256');
  for (const piece of pieces) hash.update(piece);
  return `sha256:${hash.digest('hex')}`;
}

/** For what is not an ImageError yet, and for bad content of a registry, which to the kubelet is a failed pull. */
export function asPullError(full: string, error: unknown): unknown {
  const { name, reason, message } = error as {
    readonly name?: unknown;
    readonly reason?: unknown;
    readonly message?: unknown;
  };
  if (name === 'AbortError' || (name === 'ImageError' && reason !== 'CorruptImage')) return error;
  const hint = isDiskFull(error) ? '; make room: timonel image prune' : '';
  return new ImageError(
    'ErrImagePull',
    `failed to pull image ${JSON.stringify(full)}: ${String(message ?? error)}${hint}`,
    {
      cause: error,
    },
  );
}
