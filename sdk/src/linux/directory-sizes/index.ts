/**
 * What directories take on the disk. Small ones are walked here; what is too large or too deep for that is left to `du`, which has no such
 * bounds and is ended when it takes too long. The longer it took to measure a directory, the more seldom it is done.
 */
import { sep } from 'node:path';
import type { Clock } from '../../kernel/index.ts';
import { diskUsage } from './disk-usage.ts';
import type { Space } from './space.ts';
import { walk } from './walk.ts';

export type { Space } from './space.ts';

interface Known {
  readonly space: Promise<Space>;
  /** By the monotonic clock: good until then. Undefined while it is measured. */
  until: number | undefined;
}

/** Of the time that measuring takes at most: one part in so many. */
const restFactor = 20;

export class DirectorySizes {
  readonly #clock: Pick<Clock, 'monotonic'>;
  readonly #known = new Map<string, Known>();

  constructor(clock: Pick<Clock, 'monotonic'>) {
    this.#clock = clock;
  }

  /** Nothing when it is not there. Of other filesystems that are mounted beneath nothing counts. @throws Error when du cannot be run */
  of(directory: string): Promise<Space> {
    const begin = this.#clock.monotonic();
    const known = this.#known.get(directory);
    if (known !== undefined && (known.until === undefined || begin < known.until)) return known.space;
    const measured: Known = { space: measure(directory), until: undefined };
    this.#known.set(directory, measured);
    const settle = (): void => {
      const end = this.#clock.monotonic();
      measured.until = end + (end - begin) * restFactor;
    };
    measured.space.then(settle, () => this.#known.delete(directory));
    return measured.space;
  }

  /** Forgets the others. */
  retain(directories: ReadonlySet<string>): void {
    for (const directory of this.#known.keys()) if (!directories.has(directory)) this.#known.delete(directory);
  }

  /** Forgets all below the directory. */
  forgetBelow(directory: string): void {
    for (const path of this.#known.keys()) if (path.startsWith(directory + sep)) this.#known.delete(path);
  }
}

async function measure(directory: string): Promise<Space> {
  return (await walk(directory)) ?? diskUsage(directory);
}
