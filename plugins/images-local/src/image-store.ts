import { mkdir, stat, statfs } from 'node:fs/promises';
import type { Env, Logger } from '@timonel/sdk';
import {
  ImageError,
  type EnsuredImage,
  type ImageConfig,
  type ImageFilesystem,
  type ImageInfo,
  type ImageService,
  type PruneOptions,
  type PruneResult,
  type PullOptions,
} from '@timonel/sdk/contracts/images';
import type { ImageRegistry } from '@timonel/sdk/contracts/registry';
import type { ImagesLocalConfig } from './config.ts';
import { prepareDirectoryImage, realDirectory } from './directory-image.ts';
import { HostImageBuilder } from './host-image-builder.ts';
import { hostImageReference } from './host-image.ts';
import type { ImageRecord } from './image-index.ts';
import { ImportJob } from './import-job.ts';
import { LayerStore } from './layer-store.ts';
import { parsePlatform, pickPlatform, readPlatform } from './platform.ts';
import { storedBytes } from './prune.ts';
import { Puller } from './pull/puller.ts';
import { Semaphore } from './pull/semaphore.ts';
import { writeArchive, type NamedImage } from './push/export-archive.ts';
import { OutgoingImages } from './push/outgoing-image.ts';
import { pushImage } from './push/pusher.ts';
import { ImageRecords } from './records.ts';
import { isImageId, parseReference, registryReference, type ImageReference } from './reference.ts';
import { UnpackPool } from './unpack/unpack-pool.ts';

export interface ImageStoreOptions {
  readonly dataDir: string;
  readonly env: Env;
  readonly log: Logger;
  readonly config: ImagesLocalConfig;
  /** Undefined: nothing talks to registries here. */
  readonly registry?: () => ImageRegistry | undefined;
  /** One that several stores share: whoever made it closes it. */
  readonly pool?: UnpackPool;
}

/** Images in a directory of this node. Several processes may have the same directory open. */
export class ImageStore implements ImageService {
  readonly #options: ImageStoreOptions;
  readonly #layers: LayerStore;
  readonly #records: ImageRecords;
  readonly #pool: UnpackPool;
  readonly #host: HostImageBuilder;
  readonly #transfers: Semaphore;
  readonly #puller: Puller;
  readonly #outgoing: OutgoingImages;

  private constructor(options: ImageStoreOptions) {
    const { dataDir, env, log, config } = options;
    this.#options = options;
    this.#layers = new LayerStore(dataDir, env);
    this.#records = new ImageRecords(dataDir, env, this.#layers, config.lockTimeoutMs);
    this.#pool = options.pool ?? new UnpackPool(env, config.unpackThreads);
    this.#host = new HostImageBuilder(dataDir, env, log, this.#layers, this.#records);
    this.#transfers = new Semaphore(config.parallelTransfers);
    this.#puller = new Puller({
      ...options,
      store: this.#layers,
      records: this.#records,
      pool: this.#pool,
      transfers: this.#transfers,
    });
    this.#outgoing = new OutgoingImages(this.#layers, this.#records, this.#pool);
  }

  static async open(options: ImageStoreOptions): Promise<ImageStore> {
    await mkdir(options.dataDir, { recursive: true, mode: 0o700 });
    const store = new ImageStore(options);
    await store.#records.all();
    await store.#layers.prepare();
    return store;
  }

  /** Removes what interrupted pulls, imports and removals left; what they got of layers is kept for a while. */
  async sweep(): Promise<void> {
    await this.#layers.removeDeadScratch();
    await this.#trimPartials();
    for (const { id, references } of await this.#records.sweep()) {
      const image = references[0] ?? id;
      this.#options.log.warn(
        { image },
        'an image whose files were not all on the disk when the machine went down was removed',
      );
    }
  }

  /** Ends pulls and threads. */
  async close(): Promise<void> {
    await this.#puller.close();
    await this.#records.close();
    if (this.#options.pool === undefined) await this.#pool.close();
  }

  async find(reference: string): Promise<ImageInfo | undefined> {
    const record = await this.#findRecord(reference);
    return record && this.#records.info(record, isImageId(reference) ? undefined : parseReference(reference).name);
  }

  async ensure(
    reference: string,
    pullPolicy: 'Always' | 'IfNotPresent' | 'Never',
    options: PullOptions = {},
  ): Promise<EnsuredImage> {
    const found = await this.#findFor(reference, options.platform);
    const parsed = isImageId(reference) ? undefined : parseReference(reference);
    const registry = this.#options.registry?.();
    const mayAsk = pullPolicy === 'Always' && registry !== undefined && parsed !== undefined && !isLocal(parsed);
    if (found !== undefined && !mayAsk) {
      this.#records.noteUse(found.id);
      return { ...found, pulled: undefined };
    }
    if (pullPolicy === 'Never') {
      throw new ImageError(
        'ErrImageNeverPull',
        `image ${JSON.stringify(reference)} is not on this node and imagePullPolicy is Never`,
      );
    }
    if (registry === undefined || parsed === undefined || isLocal(parsed)) throw notHere(reference, parsed);
    const image = await this.#puller.pull(registry, parsed, options);
    this.#records.noteUse(image.id);
    return image;
  }

  async push(reference: string, options: PullOptions = {}): Promise<{ readonly digest: string }> {
    const parsed = parseReference(reference);
    const registry = this.#options.registry?.();
    if (parsed.digest !== '') throw pushError(parsed, 'give a tag to push to, no digest');
    if (registry === undefined)
      throw pushError(parsed, 'no plugin talks to registries here: enable registry-distribution');
    if (isLocal(parsed))
      throw pushError(parsed, 'timonel.local is this node itself; build or import it under the name of a registry');
    const record = await this.#findRecord(reference);
    if (record === undefined) throw pushError(parsed, 'it is not on this node: timonel image list shows what is');
    return this.#outgoing.withImage(record, options.signal, (image) =>
      pushImage(image, {
        registry,
        reference: registryReference(parsed),
        options,
        env: this.#options.env,
        parallelLayers: this.#options.config.parallelLayers,
        transfers: this.#transfers,
      }),
    );
  }

  async exportArchive(references: readonly string[], path: string): Promise<void> {
    if (references.length === 0) throw new ImageError('ImageInspectError', 'name at least one image to export');
    const wanted = await this.#recordsWithNames(references);
    const { env } = this.#options;
    const collect = async (rest: typeof wanted, ready: readonly NamedImage[]): Promise<void> => {
      const [next, ...others] = rest;
      if (next === undefined) return writeArchive(ready, path, env.random.uuid());
      return this.#outgoing.withImage(next.record, undefined, (image) =>
        collect(others, [...ready, { image, names: next.names }]),
      );
    };
    await collect(wanted, []);
  }

  async prune(options: PruneOptions): Promise<PruneResult> {
    const { all = false, bytes = 0, dryRun = false } = options;
    // Who needs room, or wants all to go, has no use for beginnings.
    if (!dryRun) await (all || bytes > 0 ? this.#layers.trimPartials(0, 0) : this.#trimPartials());
    return this.#records.prune(options, this.#options.config.pruneMinAgeMs);
  }

  async usage(): Promise<ImageFilesystem> {
    const path = this.#options.dataDir;
    const { blocks, bavail, bsize } = await statfs(path);
    const usedBytes = storedBytes(await this.#records.all()) + (await this.#trimPartials());
    return { path, usedBytes, capacityBytes: blocks * bsize, availableBytes: bavail * bsize };
  }

  async list(): Promise<readonly ImageInfo[]> {
    return (await this.#records.all()).map((record) => this.#records.info(record));
  }

  async importArchive(path: string, reference?: string): Promise<readonly ImageInfo[]> {
    const wanted = reference === undefined ? undefined : parseReference(reference).name;
    const found = await stat(path).catch((cause: unknown) => {
      const why = String((cause as { message?: unknown }).message ?? cause);
      throw new ImageError('ImageInspectError', `the archive ${path} cannot be read: ${why}`, { cause });
    });
    // Of a pipe or a device there may never be an end.
    if (!found.isFile()) throw new ImageError('ImageInspectError', `${path} is no file: give a tar of an image`);
    const { config, log } = this.#options;
    return this.#layers.withScratch(async (scratch) => {
      const known = await this.#records.knownLayers();
      const job = new ImportJob(this.#layers, this.#pool, known, config.limits, log, scratch);
      return this.#records.commit(await job.prepare(path, wanted));
    });
  }

  async buildFromDirectory(directory: string, reference: string, config: Partial<ImageConfig>): Promise<ImageInfo> {
    const { name } = parseReference(reference);
    const source = await realDirectory(directory);
    const { env, log } = this.#options;
    return this.#layers.withScratch(async (scratch) => {
      const means = { pool: this.#pool, limits: this.#options.config.limits, log, scratch };
      const prepared = await prepareDirectoryImage(source, name, config, env.clock.timestamp(), means);
      const [info] = await this.#records.commit([prepared]);
      if (info === undefined) throw new Error('an image that was just written is missing');
      return info;
    });
  }

  remove(reference: string): Promise<boolean> {
    return this.#records.remove(reference);
  }

  /** With a platform: only an image that is made for it. */
  async #findFor(reference: string, platform: string | undefined): Promise<ImageInfo | undefined> {
    const found = await this.find(reference);
    if (platform === undefined || found?.platform === undefined) return found;
    const fits = pickPlatform([readPlatform(found.platform)], (each) => each, parsePlatform(platform));
    return fits && found;
  }

  async #findRecord(reference: string): Promise<ImageRecord | undefined> {
    const { hostImage } = this.#options.config;
    if (hostImage && !isImageId(reference) && parseReference(reference).full === hostImageReference) {
      await this.#host.ensure();
    }
    return this.#records.find(reference);
  }

  async #recordsWithNames(references: readonly string[]): Promise<{ record: ImageRecord; names: string[] }[]> {
    const found = new Map<string, { record: ImageRecord; names: string[] }>();
    for (const reference of references) {
      const record = await this.#findRecord(reference);
      if (record === undefined) {
        throw new ImageError('ImageInspectError', `image ${JSON.stringify(reference)} is not on this node`);
      }
      const entry = found.get(record.id) ?? { record, names: [] };
      found.set(record.id, entry);
      // By id or digest it goes out under the names it has here.
      const parsed = isImageId(reference) ? undefined : parseReference(reference);
      const names = parsed === undefined || parsed.digest !== '' ? record.references : [parsed.full];
      for (const name of names) if (!name.includes('@') && !entry.names.includes(name)) entry.names.push(name);
    }
    return [...found.values()];
  }

  #trimPartials(): Promise<number> {
    const { partialMaxAgeMs, partialMaxBytes } = this.#options.config;
    return this.#layers.trimPartials(partialMaxAgeMs, partialMaxBytes);
  }
}

/** Names that mean this node and no registry. */
function isLocal({ repository }: ImageReference): boolean {
  return repository.startsWith('timonel.local/');
}

function notHere(reference: string, parsed: ImageReference | undefined): ImageError {
  const why =
    parsed === undefined || isLocal(parsed)
      ? 'it has no registry to come from'
      : 'no plugin talks to registries here (enable registry-distribution)';
  return new ImageError(
    'ErrImagePull',
    `image ${JSON.stringify(reference)} is not on this node, and ${why}; import it: timonel image import FILE (a docker-archive or OCI-layout tar)`,
  );
}

function pushError({ full }: ImageReference, why: string): ImageError {
  return new ImageError('ErrImagePush', `image ${JSON.stringify(full)} cannot be pushed: ${why}`);
}
