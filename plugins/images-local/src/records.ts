import type { Env } from '@timonel/sdk';
import { ImageError, type ImageInfo, type PruneOptions, type PruneResult } from '@timonel/sdk/contracts/images';
import { hostImageReference } from './host-image.ts';
import { ImageIndex, type ImageRecord, type LayerRecord } from './image-index.ts';
import type { LayerStore, NewBlob } from './layer-store.ts';
import { pickPlatform, readPlatform, type Platform } from './platform.ts';
import { planPrune } from './prune.ts';
import { isImageId, parseReference } from './reference.ts';
import { bootId, Settling, survived } from './settling.ts';
import { StoreLock } from './store-lock.ts';

/** Code of the error when another process removed a layer that an image to be kept counts on. */
export const layerGone = 'ERR_LAYER_GONE';

/** An image that is complete in scratch and only has to be moved in place. */
export interface PreparedImage {
  readonly record: ImageRecord;
  /** By digest: configuration, manifest, tars of layers. */
  readonly blobs: ReadonlyMap<string, NewBlob>;
  /** Newly unpacked layers: chain id to scratch directory. */
  readonly unpacked: ReadonlyMap<string, string>;
}

/** Which images the store has. Every change is made under the store's lock, and seen by the other processes that have the store open. */
export class ImageRecords {
  readonly #env: Env;
  readonly #layers: LayerStore;
  readonly #index: ImageIndex;
  readonly #lock: StoreLock;
  readonly #settling: Settling;
  /** Uses since the index was last written. */
  readonly #used: Map<string, number> = new Map();
  /** Layers that work under way counts on, and how often. */
  readonly #pins: Map<string, number> = new Map();

  constructor(dataDir: string, env: Env, layers: LayerStore, lockTimeoutMs: number) {
    this.#env = env;
    this.#layers = layers;
    this.#index = new ImageIndex(dataDir);
    this.#lock = new StoreLock(dataDir, env, lockTimeoutMs);
    this.#settling = new Settling({
      marks: async () => (await this.all()).flatMap(({ unsettled }) => (unsettled === undefined ? [] : [unsettled])),
      flush: (signal) => layers.flush(signal),
      clear: (marks) => this.#clearMarks(marks),
    });
  }

  async all(): Promise<readonly ImageRecord[]> {
    return (await this.#index.read()).images;
  }

  /** By name, name and digest, or id. @throws ImageError InvalidImageName */
  async find(reference: string): Promise<ImageRecord | undefined> {
    return recordFor(await this.all(), reference);
  }

  /** The image of a manifest or index for a machine. */
  async byManifest(digest: string, wanted: Platform): Promise<ImageRecord | undefined> {
    const fits = ({ platform = '' }: ImageRecord): boolean =>
      platform === '' || pickPlatform([readPlatform(platform)], (each) => each, wanted) !== undefined;
    return (await this.all()).find((image) => image.manifestDigests.includes(digest) && fits(image));
  }

  /** Layers that images in the store have, by chain id. */
  async knownLayers(): Promise<ReadonlyMap<string, LayerRecord>> {
    const layers = (await this.all()).flatMap((image) => image.layers);
    return new Map(layers.map((layer) => [layer.chainId, layer]));
  }

  /** A container is being made of it. */
  noteUse(id: string): void {
    this.#used.set(id, this.#env.clock.now());
  }

  /** Keeps layers, also when the last image that has them goes, until the returned function is called. */
  pin(chainIds: readonly string[]): () => void {
    for (const id of chainIds) this.#pins.set(id, (this.#pins.get(id) ?? 0) + 1);
    return () => {
      for (const id of chainIds) {
        const left = (this.#pins.get(id) ?? 1) - 1;
        if (left > 0) this.#pins.set(id, left);
        else this.#pins.delete(id);
      }
    };
  }

  /** Makes prepared images part of the store, all at once. They are marked until their files are on the disk. */
  async commit(prepared: readonly PreparedImage[]): Promise<readonly ImageInfo[]> {
    const unsettled = `${await bootId()} ${this.#env.random.uuid()}`;
    const infos = await this.#lock.run(async () => {
      const known = await this.all();
      for (const { unpacked, record, blobs } of prepared) {
        for (const [chainId, path] of unpacked) await this.#layers.adoptLayer(chainId, path);
        for (const { chainId } of record.layers) await this.#requireLayer(chainId);
        for (const [digest, blob] of blobs) await this.#layers.putBlob(digest, blob);
      }
      let images: readonly ImageRecord[] = known;
      const usedAt = this.#env.clock.now();
      for (const { record } of prepared) images = withImage(images, { ...record, usedAt, unsettled });
      await this.#write(images);
      return prepared.map(({ record }) => this.info(first(images.filter(({ id }) => id === record.id))));
    });
    this.#settling.begin();
    return infos;
  }

  /** Resolves when nothing is written by itself any more. */
  close(): Promise<void> {
    return this.#settling.close();
  }

  /** Gives an image that is here one more name. Undefined: it is not here any more. */
  async addReference(id: string, name: string): Promise<ImageInfo | undefined> {
    return this.#lock.run(async () => {
      const known = await this.all();
      const found = known.find((image) => image.id === id);
      if (found === undefined) return undefined;
      const images = withImage(known, {
        ...found,
        references: [...found.references, name],
        usedAt: this.#env.clock.now(),
      });
      await this.#write(images);
      return this.info(first(images.filter((image) => image.id === id)), name);
    });
  }

  /** Puts blobs beside an image that is there, and changes its record. */
  async addBlobs(
    id: string,
    blobs: ReadonlyMap<string, NewBlob>,
    change: (record: ImageRecord) => ImageRecord,
  ): Promise<void> {
    await this.#layers.flush();
    await this.#lock.run(async () => {
      const known = await this.all();
      if (!known.some((image) => image.id === id)) return;
      for (const [digest, blob] of blobs) await this.#layers.putBlob(digest, blob);
      await this.#layers.flushNames();
      const images = known.map((image) => (image.id === id ? change(image) : image));
      await this.#write(images);
      await this.#removeUnused(images);
    });
  }

  async remove(reference: string): Promise<boolean> {
    const name = isImageId(reference) ? undefined : parseReference(reference).full;
    return this.#lock.run(async () => {
      const images = await this.all();
      const record = recordFor(images, reference);
      if (record === undefined) return false;
      const rest = name === undefined ? [] : record.references.filter((each) => each !== name);
      const others = images.filter((image) => image !== record);
      // By digest no reference is named: then the image goes as with its id.
      const kept =
        rest.length === 0 || rest.length === record.references.length
          ? others
          : [...others, { ...record, references: rest }];
      await this.#write(kept);
      await this.#removeUnused(kept);
      return true;
    });
  }

  async prune(options: PruneOptions, minAgeMs: number): Promise<PruneResult> {
    return this.#lock.run(async () => {
      for (const id of options.inUse) this.noteUse(id);
      const images = this.#withUses(await this.all());
      const plan = planPrune(images, options, this.#env.clock.now() - minAgeMs, (record) =>
        record.references.includes(hostImageReference),
      );
      if (options.dryRun === true) return plan;
      const gone = new Set(plan.removed.map(({ id }) => id));
      const kept = images.filter(({ id }) => !gone.has(id));
      await this.#write(kept);
      if (gone.size > 0) await this.#removeUnused(kept);
      return plan;
    });
  }

  /** Removes layers and blobs that no image has, and images whose files a loss of power may have cut. Returns these. */
  async sweep(): Promise<readonly ImageRecord[]> {
    const boot = await bootId();
    const lost = await this.#lock.run(async () => {
      const images = await this.all();
      const [kept, cut] = [
        images.filter((image) => survived(image, boot)),
        images.filter((image) => !survived(image, boot)),
      ];
      if (cut.length > 0) await this.#write(kept);
      await this.#removeUnused(kept);
      return cut;
    });
    this.#settling.begin();
    return lost;
  }

  info(record: ImageRecord, reference?: string): ImageInfo {
    return {
      id: record.id,
      references: record.references,
      sizeBytes: record.layers.reduce((sum, layer) => sum + layer.sizeBytes, 0),
      created: record.created,
      config: record.config,
      digests: record.manifestDigests,
      ...(record.platform === undefined ? {} : { platform: record.platform }),
      rootfs: {
        imageId: record.id,
        reference: reference ?? record.references[0] ?? record.id,
        layers: record.layers.map(({ chainId }) => this.#layers.layerPath(chainId)).reverse(),
      },
    };
  }

  async #clearMarks(marks: ReadonlySet<string>): Promise<void> {
    await this.#lock.run(async () => {
      const images = await this.all();
      await this.#write(
        images.map((image) => (marks.has(image.unsettled ?? '') ? { ...image, unsettled: undefined } : image)),
      );
    });
  }

  async #write(images: readonly ImageRecord[]): Promise<void> {
    const written = [...this.#used];
    await this.#index.write(this.#withUses(images));
    // One that was noted meanwhile stays for the next time.
    for (const [id, usedAt] of written) if (this.#used.get(id) === usedAt) this.#used.delete(id);
  }

  #withUses(images: readonly ImageRecord[]): readonly ImageRecord[] {
    return images.map((image) => {
      const usedAt = Math.max(image.usedAt ?? 0, this.#used.get(image.id) ?? 0);
      return usedAt === (image.usedAt ?? 0) ? image : { ...image, usedAt };
    });
  }

  async #requireLayer(chainId: string): Promise<void> {
    if (await this.#layers.hasLayer(chainId)) return;
    const error = new ImageError('ImageInspectError', `the layer ${chainId} was removed meanwhile; try again`);
    throw Object.assign(error, { code: layerGone });
  }

  async #removeUnused(images: readonly ImageRecord[]): Promise<void> {
    const layers = new Set([
      ...images.flatMap((image) => image.layers.map(({ chainId }) => chainId)),
      ...this.#pins.keys(),
    ]);
    await this.#layers.removeAllBut(layers, new Set(images.flatMap(blobsOf)));
  }
}

/** Digests of the blobs that a record names. */
function blobsOf({ id, layers, manifest }: ImageRecord): readonly string[] {
  return [
    id,
    ...(manifest === undefined ? [] : [manifest.digest]),
    ...layers.flatMap(({ blob }) => (blob === undefined ? [] : [blob.digest])),
  ];
}

/** A reference names one image: it moves from the image that had it before, which keeps its layers (it may be running). */
function withImage(images: readonly ImageRecord[], record: ImageRecord): readonly ImageRecord[] {
  const before = images.find((image) => image.id === record.id);
  const others = images
    .filter((image) => image.id !== record.id)
    .map((image) => ({
      ...image,
      references: image.references.filter((reference) => !record.references.includes(reference)),
    }));
  const references = [...new Set([...(before?.references ?? []), ...record.references])];
  const manifestDigests = [...new Set([...(before?.manifestDigests ?? []), ...record.manifestDigests])];
  return [...others, { ...record, ...keptContent(before, record), references, manifestDigests }];
}

// A manifest and the tars it names belong together: of two the newer is kept, and neither is lost to an image that came without.
function keptContent(before: ImageRecord | undefined, record: ImageRecord): Pick<ImageRecord, 'layers' | 'manifest'> {
  if (before === undefined || record.manifest !== undefined)
    return { layers: record.layers, manifest: record.manifest };
  if (before.manifest !== undefined) return { layers: before.layers, manifest: before.manifest };
  const layers = record.layers.map((layer, i) => ({ ...layer, blob: layer.blob ?? before.layers[i]?.blob }));
  return { layers, manifest: undefined };
}

function recordFor(images: readonly ImageRecord[], reference: string): ImageRecord | undefined {
  if (isImageId(reference)) return images.find((image) => image.id === reference);
  const { repository, digest, full } = parseReference(reference);
  if (digest === '') return images.find((image) => image.references.includes(full));
  return images.find(
    (image) =>
      (image.id === digest || image.manifestDigests.includes(digest)) &&
      image.references.some((each) => parseReference(each).repository === repository),
  );
}

function first<T>(items: readonly T[]): T {
  const [item] = items;
  if (item === undefined) throw new Error('an image that was just written is missing');
  return item;
}
