import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { ImageError } from '@timonel/sdk/contracts/images';
import type { Descriptor } from '@timonel/sdk/contracts/registry';
import { encodeConfiguration } from '../image-configuration.ts';
import { mediaTypes, readImageDocument } from '../image-documents.ts';
import type { ImageRecord, LayerBlob } from '../image-index.ts';
import { sha256, type LayerStore, type NewBlob } from '../layer-store.ts';
import { readPlatform, type Platform } from '../platform.ts';
import type { ImageRecords } from '../records.ts';
import type { UnpackPool } from '../unpack/unpack-pool.ts';

/** A blob that leaves the node: where its bytes are. */
export interface OutgoingBlob extends Descriptor {
  readonly path: string;
}

export interface OutgoingImage {
  readonly manifest: Descriptor & { readonly bytes: Uint8Array };
  readonly config: Descriptor & { readonly bytes: Uint8Array };
  readonly layers: readonly OutgoingBlob[];
  readonly platform: Platform | undefined;
}

/**
 * Makes images of the store ready to leave it. The tars of layers are kept as they came, because a tar that is made again of an unpacked
 * layer has another digest than the one the configuration names. So what was pulled goes out with the very same manifest. Tars that came
 * plain (docker-archives, built images) are compressed when they first go out, and the result is kept in their place.
 */
export class OutgoingImages {
  readonly #store: LayerStore;
  readonly #records: ImageRecords;
  readonly #pool: UnpackPool;

  constructor(store: LayerStore, records: ImageRecords, pool: UnpackPool) {
    this.#store = store;
    this.#records = records;
    this.#pool = pool;
  }

  /** The image, as long as `work` runs. @throws ImageError ImageInspectError */
  async withImage<T>(
    record: ImageRecord,
    signal: AbortSignal | undefined,
    work: (image: OutgoingImage) => Promise<T>,
  ): Promise<T> {
    return this.#store.withScratch(async (scratch) => work(await this.#image(record, scratch, signal)));
  }

  async #image(record: ImageRecord, scratch: string, signal: AbortSignal | undefined): Promise<OutgoingImage> {
    if (record.layers.some(({ blob }) => blob === undefined)) return this.#packed(record, scratch, signal);
    return record.manifest === undefined ? this.#compressed(record, scratch, signal) : this.#asItCame(record);
  }

  async #asItCame(record: ImageRecord): Promise<OutgoingImage> {
    const { digest = '', size = 0, mediaType = '' } = record.manifest ?? {};
    const bytes = await readFile(this.#store.blobPath(digest));
    const document = readImageDocument(bytes, mediaType, `the manifest ${digest}`);
    if (document.kind !== 'manifest') throw new Error(`${digest} is kept as a manifest and is none`);
    const config = await readFile(this.#store.blobPath(record.id));
    return {
      manifest: { digest, size, mediaType, bytes },
      config: { ...plain(document.config), bytes: config },
      layers: document.layers.map((layer) => ({ ...plain(layer), path: this.#store.blobPath(layer.digest) })),
      platform: platformOf(record),
    };
  }

  /** Gives the image a manifest of its own, whose layers are compressed. */
  async #compressed(record: ImageRecord, scratch: string, signal: AbortSignal | undefined): Promise<OutgoingImage> {
    const blobs = new Map<string, NewBlob>();
    const byPlain = new Map<string, LayerBlob>();
    for (const { blob } of record.layers) {
      if (blob === undefined || blob.compression !== 'none' || byPlain.has(blob.digest)) continue;
      const path = join(scratch, `layer-${byPlain.size}.tar.gz`);
      const zipped = await compress(this.#store.blobPath(blob.digest), path, signal);
      byPlain.set(blob.digest, zipped.blob);
      blobs.set(zipped.blob.digest, { path });
    }
    const layers = record.layers.map((layer) => ({
      ...layer,
      blob: (layer.blob && byPlain.get(layer.blob.digest)) ?? layer.blob,
    }));
    const config = await readFile(this.#store.blobPath(record.id));
    const manifest = manifestFor(
      config,
      layers.flatMap(({ blob }) => (blob === undefined ? [] : [blob])),
    );
    blobs.set(manifest.digest, { bytes: manifest.bytes });
    const changed: ImageRecord = {
      ...record,
      layers,
      manifest: { digest: manifest.digest, size: manifest.size, mediaType: manifest.mediaType },
    };
    await this.#records.addBlobs(record.id, blobs, (now) => ({
      ...now,
      layers,
      manifest: changed.manifest,
      manifestDigests: [...new Set([...now.manifestDigests, manifest.digest])],
    }));
    return this.#asItCame(changed);
  }

  /**
   * The image of this host has no tars: its layer is packed, and the configuration that names this tar makes it another image, which is
   * only what goes out.
   */
  async #packed(record: ImageRecord, scratch: string, signal: AbortSignal | undefined): Promise<OutgoingImage> {
    const [layer] = record.layers;
    if (layer === undefined || record.layers.length > 1) {
      throw new ImageError(
        'ImageInspectError',
        `the image ${record.references[0] ?? record.id} came here before the tars of layers were kept: import or pull it again`,
      );
    }
    const tar = join(scratch, 'packed.tar');
    await this.#pool.run({ kind: 'pack', directory: this.#store.layerPath(layer.chainId), path: tar }, signal);
    const path = join(scratch, 'packed.tar.gz');
    const { blob, plainDigest } = await compress(tar, path, signal);
    const config = encodeConfiguration(record.config, [plainDigest], record.created);
    const manifest = manifestFor(config, [blob]);
    return {
      manifest,
      config: { mediaType: mediaTypes.config, digest: sha256(config), size: config.length, bytes: config },
      layers: [{ mediaType: mediaTypes.layerGzip, digest: blob.digest, size: blob.size, path }],
      platform: platformOf(record),
    };
  }
}

function plain({ mediaType, digest, size }: Descriptor): Descriptor {
  return { mediaType, digest, size };
}

function platformOf({ platform }: ImageRecord): Platform | undefined {
  return platform === undefined ? undefined : readPlatform(platform);
}

const layerTypes: Readonly<Record<LayerBlob['compression'], string>> = {
  none: mediaTypes.layer,
  gzip: mediaTypes.layerGzip,
  zstd: mediaTypes.layerZstd,
};

function manifestFor(config: Uint8Array, layers: readonly LayerBlob[]): OutgoingImage['manifest'] {
  const document = {
    schemaVersion: 2,
    mediaType: mediaTypes.manifest,
    config: { mediaType: mediaTypes.config, digest: sha256(config), size: config.length },
    layers: layers.map(({ digest, size, compression }) => ({ mediaType: layerTypes[compression], digest, size })),
  };
  const bytes = Buffer.from(JSON.stringify(document));
  return { mediaType: mediaTypes.manifest, digest: sha256(bytes), size: bytes.length, bytes };
}

/** The same tar gives the same bytes: the header holds no time and no name. */
async function compress(
  from: string,
  to: string,
  signal: AbortSignal | undefined,
): Promise<{ readonly blob: LayerBlob; readonly plainDigest: string }> {
  const [plainHash, hash] = [createHash('sha256'), createHash('sha256')];
  const through = (target: typeof hash): Transform =>
    new Transform({
      transform(chunk: Uint8Array, _encoding, done) {
        target.update(chunk);
        done(null, chunk);
      },
    });
  await pipeline(
    createReadStream(from),
    through(plainHash),
    createGzip(),
    through(hash),
    createWriteStream(to, { flags: 'wx', mode: 0o600 }),
    signal === undefined ? {} : { signal },
  );
  const { size } = await stat(to);
  return {
    blob: { digest: `sha256:${hash.digest('hex')}`, size, compression: 'gzip' },
    plainDigest: `sha256:${plainHash.digest('hex')}`,
  };
}
