import { z } from 'zod';
import type { StagedArchive } from './archive-staging.ts';
import { corrupt, shown } from './unpack/corrupt.ts';
import { indexSchema, readImageDocument, requireContainerImage, type DocumentDescriptor } from './image-documents.ts';
import { nodePlatform, pickPlatform, platformText } from './platform.ts';

/** One image that an archive holds: where its parts lie in the archive, and what it is called there. */
export interface ArchivedImage {
  readonly configName: string;
  /** Bottom first. */
  readonly layerNames: readonly string[];
  /** As written in the archive, not yet parsed. */
  readonly references: readonly string[];
  readonly manifestDigests: readonly string[];
  /** Where the manifest lies; undefined: the format has none that a registry could take. */
  readonly manifestName: string | undefined;
}

const dockerManifestSchema = z
  .array(z.object({ Config: z.string(), RepoTags: z.array(z.string()).nullish(), Layers: z.array(z.string()) }))
  .min(1)
  .max(100);

const layoutSchema = z.object({ imageLayoutVersion: z.literal('1.0.0') });

const maxIndexDepth = 4;

/** What images an archive holds, by either of the two formats; docker-archive when it is both at once. */
export async function findArchivedImages(archive: StagedArchive): Promise<readonly ArchivedImage[]> {
  if (archive.has('manifest.json')) return dockerImages(archive);
  if (archive.has('oci-layout') && archive.has('index.json')) return ociImages(archive);
  throw corrupt(
    'the archive is neither a docker-archive (no manifest.json) nor an OCI layout (no oci-layout and index.json)',
  );
}

async function dockerImages(archive: StagedArchive): Promise<readonly ArchivedImage[]> {
  const manifests = await archive.json('manifest.json', dockerManifestSchema);
  return manifests.map((manifest) => {
    const hex = /(?:^|\/)([0-9a-f]{64})(?:\.json)?$/.exec(manifest.Config)?.[1];
    const found = archive.file(manifest.Config).digest;
    if (hex !== undefined && found !== `sha256:${hex}`) {
      throw corrupt(`the configuration ${shown(manifest.Config)} has the digest ${found}: the archive is damaged`);
    }
    return {
      configName: manifest.Config,
      layerNames: manifest.Layers,
      references: manifest.RepoTags ?? [],
      manifestDigests: [],
      manifestName: undefined,
    };
  });
}

async function ociImages(archive: StagedArchive): Promise<readonly ArchivedImage[]> {
  await archive.json('oci-layout', layoutSchema);
  const index = await archive.json('index.json', indexSchema);
  const groups = new Map<string, DocumentDescriptor[]>();
  for (const descriptor of index.manifests) {
    const name = nameOf(descriptor);
    const group = groups.get(name) ?? [];
    group.push(descriptor);
    groups.set(name, group);
  }
  const images: ArchivedImage[] = [];
  for (const [name, group] of groups) {
    const sole = group.length === 1 ? group[0] : undefined;
    images.push(await resolve(archive, sole ?? pickForThisMachine(group), name, [], 0));
  }
  return images;
}

async function resolve(
  archive: StagedArchive,
  descriptor: DocumentDescriptor,
  name: string,
  above: readonly string[],
  depth: number,
): Promise<ArchivedImage> {
  const blob = blobName(archive, descriptor);
  const digests = [...above, descriptor.digest];
  const what = `the manifest ${descriptor.digest}`;
  const document = readImageDocument(await archive.bytes(blob), descriptor.mediaType, what);
  if (document.kind === 'index') {
    if (depth >= maxIndexDepth) throw corrupt(`image indexes are nested more than ${maxIndexDepth} deep`);
    return resolve(archive, pickForThisMachine(document.manifests), name, digests, depth + 1);
  }
  requireContainerImage(document, what);
  return {
    configName: blobName(archive, document.config),
    layerNames: document.layers.map((layer) => blobName(archive, layer)),
    references: name === '' ? [] : [name],
    manifestDigests: digests,
    manifestName: blob,
  };
}

function pickForThisMachine(descriptors: readonly DocumentDescriptor[]): DocumentDescriptor {
  const wanted = nodePlatform();
  const found = pickPlatform(descriptors, ({ platform }) => platform, wanted);
  if (found !== undefined) return found;
  const offered = descriptors.map(({ platform }) => (platform ? platformText(platform) : 'unnamed'));
  throw corrupt(`the archive has no image for ${platformText(wanted)}, only for ${offered.slice(0, 20).join(', ')}`);
}

// The OCI annotation may be a tag alone, which names nothing by itself.
function nameOf(descriptor: DocumentDescriptor): string {
  const full = descriptor.annotations['io.containerd.image.name'];
  if (full !== undefined) return full;
  const name = descriptor.annotations['org.opencontainers.image.ref.name'] ?? '';
  return /[:/]/.test(name) ? name : '';
}

// The digest itself was checked when the blob was staged.
function blobName(archive: StagedArchive, descriptor: DocumentDescriptor): string {
  const name = `blobs/sha256/${descriptor.digest.slice('sha256:'.length)}`;
  const found = archive.file(name).sizeBytes;
  if (found !== descriptor.size)
    throw corrupt(`the blob ${descriptor.digest} has ${found} bytes, not ${descriptor.size}`);
  return name;
}
