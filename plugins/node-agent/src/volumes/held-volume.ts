/** One volume of a pod: who serves it, what it depends on, and when it is to be looked at again. */
import { errorMessage, type TimerHandle, type Timers } from '@timonel/sdk';
import { VolumeError } from '@timonel/sdk/contracts/volume';
import type { Pod } from '@timonel/sdk/kube';
import type { SourceKey } from '../checkpoint/references.ts';
import type { FollowedObjects, SeenVersion } from './followed-objects.ts';
import type { ReadyVolume, Served, ServedVolumes, VolumeUse } from './served-volumes.ts';
import type { Reads } from './volume-node.ts';

export interface HeldVolumeParts {
  readonly served: ServedVolumes;
  readonly objects: FollowedObjects;
  readonly timers: Timers;
  /** It is to be prepared again. */
  due(): void;
}

const firstRetryMs = 1000;
const longestRetryMs = 120_000;

/** What of a pod its volumes may show. */
function shownOf({ metadata: { generation, labels, annotations } }: Pod): string {
  return JSON.stringify([generation, labels, annotations]);
}

export class HeldVolume {
  readonly #parts: HeldVolumeParts;
  #served: Served | undefined;
  /** What it is made of, as far as it follows that. */
  #reads: Reads = new Map();
  #asked: Reads = new Map();
  #shown = '';
  #timer: TimerHandle | undefined;
  #failures = 0;
  /** Of the last failure. */
  #message = '';
  #closed = false;

  constructor(parts: HeldVolumeParts) {
    this.#parts = parts;
  }

  get isClosed(): boolean {
    return this.#closed;
  }

  /** All that it was made of last. */
  get asked(): Iterable<SourceKey> {
    return this.#asked.keys();
  }

  get served(): Served | undefined {
    return this.#served;
  }

  /** @throws VolumeError, whose message names the volume */
  async prepare(use: VolumeUse): Promise<ReadyVolume> {
    const reads: Reads = new Map();
    try {
      const served = await this.#parts.served.prepare(use, reads);
      this.#served = served;
      this.#asked = reads;
      const { follows = false, refreshAfterMs } = served.prepared;
      this.#depend(follows ? reads : new Map(), shownOf(use.pod));
      this.#wakeIn(refreshAfterMs);
      this.#failures = 0;
      this.#message = '';
      return served.prepared;
    } catch (error) {
      this.#depend(new Map([...this.#reads, ...reads]), shownOf(use.pod));
      const message = `MountVolume.SetUp failed for volume "${use.volume.name}" : ${errorMessage(error)}`;
      throw new VolumeError(message, { cause: error });
    }
  }

  /** Of a pod that runs on: it is tried again. False: nothing new. */
  isNewFailure(error: unknown): boolean {
    const message = errorMessage(error);
    const isNew = message !== this.#message;
    this.#message = message;
    this.#wakeIn(Math.min(firstRetryMs * 2 ** this.#failures, longestRetryMs));
    this.#failures += 1;
    return isNew;
  }

  /** Whether it was made of another version of the object. */
  isOutdatedBy(key: SourceKey, version: SeenVersion): boolean {
    return this.#reads.has(key) && this.#reads.get(key) !== version;
  }

  showsAnother(pod: Pod): boolean {
    return this.#served?.prepared.follows === true && this.#shown !== shownOf(pod);
  }

  /** What is begun goes on, and nothing comes after it. */
  close(): void {
    this.#depend(new Map(), '');
    this.#timer?.cancel();
    this.#closed = true;
  }

  #depend(reads: Reads, shown: string): void {
    if (this.#closed) return;
    const before = this.#reads;
    this.#reads = reads;
    this.#shown = shown;
    for (const key of reads.keys()) if (!before.has(key)) this.#parts.objects.follow(key);
    for (const key of before.keys()) if (!reads.has(key)) this.#parts.objects.release(key);
  }

  #wakeIn(delayMs: number | undefined): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    if (delayMs === undefined || this.#closed) return;
    this.#timer = this.#parts.timers.after(Math.max(firstRetryMs, delayMs), () => this.#parts.due());
  }
}
