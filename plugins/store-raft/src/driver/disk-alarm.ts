import type { Logger } from '@timonel/sdk';
import { StoreError } from '@timonel/sdk/contracts/store';

/** Which of the files of a member have no room. */
export class DiskAlarm {
  readonly #dataDir: string;
  readonly #log: Logger;
  readonly #begun: () => void;
  readonly #full = new Set<'log' | 'state'>();

  /** @param begun told when the disk has become full */
  constructor(dataDir: string, log: Logger, begun: () => void) {
    this.#dataDir = dataDir;
    this.#log = log;
    this.#begun = begun;
  }

  get on(): boolean {
    return this.#full.size > 0;
  }

  set(what: 'log' | 'state', full: boolean): void {
    const before = this.on;
    if (full) this.#full.add(what);
    else this.#full.delete(what);
    if (before === this.on) return;
    const dataDir = this.#dataDir;
    if (this.on) {
      this.#log.error({ dataDir }, 'no room is left for data: reads go on, writes are refused until there is room');
      this.#begun();
    } else this.#log.info({ dataDir }, 'there is room for data again: writes go on');
  }

  get trouble(): string {
    return `there is no room left for the data in ${this.#dataDir}: make room, the store goes on by itself then`;
  }

  /** @param proposed the write is on its way already */
  refusal(proposed: boolean): StoreError {
    const what = proposed ? 'whether the write was done is not known' : 'the write was not done';
    return new StoreError('NO_SPACE', `${what}: ${this.trouble}`, { notApplied: !proposed });
  }
}
