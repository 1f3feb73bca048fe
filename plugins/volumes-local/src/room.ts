/** How much can still be made on this node: by what is declared, and by what the disk has. */
import type { Ledger } from './ledger.ts';
import { measureDisk } from './node/directories.ts';

/** The disk's room is told in so many steps, so that each file written does not change what is told. */
const steps = 256;

export class Room {
  readonly ledger: Ledger;
  readonly #directory: string;

  constructor(ledger: Ledger, directory: string) {
    this.ledger = ledger;
    this.#directory = directory;
  }

  /** Bytes for new volumes. What is taken for `except` does not count. */
  async free(except: string = ''): Promise<number> {
    const { sizeBytes, availableBytes } = await measureDisk(this.#directory);
    const step = Math.max(1, Math.floor(sizeBytes / steps));
    return Math.min(this.ledger.free(except), Math.floor(availableBytes / step) * step);
  }
}
