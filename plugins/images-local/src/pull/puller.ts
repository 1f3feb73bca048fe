import { statfs } from 'node:fs/promises';
import type { Env, Logger } from '@timonel/sdk';
import { ImageError, type EnsuredImage, type ImageInfo, type PullOptions } from '@timonel/sdk/contracts/images';
import type { ImageReference as RegistryReference, ImageRegistry } from '@timonel/sdk/contracts/registry';
import type { ImagesLocalConfig } from '../config.ts';
import { sha256, type LayerStore } from '../layer-store.ts';
import { nodePlatform, parsePlatform } from '../platform.ts';
import { layerGone, type ImageRecords } from '../records.ts';
import { registryReference, type ImageReference } from '../reference.ts';
import type { UnpackPool } from '../unpack/unpack-pool.ts';
import { ProgressBoard } from './progress.ts';
import { PullJob } from './pull-job.ts';
import { asPullError, readRemoteImage, type RemoteImage, type RemoteSource } from './remote-image.ts';
import { Semaphore } from './semaphore.ts';
import { SharedWork, type WorkContext } from './shared-work.ts';

const maxTries = 5;

export interface PullerParts {
  readonly dataDir: string;
  readonly env: Env;
  readonly log: Logger;
  readonly config: ImagesLocalConfig;
  readonly store: LayerStore;
  readonly records: ImageRecords;
  readonly pool: UnpackPool;
  readonly transfers: Semaphore;
}

interface Fetched {
  readonly info: ImageInfo;
  readonly bytes: number;
}

/** Brings images from registries into the store. */
export class Puller {
  readonly #parts: PullerParts;
  readonly #shared: SharedWork<EnsuredImage> = new SharedWork();

  constructor(parts: PullerParts) {
    this.#parts = parts;
  }

  close(): Promise<void> {
    return this.#shared.close();
  }

  /** Asks the registry which image the name means, and fetches it when it is not the one that is here. @throws ImageError */
  async pull(registry: ImageRegistry, reference: ImageReference, options: PullOptions): Promise<EnsuredImage> {
    const { credentials = [], platform, plainHttp = false } = options;
    const wanted = platform === undefined ? nodePlatform() : parsePlatform(platform);
    // Whoever has other credentials must not get what these ones open.
    const key = JSON.stringify([reference.full, wanted, plainHttp, sha256(JSON.stringify(credentials))]);
    try {
      return await this.#shared.join(key, options, (context) =>
        this.#pull(registryReference(reference), reference, wanted, context, {
          registry,
          access: { credentials, plainHttp, signal: context.signal },
        }),
      );
    } catch (error) {
      throw asPullError(reference.full, error);
    }
  }

  async #pull(
    target: RegistryReference,
    reference: ImageReference,
    wanted: ReturnType<typeof nodePlatform>,
    context: WorkContext,
    { registry, access }: Omit<RemoteSource, 'reference'>,
  ): Promise<EnsuredImage> {
    const { env, log, config } = this.#parts;
    const startMs = env.clock.monotonic();
    const board = new ProgressBoard(
      (progress) => context.report(progress),
      () => env.clock.monotonic(),
    );
    const source = { registry, reference: target, access };
    const top = await registry.resolve(target, access);
    if (target.digest !== '' && top.digest !== target.digest) {
      throw new ImageError('ErrImagePull', `the registry has ${top.digest} for ${reference.full}: refused`);
    }
    const here = await this.#alreadyHere(reference, top.digest, wanted);
    if (here !== undefined) {
      board.setPhase('done');
      return { ...here, pulled: undefined };
    }
    const image = await readRemoteImage(source, top.digest, wanted, config.limits);
    context.signal.throwIfAborted();
    const { info, bytes } = await this.#fetchWhole(reference, source, image, board);
    board.setPhase('done');
    const durationMs = Math.round(env.clock.monotonic() - startMs);
    log.info({ image: reference.full, digest: top.digest, bytes, tookMs: durationMs }, 'image pulled');
    return { ...info, pulled: { bytes, durationMs } };
  }

  async #alreadyHere(
    reference: ImageReference,
    digest: string,
    wanted: ReturnType<typeof nodePlatform>,
  ): Promise<ImageInfo | undefined> {
    const { records } = this.#parts;
    const found = await records.byManifest(digest, wanted);
    if (found === undefined) return undefined;
    if (found.references.includes(reference.name)) return records.info(found, reference.name);
    // Known under another name: it gets this one too.
    return records.addReference(found.id, reference.name);
  }

  /** Another process may remove a layer that was here, and again: then it is fetched too. */
  async #fetchWhole(
    reference: ImageReference,
    source: RemoteSource,
    image: RemoteImage,
    board: ProgressBoard,
  ): Promise<Fetched> {
    for (let tries = 1; ; tries++) {
      try {
        return await this.#fetch(reference, source, image, board);
      } catch (error) {
        if ((error as { readonly code?: unknown }).code !== layerGone || tries === maxTries) throw error;
      }
    }
  }

  async #fetch(
    reference: ImageReference,
    source: RemoteSource,
    image: RemoteImage,
    board: ProgressBoard,
  ): Promise<Fetched> {
    const { config, log, pool, records, store, transfers } = this.#parts;
    const unpin = records.pin(image.layers.map(({ chainId }) => chainId));
    try {
      const known = await this.#usableLayers(image);
      await this.#requireRoom(image, known);
      return await store.withScratch(async (scratch) => {
        const means = { store, pool, log, transfers, limits: config.limits, parallelLayers: config.parallelLayers };
        const job = new PullJob(means, source, image, scratch, board);
        const prepared = await job.run(reference.name, known);
        board.setPhase('unpacking');
        const [info] = await records.commit([prepared]);
        if (info === undefined) throw new Error('an image that was just written is missing');
        return { info, bytes: job.fetchedBytes };
      });
    } finally {
      unpin();
    }
  }

  async #usableLayers(image: RemoteImage): ReturnType<ImageRecords['knownLayers']> {
    const known = new Map(await this.#parts.records.knownLayers());
    for (const { chainId } of image.layers) {
      if (known.has(chainId) && !(await this.#parts.store.hasLayer(chainId))) known.delete(chainId);
    }
    return known;
  }

  async #requireRoom(image: RemoteImage, known: ReadonlyMap<string, unknown>): Promise<void> {
    const needed = image.layers.filter(({ chainId }) => !known.has(chainId)).reduce((sum, { size }) => sum + size, 0);
    const { bavail, bsize } = await statfs(this.#parts.dataDir);
    if (needed > bavail * bsize) {
      throw new ImageError(
        'ErrImagePull',
        `the layers need ${needed} bytes, and ${bavail * bsize} are free in ${this.#parts.dataDir}; make room: timonel image prune`,
      );
    }
  }
}
