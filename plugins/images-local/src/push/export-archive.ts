import { createReadStream, createWriteStream } from 'node:fs';
import { link, open, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import tar, { type Pack } from 'tar-stream';
import { ImageError } from '@timonel/sdk/contracts/images';
import type { Descriptor } from '@timonel/sdk/contracts/registry';
import { mediaTypes } from '../image-documents.ts';
import type { Platform } from '../platform.ts';
import type { OutgoingImage } from './outgoing-image.ts';

/** An image and what it is called in the archive. */
export interface NamedImage {
  readonly image: OutgoingImage;
  readonly names: readonly string[];
}

/** Writes an OCI layout as a tar, the same for the same images. The path must be free, and has all of it or nothing at the end. */
export async function writeArchive(images: readonly NamedImage[], path: string, unique: string): Promise<void> {
  const beside = join(dirname(path), `.${basename(path)}.${unique}.partial`);
  try {
    const pack = tar.pack();
    addMembers(pack, images).then(
      () => pack.finalize(),
      (error: unknown) => pack.destroy(error as Error),
    );
    await pipeline(pack as unknown as Readable, createWriteStream(beside, { flags: 'wx', mode: 0o644 }));
    const file = await open(beside, 'r+');
    try {
      await file.sync();
    } finally {
      await file.close();
    }
    await link(beside, path);
  } catch (error) {
    throw describe(error, path);
  } finally {
    await rm(beside, { force: true });
  }
}

async function addMembers(pack: Pack, images: readonly NamedImage[]): Promise<void> {
  await addBytes(pack, 'oci-layout', Buffer.from('{"imageLayoutVersion":"1.0.0"}'));
  const manifests = images.flatMap(({ image, names }) =>
    (names.length === 0 ? [undefined] : names).map((name) => entryFor(image.manifest, image.platform, name)),
  );
  const index = { schemaVersion: 2, mediaType: mediaTypes.index, manifests };
  await addBytes(pack, 'index.json', Buffer.from(JSON.stringify(index)));
  const written = new Set<string>();
  const once = async (digest: string, add: (name: string) => Promise<void>): Promise<void> => {
    if (written.has(digest)) return;
    written.add(digest);
    await add(`blobs/sha256/${digest.slice('sha256:'.length)}`);
  };
  for (const { image } of images) {
    await once(image.manifest.digest, (name) => addBytes(pack, name, image.manifest.bytes));
    await once(image.config.digest, (name) => addBytes(pack, name, image.config.bytes));
    for (const layer of image.layers) await once(layer.digest, (name) => addFile(pack, name, layer.path, layer.size));
  }
}

function entryFor(
  { mediaType, digest, size }: Descriptor,
  platform: Platform | undefined,
  name: string | undefined,
): unknown {
  const { os, architecture, variant } = platform ?? { os: '', architecture: '', variant: '' };
  return {
    mediaType,
    digest,
    size,
    ...(architecture === '' ? {} : { platform: { architecture, os, ...(variant === '' ? {} : { variant }) } }),
    ...(name === undefined
      ? {}
      : { annotations: { 'io.containerd.image.name': name, 'org.opencontainers.image.ref.name': name } }),
  };
}

const common = { mode: 0o644, mtime: new Date(0) };

function addBytes(pack: Pack, name: string, bytes: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    pack.entry({ ...common, name }, Buffer.from(bytes), (error) => (error ? reject(error) : resolve()));
  });
}

async function addFile(pack: Pack, name: string, path: string, size: number): Promise<void> {
  const sink = pack.entry({ ...common, name, size });
  await pipeline(createReadStream(path, { highWaterMark: 256 * 1024 }), sink);
}

function describe(error: unknown, path: string): unknown {
  const { code, message } = error as { readonly code?: unknown; readonly message?: unknown };
  const why = code === 'EEXIST' ? 'it is there already: name another, or remove it' : String(message ?? error);
  return new ImageError('ImageInspectError', `the archive ${path} cannot be written: ${why}`, { cause: error });
}
