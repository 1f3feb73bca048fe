import { z } from 'zod';
import { corrupt, shown } from './unpack/corrupt.ts';
import { parseJson } from './archive-staging.ts';
import type { Platform } from './platform.ts';

/** Manifests and indexes of the OCI image specification 1.1 and of Docker's schema 2, as far as they are used. */
export interface DocumentDescriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
  readonly platform: Platform | undefined;
  readonly annotations: Readonly<Record<string, string>>;
}

export interface ImageManifest {
  readonly kind: 'manifest';
  readonly config: DocumentDescriptor;
  readonly layers: readonly DocumentDescriptor[];
}

export interface ImageList {
  readonly kind: 'index';
  readonly manifests: readonly DocumentDescriptor[];
}

export const mediaTypes = {
  index: 'application/vnd.oci.image.index.v1+json',
  manifest: 'application/vnd.oci.image.manifest.v1+json',
  config: 'application/vnd.oci.image.config.v1+json',
  layer: 'application/vnd.oci.image.layer.v1.tar',
  layerGzip: 'application/vnd.oci.image.layer.v1.tar+gzip',
  layerZstd: 'application/vnd.oci.image.layer.v1.tar+zstd',
  dockerList: 'application/vnd.docker.distribution.manifest.list.v2+json',
  dockerManifest: 'application/vnd.docker.distribution.manifest.v2+json',
  dockerConfig: 'application/vnd.docker.container.image.v1+json',
} as const;

const indexTypes: ReadonlySet<string> = new Set([mediaTypes.index, mediaTypes.dockerList]);
const manifestTypes: ReadonlySet<string> = new Set([mediaTypes.manifest, mediaTypes.dockerManifest]);
const configTypes: ReadonlySet<string> = new Set([mediaTypes.config, mediaTypes.dockerConfig]);
const layerTypes: ReadonlySet<string> = new Set([
  mediaTypes.layer,
  mediaTypes.layerGzip,
  mediaTypes.layerZstd,
  'application/vnd.docker.image.rootfs.diff.tar',
  'application/vnd.docker.image.rootfs.diff.tar.gzip',
  'application/vnd.docker.image.rootfs.diff.tar.zstd',
]);

const descriptorSchema = z
  .object({
    mediaType: z.string().max(255).default(''),
    digest: z.string().regex(/^sha256:[0-9a-f]{64}$/, 'not a sha256 digest'),
    size: z.int().min(0),
    platform: z.object({ architecture: z.string(), os: z.string(), variant: z.string().nullish() }).nullish(),
    annotations: z.record(z.string(), z.string()).nullish(),
  })
  .transform(({ mediaType, digest, size, platform, annotations }): DocumentDescriptor => ({
    mediaType,
    digest,
    size,
    platform: platform
      ? { os: platform.os, architecture: platform.architecture, variant: platform.variant ?? '' }
      : undefined,
    annotations: annotations ?? {},
  }));

export const indexSchema: z.ZodType<{ readonly manifests: readonly DocumentDescriptor[] }> = z.object({
  manifests: z.array(descriptorSchema).max(1000),
});

const documentSchema = z.object({
  mediaType: z.string().nullish(),
  schemaVersion: z.number().nullish(),
  config: descriptorSchema.nullish(),
  layers: z.array(descriptorSchema).max(1000).nullish(),
  manifests: z.array(descriptorSchema).max(1000).nullish(),
  fsLayers: z.unknown().optional(),
});

/**
 * Reads a manifest or an index. A document that could be both, or says to be something else than its descriptor, means different images
 * to different readers: refused.
 * @throws CorruptImage
 */
export function readImageDocument(bytes: Uint8Array, mediaType: string, what: string): ImageManifest | ImageList {
  const document = parseJson(bytes, what, documentSchema);
  const said = document.mediaType ?? '';
  if (
    document.schemaVersion === 1 ||
    document.fsLayers !== undefined ||
    mediaType.includes('docker.distribution.manifest.v1+')
  ) {
    throw corrupt(`${what} is of schema 1, which Docker gave up: push the image again with a newer tool`);
  }
  if (said !== '' && mediaType !== '' && said !== mediaType) {
    throw corrupt(`${what} says to be ${shown(said)}, but was given as ${shown(mediaType)}: refused`);
  }
  const type = said === '' ? mediaType : said;
  const isIndex = type === '' ? document.manifests !== undefined : indexTypes.has(type);
  if (type !== '' && !isIndex && !manifestTypes.has(type))
    throw corrupt(`${what} is ${shown(type)}, which is no image`);
  if (document.manifests && (document.layers || document.config)) {
    throw corrupt(`${what} is an index and a manifest at once: refused`);
  }
  if (isIndex) {
    if (!document.manifests) throw corrupt(`${what} is an index without "manifests"`);
    return { kind: 'index', manifests: document.manifests };
  }
  if (!document.config || !document.layers) throw corrupt(`${what} is a manifest without "config" or "layers"`);
  return { kind: 'manifest', config: document.config, layers: document.layers };
}

/** @throws CorruptImage when it is no image of a container, or has layers that cannot be used */
export function requireContainerImage({ config, layers }: ImageManifest, what: string): void {
  // Old tools leave it out.
  if (config.mediaType !== '' && !configTypes.has(config.mediaType)) {
    throw corrupt(`${what} is no container image: its configuration is ${shown(config.mediaType)}`);
  }
  for (const { mediaType, digest } of layers) {
    if (/nondistributable|foreign/.test(mediaType)) {
      throw corrupt(`${what} has the foreign layer ${digest}, which registries do not hold: refused`);
    }
    if (mediaType.includes('+encrypted')) throw corrupt(`${what} has the encrypted layer ${digest}: refused`);
    if (mediaType !== '' && !layerTypes.has(mediaType)) {
      throw corrupt(`${what} has a layer of the unknown kind ${shown(mediaType)} (${digest}): refused`);
    }
  }
}
