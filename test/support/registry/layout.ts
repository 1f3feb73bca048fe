/** Images in a directory, as the OCI image layout says. */
import { createHash } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { pack } from 'tar-stream';

export interface LayoutDescriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
}

/** Path to text. */
export type LayerFiles = Readonly<Record<string, string | Buffer>>;

export interface LayoutImage {
  /** `linux/amd64`, `linux/arm64/v8`. */
  readonly platform: string;
  /** The lowest first. */
  readonly layers: readonly LayerFiles[];
  /** Keys of the image configuration's `config`: `Cmd`, `Env`. */
  readonly config?: Readonly<Record<string, unknown>>;
}

export interface WrittenImage {
  readonly manifest: LayoutDescriptor;
  readonly config: LayoutDescriptor;
  readonly layers: readonly LayoutDescriptor[];
  readonly diffIds: readonly string[];
}

export interface WrittenLayout {
  /** What the tag names: the only manifest, or an index of all. */
  readonly root: LayoutDescriptor;
  readonly images: readonly WrittenImage[];
}

const types = {
  index: 'application/vnd.oci.image.index.v1+json',
  manifest: 'application/vnd.oci.image.manifest.v1+json',
  config: 'application/vnd.oci.image.config.v1+json',
  layer: 'application/vnd.oci.image.layer.v1.tar+gzip',
} as const;

function digestOf(bytes: Uint8Array): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

async function tarOf(files: LayerFiles): Promise<Buffer> {
  const tar = pack();
  for (const [name, content] of Object.entries(files)) tar.entry({ name, mode: 0o755, mtime: new Date(0) }, content);
  tar.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of tar as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks);
}

async function addBlob(directory: string, mediaType: string, bytes: Buffer): Promise<LayoutDescriptor> {
  const digest = digestOf(bytes);
  await mkdir(join(directory, 'blobs', 'sha256'), { recursive: true });
  await writeFile(join(directory, 'blobs', 'sha256', digest.slice(7)), bytes);
  return { mediaType, digest, size: bytes.length };
}

const addJson = (directory: string, mediaType: string, value: unknown): Promise<LayoutDescriptor> =>
  addBlob(directory, mediaType, Buffer.from(JSON.stringify(value)));

function platformOf(text: string): Readonly<Record<string, string>> {
  const [os = '', architecture = '', variant] = text.split('/');
  return { os, architecture, ...(variant === undefined ? {} : { variant }) };
}

async function addImage(directory: string, image: LayoutImage): Promise<WrittenImage> {
  const tars = await Promise.all(image.layers.map(tarOf));
  const diffIds = tars.map(digestOf);
  const layers = await Promise.all(tars.map((tar) => addBlob(directory, types.layer, gzipSync(tar))));
  const config = await addJson(directory, types.config, {
    created: '2020-01-01T00:00:00Z',
    ...platformOf(image.platform),
    config: image.config ?? {},
    rootfs: { type: 'layers', diff_ids: diffIds },
    history: diffIds.map((_, at) => ({ created: '2020-01-01T00:00:00Z', created_by: `layer ${at}` })),
  });
  const content = { schemaVersion: 2, mediaType: types.manifest, config, layers };
  return { manifest: await addJson(directory, types.manifest, content), config, layers, diffIds };
}

/** Writes a layout with one tag: `oci:DIRECTORY:TAG` for skopeo. Several images become an index. */
export async function writeLayout(
  directory: string,
  tag: string,
  images: readonly LayoutImage[],
): Promise<WrittenLayout> {
  await mkdir(directory, { recursive: true });
  const written: WrittenImage[] = [];
  for (const image of images) written.push(await addImage(directory, image));
  const manifests = written.map(({ manifest }, at) => ({
    ...manifest,
    platform: platformOf(images[at]?.platform ?? ''),
  }));
  const [only] = manifests;
  if (only === undefined) throw new Error('a layout has at least one image');
  const root =
    manifests.length === 1
      ? only
      : await addJson(directory, types.index, { schemaVersion: 2, mediaType: types.index, manifests });
  const annotations = { 'org.opencontainers.image.ref.name': tag };
  const index = { schemaVersion: 2, mediaType: types.index, manifests: [{ ...root, annotations }] };
  await writeFile(join(directory, 'oci-layout'), JSON.stringify({ imageLayoutVersion: '1.0.0' }));
  await writeFile(join(directory, 'index.json'), JSON.stringify(index));
  const { mediaType, digest, size } = root;
  return { root: { mediaType, digest, size }, images: written };
}
