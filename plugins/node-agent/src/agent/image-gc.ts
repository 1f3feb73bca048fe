/** Frees the filesystem of images when it is nearly full, as the kubelet does. */
import { errorMessage, type Env, type Logger, type Many, type TimerHandle } from '@timonel/sdk';
import type { ImageService } from '@timonel/sdk/contracts/images';
import type { ContainerRuntime } from '@timonel/sdk/contracts/runtime';
import type { Pod } from '@timonel/sdk/kube';
import { imageSourceOf } from '../plan/wanted-images.ts';

export interface ImageGcPolicy {
  /** From so many percent of the filesystem in use on images are removed; 100: never. */
  readonly highThresholdPercent: number;
  /** Until so many are in use. */
  readonly lowThresholdPercent: number;
}

export interface ImageGcParts {
  readonly images: Pick<ImageService, 'find' | 'prune' | 'usage'>;
  readonly runtimes: Many<Pick<ContainerRuntime, 'listContainers'>>;
  /** Those of this node. */
  pods(): Iterable<Pod>;
  readonly env: Env;
  readonly log: Logger;
  readonly policy: ImageGcPolicy;
}

const periodMs = 300_000;

export class ImageGc {
  readonly #parts: ImageGcParts;
  #timer: TimerHandle | undefined;
  #round: Promise<void> | undefined;

  constructor(parts: ImageGcParts) {
    this.#parts = parts;
  }

  start(): void {
    this.#timer ??= this.#parts.env.timers.every(periodMs, () => void this.run());
  }

  async stop(): Promise<void> {
    this.#timer?.cancel();
    this.#timer = undefined;
    await this.#round;
  }

  /** One look, and what follows from it. Two at a time are one. */
  run(): Promise<void> {
    this.#round ??= this.#look()
      .catch((error: unknown) =>
        this.#parts.log.warn({ error: errorMessage(error) }, 'images could not be looked over'),
      )
      .finally(() => (this.#round = undefined));
    return this.#round;
  }

  /** All images that nobody uses: the disk is short. */
  async removeUnused(): Promise<void> {
    const inUse = await this.#inUse();
    if (inUse === undefined) return;
    const { removed, freedBytes } = await this.#parts.images.prune({ inUse, all: true });
    if (removed.length === 0) return;
    const images = removed.map(({ references, id }) => references[0] ?? id);
    this.#parts.log.info({ images, freedBytes }, 'images removed that nobody uses: the disk is short');
  }

  async #look(): Promise<void> {
    const { images, policy, log } = this.#parts;
    const inUse = await this.#inUse();
    if (inUse === undefined) return;
    const { capacityBytes, availableBytes } = await images.usage();
    const usedPercent = capacityBytes === 0 ? 0 : 100 - Math.floor((availableBytes * 100) / capacityBytes);
    const isFull = policy.highThresholdPercent < 100 && usedPercent >= policy.highThresholdPercent;
    const bytes = isFull ? Math.ceil((capacityBytes * (100 - policy.lowThresholdPercent)) / 100) - availableBytes : 0;
    // With nothing to free it only notes which images are in use, so that the others are the ones to go later.
    const { removed, freedBytes } = await images.prune({ inUse, bytes: Math.max(0, bytes) });
    if (bytes <= 0) return;
    log.info(
      { usedPercent, images: removed.map(({ references, id }) => references[0] ?? id), freedBytes },
      'images removed: the disk is nearly full',
    );
    if (freedBytes < bytes) {
      log.warn(
        { wantedBytes: bytes, freedBytes, usedPercent },
        'Failed to garbage collect required amount of images: all others are in use or were used a moment ago; make room, or move other data away',
      );
    }
  }

  /** What containers are made of in whatever state they are, and what the pods of this node name. Undefined: not to be known now. */
  async #inUse(): Promise<readonly string[] | undefined> {
    const { images, runtimes } = this.#parts;
    const providers = runtimes.all();
    if (providers.length === 0) return undefined;
    const lists = await Promise.all(providers.map(({ service }) => service.listContainers()));
    const ids = new Set(lists.flat().map(({ imageId }) => imageId));
    const named = new Set([...this.#parts.pods()].flatMap(imagesOf));
    for (const reference of named) {
      // A name that cannot be is that of no image here.
      const found = await images.find(reference).catch(() => undefined);
      if (found !== undefined) ids.add(found.id);
    }
    return [...ids];
  }
}

function imagesOf({ spec }: Pod): readonly string[] {
  const containers = [...(spec.initContainers ?? []), ...spec.containers, ...(spec.ephemeralContainers ?? [])];
  const volumes = (spec.volumes ?? []).map((volume) => ({ image: imageSourceOf(volume)?.reference }));
  return [...containers, ...volumes].flatMap(({ image = '' }) => (image === '' ? [] : [image]));
}
