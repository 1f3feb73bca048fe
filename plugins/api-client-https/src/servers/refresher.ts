/** Follows the cluster's own list of API servers. */
import { errorMessage, type Env, type Logger, type TimerHandle } from '@timonel/sdk';
import type { ApiClient } from '@timonel/sdk/contracts/api';
import { readServers, saveServers } from './learned-servers.ts';
import type { ServerSet } from './server-set.ts';

export interface RefresherOptions {
  readonly api: ApiClient;
  readonly servers: ServerSet;
  readonly env: Env;
  readonly log: Logger;
  readonly file: string;
  readonly configured: readonly string[];
  readonly intervalMs: number;
}

/** Soon: the first list, and the next try after a failure. */
const soonMs = 1000;

export class Refresher {
  readonly #options: RefresherOptions;
  #learned: readonly string[];
  #timer: TimerHandle | undefined;
  #running: Promise<void> | undefined;
  #closed = false;

  constructor(options: RefresherOptions, learned: readonly string[]) {
    this.#options = options;
    this.#learned = learned;
  }

  start(): void {
    this.#schedule(Math.min(soonMs, this.#options.intervalMs));
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#timer?.cancel();
    await this.#running;
  }

  #schedule(delayMs: number): void {
    if (this.#closed) return;
    this.#timer = this.#options.env.timers.after(delayMs, () => {
      this.#running = this.#refresh().then((nextMs) => this.#schedule(nextMs));
    });
  }

  async #refresh(): Promise<number> {
    const { api, servers, file, configured, intervalMs, log } = this.#options;
    try {
      const found = await readServers(api);
      if (this.#closed || found.length === 0 || found.join() === this.#learned.join()) return intervalMs;
      // The configured ones stay as a way back in: addresses may change while this node is away.
      servers.replace([...found, ...configured]);
      this.#learned = found;
      log.info({ servers: found }, 'API servers of the cluster');
      await saveServers(file, found);
      return intervalMs;
    } catch (error) {
      log.debug({ error: errorMessage(error) }, 'the list of API servers was not refreshed, will retry');
      return Math.min(intervalMs, soonMs * 5);
    }
  }
}
