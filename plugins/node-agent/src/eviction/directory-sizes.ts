/** What directories take on the disk. Measuring one costs a call for each of its files: the longer it takes, the more seldom it is done. */
import { lstat, opendir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '@timonel/sdk';
import type { Space } from './pod-use.ts';

const blockBytes = 512;
/** Of the time that measuring takes at most: one part in so many. */
const restFactor = 20;

interface Known {
  readonly space: Space;
  readonly at: number;
  readonly tookMs: number;
}

interface Walk {
  readonly device: number;
  readonly limit: number;
  /** Files with several names, once. */
  readonly linked: Set<number>;
  bytes: number;
  inodes: number;
}

export class DirectorySizes {
  readonly #clock: Pick<Clock, 'monotonic'>;
  readonly #entryLimit: number;
  readonly #known = new Map<string, Known>();

  /** `entryLimit`: files of one directory; what is beyond is not counted. */
  constructor(clock: Pick<Clock, 'monotonic'>, entryLimit = 200_000) {
    this.#clock = clock;
    this.#entryLimit = entryLimit;
  }

  /** Nothing when it is not there. Of other filesystems that are mounted beneath nothing counts. */
  async of(directory: string): Promise<Space> {
    const known = this.#known.get(directory);
    const begin = this.#clock.monotonic();
    if (known !== undefined && begin - known.at < known.tookMs * restFactor) return known.space;
    const space = await this.#measure(directory);
    const at = this.#clock.monotonic();
    this.#known.set(directory, { space, at, tookMs: at - begin });
    return space;
  }

  /** Forgets the others. */
  retain(directories: ReadonlySet<string>): void {
    for (const directory of this.#known.keys()) if (!directories.has(directory)) this.#known.delete(directory);
  }

  async #measure(directory: string): Promise<Space> {
    const top = await lstat(directory).catch(() => undefined);
    if (top === undefined || !top.isDirectory()) return { bytes: 0, inodes: 0 };
    const walk: Walk = { device: top.dev, limit: this.#entryLimit, linked: new Set(), bytes: 0, inodes: 0 };
    const waiting = [directory];
    for (let next = waiting.pop(); next !== undefined && walk.inodes < walk.limit; next = waiting.pop()) {
      await addEntries(walk, next, waiting);
    }
    return { bytes: walk.bytes, inodes: walk.inodes };
  }
}

/** What vanishes meanwhile takes nothing. */
async function addEntries(walk: Walk, directory: string, waiting: string[]): Promise<void> {
  const entries = await opendir(directory).catch(() => undefined);
  if (entries === undefined) return;
  for await (const { name } of entries) {
    const path = join(directory, name);
    const found = await lstat(path).catch(() => undefined);
    if (found === undefined || found.dev !== walk.device) continue;
    if (found.nlink > 1 && !found.isDirectory()) {
      if (walk.linked.has(found.ino)) continue;
      walk.linked.add(found.ino);
    }
    walk.bytes += found.blocks * blockBytes;
    walk.inodes += 1;
    if (walk.inodes >= walk.limit) return;
    if (found.isDirectory()) waiting.push(path);
  }
}
