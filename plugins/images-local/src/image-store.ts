import { mkdir, realpath, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Env, Logger } from '@timonel/sdk';
import {
  ImageError,
  type EnsuredImage,
  type ImageConfig,
  type ImageFilesystem,
  type ImageInfo,
  type ImageService,
  type PruneResult,
} from '@timonel/sdk/contracts/images';
import { ImportJob, type PreparedImage } from './import-job.ts';
import type { ImagesLocalConfig } from './config.ts';
import { packDirectory } from './directory-tar.ts';
import {
  currentHostImageId,
  describeHostImage,
  hostImageReference,
  rememberHostImage,
  writeHostLayer,
} from './host-image.ts';
import { completeConfig, encodeConfiguration } from './image-configuration.ts';
import { ImageIndex, type ImageRecord } from './image-index.ts';
import { LayerStore, sha256 } from './layer-store.ts';
import { makeDirectory } from './layer-tree.ts';
import { unpackLayer } from './layer-unpack.ts';
import { isImageId, parseReference } from './reference.ts';
import { StoreLock } from './store-lock.ts';
import { readTar } from './tar-entries.ts';

export interface ImageStoreOptions {
  readonly dataDir: string;
  readonly env: Env;
  readonly log: Logger;
  readonly config: ImagesLocalConfig;
}

/** Images in a directory of this node. Several processes may have the same directory open. */
export class ImageStore implements ImageService {
  readonly #env: Env;
  readonly #log: Logger;
  readonly #config: ImagesLocalConfig;
  readonly #index: ImageIndex;
  readonly #layers: LayerStore;
  readonly #lock: StoreLock;
  readonly #hostStatePath: string;
  #hostImage: Promise<void> | undefined;

  private constructor({ dataDir, env, log, config }: ImageStoreOptions) {
    this.#env = env;
    this.#log = log;
    this.#config = config;
    this.#index = new ImageIndex(dataDir);
    this.#layers = new LayerStore(dataDir, env);
    this.#lock = new StoreLock(dataDir, env, config.lockTimeoutMs);
    this.#hostStatePath = join(dataDir, 'host-image.json');
  }

  static async open(options: ImageStoreOptions): Promise<ImageStore> {
    await mkdir(options.dataDir, { recursive: true, mode: 0o700 });
    const store = new ImageStore(options);
    await store.#index.read();
    await store.#layers.prepare();
    return store;
  }

  /** Removes what interrupted imports and removals left. */
  async sweep(): Promise<void> {
    await this.#layers.removeDeadScratch();
    await this.#lock.run(async () => this.#removeUnused((await this.#index.read()).images));
  }

  async find(reference: string): Promise<ImageInfo | undefined> {
    const record = await this.#findRecord(reference);
    return record && this.#info(record, isImageId(reference) ? undefined : parseReference(reference).full);
  }

  // Always means: ask the registry for a newer one. There is no registry client yet, so the local image is the newest.
  async ensure(reference: string, pullPolicy: 'Always' | 'IfNotPresent' | 'Never'): Promise<EnsuredImage> {
    const found = await this.find(reference);
    if (found !== undefined) return { ...found, pulled: undefined };
    if (pullPolicy === 'Never') {
      throw new ImageError(
        'ErrImageNeverPull',
        `image ${JSON.stringify(reference)} is not on this node and imagePullPolicy is Never`,
      );
    }
    throw new ImageError(
      'ErrImagePull',
      `image ${JSON.stringify(reference)} is not on this node, and pulling from registries is not available yet; import it: timonel image import FILE (a docker-archive or OCI-layout tar)`,
    );
  }

  async push(reference: string): Promise<{ readonly digest: string }> {
    throw new ImageError('ErrImagePush', `${reference}: pushing to registries is not available yet`);
  }

  async exportArchive(references: readonly string[]): Promise<void> {
    throw new ImageError('ImageInspectError', `${references.join(', ')}: exporting is not available yet`);
  }

  async prune(): Promise<PruneResult> {
    return { removed: [], freedBytes: 0 };
  }

  async usage(): Promise<ImageFilesystem> {
    throw new ImageError('ImageInspectError', 'the usage is not available yet');
  }

  async list(): Promise<readonly ImageInfo[]> {
    return (await this.#index.read()).images.map((record) => this.#info(record));
  }

  async importArchive(path: string, reference?: string): Promise<readonly ImageInfo[]> {
    const wanted = reference === undefined ? undefined : parseReference(reference).full;
    await stat(path).catch((cause: unknown) => {
      throw new ImageError('ImageInspectError', `the archive ${path} cannot be read: ${messageOf(cause)}`, { cause });
    });
    return this.#layers.withScratch(async (scratch) => {
      const job = new ImportJob(this.#layers, await this.#knownLayers(), this.#config.limits, this.#log, scratch);
      return this.#commit(await job.prepare(path, wanted), true);
    });
  }

  async buildFromDirectory(directory: string, reference: string, config: Partial<ImageConfig>): Promise<ImageInfo> {
    const { full } = parseReference(reference);
    const source = await realpath(directory).catch((cause: unknown) => {
      throw new ImageError('ImageInspectError', `the directory ${directory} cannot be read: ${messageOf(cause)}`, {
        cause,
      });
    });
    if (!(await stat(source)).isDirectory())
      throw new ImageError('ImageInspectError', `${directory} is not a directory`);
    return this.#layers.withScratch(async (scratch) => {
      const root = join(scratch, 'layer');
      await makeDirectory(root);
      const { limits } = this.#config;
      const what = `the directory ${directory}`;
      const layer = await unpackLayer(
        (visit) => readTar([packDirectory(source, this.#log)], what, limits.maxLayerBytes, visit),
        root,
        [],
        limits,
        this.#log,
      );
      const complete = completeConfig(config);
      const created = this.#env.clock.timestamp();
      const blob = encodeConfiguration(complete, [layer.digest], created);
      const record: ImageRecord = {
        id: sha256(blob),
        references: [full],
        manifestDigests: [],
        layers: [{ chainId: layer.digest, sizeBytes: layer.unpackedBytes }],
        created,
        config: complete,
      };
      return first(await this.#commit([{ record, blob, unpacked: new Map([[layer.digest, root]]) }], true));
    });
  }

  async remove(reference: string): Promise<boolean> {
    const name = isImageId(reference) ? undefined : parseReference(reference).full;
    return this.#lock.run(async () => {
      const { images } = await this.#index.read();
      const record = recordFor(images, reference);
      if (record === undefined) return false;
      const rest = name === undefined ? [] : record.references.filter((each) => each !== name);
      const others = images.filter((image) => image !== record);
      // By digest no reference is named: then the image goes as with its id.
      const kept =
        rest.length === 0 || rest.length === record.references.length
          ? others
          : [...others, { ...record, references: rest }];
      await this.#index.write(kept);
      await this.#removeUnused(kept);
      return true;
    });
  }

  async #findRecord(reference: string): Promise<ImageRecord | undefined> {
    if (!isImageId(reference) && parseReference(reference).full === hostImageReference && this.#config.hostImage) {
      await this.#ensureHostImage();
    }
    return recordFor((await this.#index.read()).images, reference);
  }

  // One build at a time, whoever asks.
  #ensureHostImage(): Promise<void> {
    this.#hostImage ??= this.#buildHostImage().finally(() => (this.#hostImage = undefined));
    return this.#hostImage;
  }

  async #buildHostImage(): Promise<void> {
    const nodePath = await realpath(process.execPath);
    const current = await currentHostImageId(this.#hostStatePath, nodePath);
    const { images } = await this.#index.read();
    const named = images.find((image) => image.references.includes(hostImageReference));
    // Someone may have imported an image of their own under this name: theirs stays.
    const isOwn = named?.config.labels['timonel.local/built-from'] === 'host';
    if (named !== undefined && (!isOwn || named.id === current)) return;
    const startMs = this.#env.clock.monotonic();
    const image = await describeHostImage(nodePath);
    await this.#layers.withScratch(async (scratch) => {
      const root = join(scratch, 'layer');
      await mkdir(root);
      await writeHostLayer(root, image);
      const record: ImageRecord = {
        id: image.id,
        references: [hostImageReference],
        manifestDigests: [],
        layers: [{ chainId: image.diffId, sizeBytes: image.sizeBytes }],
        created: '',
        config: image.config,
      };
      await this.#commit([{ record, blob: image.configuration, unpacked: new Map([[image.diffId, root]]) }], false);
    });
    await rememberHostImage(this.#hostStatePath, nodePath, image);
    const tookMs = Math.round(this.#env.clock.monotonic() - startMs);
    this.#log.info({ image: hostImageReference, files: image.files.length, tookMs }, 'image made from this host');
  }

  /** Makes prepared images part of the store, all at once. */
  async #commit(prepared: readonly PreparedImage[], durable: boolean): Promise<readonly ImageInfo[]> {
    return this.#lock.run(async () => {
      const known = (await this.#index.read()).images;
      for (const { unpacked, record } of prepared) {
        for (const [chainId, path] of unpacked) await this.#layers.adoptLayer(chainId, path);
        for (const { chainId } of record.layers) await this.#requireLayer(chainId);
      }
      if (durable) await this.#layers.flush();
      let images: readonly ImageRecord[] = known;
      for (const { record, blob } of prepared) {
        await this.#layers.putBlob(record.id, blob);
        images = withImage(images, record);
      }
      await this.#index.write(images);
      return prepared.map(({ record }) => this.#info(first(images.filter(({ id }) => id === record.id))));
    });
  }

  async #knownLayers(): Promise<ReadonlyMap<string, number>> {
    const layers = (await this.#index.read()).images.flatMap((image) => image.layers);
    return new Map(layers.map(({ chainId, sizeBytes }) => [chainId, sizeBytes]));
  }

  async #requireLayer(chainId: string): Promise<void> {
    if (await this.#layers.hasLayer(chainId)) return;
    throw new ImageError('ImageInspectError', `the layer ${chainId} was removed during the import; import again`);
  }

  async #removeUnused(images: readonly ImageRecord[]): Promise<void> {
    const layers = new Set(images.flatMap((image) => image.layers.map(({ chainId }) => chainId)));
    await this.#layers.removeAllBut(layers, new Set(images.map((image) => image.id)));
  }

  #info(record: ImageRecord, reference?: string): ImageInfo {
    return {
      id: record.id,
      references: record.references,
      sizeBytes: record.layers.reduce((sum, layer) => sum + layer.sizeBytes, 0),
      created: record.created,
      config: record.config,
      rootfs: {
        imageId: record.id,
        reference: reference ?? record.references[0] ?? record.id,
        layers: record.layers.map(({ chainId }) => this.#layers.layerPath(chainId)).reverse(),
      },
    };
  }
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
  return [...others, { ...record, references, manifestDigests }];
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

function messageOf(error: unknown): string {
  return String((error as { message?: unknown }).message ?? error);
}
