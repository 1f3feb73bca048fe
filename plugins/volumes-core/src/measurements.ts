/**
 * What directories hold. Small ones are walked here; what is too large or too deep for that is left to `du`, which has no such bounds and is
 * ended when it takes too long. A directory is not measured again before twenty times as long as it took has passed.
 */
import type { Env } from '@timonel/sdk';
import { sep } from 'node:path';
import { diskUsage } from './disk-usage.ts';
import { walk } from './walk.ts';

export interface Measured {
  readonly usedBytes: number;
  readonly inodesUsed: number;
  readonly isPartial?: boolean;
}

interface Known {
  readonly measured: Promise<Measured>;
  /** ms since the epoch: valid until then. Undefined while it is measured. */
  until: number | undefined;
}

const leastMs = 1000;
const rest = 20;

export class Measurements {
  readonly #env: Pick<Env, 'clock'>;
  readonly #known = new Map<string, Known>();

  constructor(env: Pick<Env, 'clock'>) {
    this.#env = env;
  }

  /** Never of a time before the directory was first asked for. */
  of(directory: string): Promise<Measured> {
    const now = this.#env.clock.now();
    const known = this.#known.get(directory);
    if (known !== undefined && (known.until === undefined || known.until > now)) return known.measured;
    const begun: Known = { measured: measure(directory), until: undefined };
    this.#known.set(directory, begun);
    const settle = (): void => {
      const took = this.#env.clock.now() - now;
      begun.until = now + took + Math.max(leastMs, took * rest);
    };
    begun.measured.then(settle, () => this.#known.delete(directory));
    return begun.measured;
  }

  /** All below the directory. */
  forget(directory: string): void {
    for (const path of this.#known.keys()) if (path.startsWith(directory + sep)) this.#known.delete(path);
  }
}

async function measure(directory: string): Promise<Measured> {
  return (await walk(directory)) ?? diskUsage(directory);
}
