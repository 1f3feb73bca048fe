/** Lists the runtimes now and then, and when something came or went: the truth behind their events. */
import { errorMessage, type TimerHandle } from '@timonel/sdk';
import type { RuntimeEvent } from '@timonel/sdk/contracts/runtime';
import type { Assignment } from '../checkpoint/checkpoint-file.ts';
import type { Listing, Runtimes } from './runtimes.ts';
import type { AgentServices } from './services.ts';

export interface RuntimeListsParts {
  readonly services: Pick<AgentServices, 'env' | 'log' | 'network'>;
  readonly runtimes: Runtimes;
  readonly intervalMs: number;
  /** What a former agent gave its pods. */
  readonly former: readonly Assignment[];
  /** Those that this agent knows, also the newest. */
  ownSandboxes(): readonly string[];
  onEvent(event: RuntimeEvent): void;
  /** `changed`: the runtimes are others than before. */
  listed(listing: Listing, changed: boolean): void;
}

const retryMs = 500;

export class RuntimeLists {
  readonly #parts: RuntimeListsParts;
  #timer: TimerHandle | undefined;
  #running: Promise<void> | undefined;
  #again = false;
  #stopped = false;
  #retained = false;
  #names = '';
  #toldFailures = '';

  constructor(parts: RuntimeListsParts) {
    this.#parts = parts;
  }

  /** A call during a list makes another one follow. */
  now(): void {
    if (this.#stopped) return;
    if (this.#running !== undefined) {
      this.#again = true;
      return;
    }
    this.#timer?.cancel();
    this.#running = this.#list().finally(() => {
      this.#running = undefined;
      if (!this.#again) return;
      this.#again = false;
      this.now();
    });
  }

  /** Resolves when no list runs any more. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#timer?.cancel();
    await this.#running;
  }

  async #list(): Promise<void> {
    const { services, runtimes, intervalMs } = this.#parts;
    let delayMs = intervalMs;
    try {
      const listing = await runtimes.list((event) => this.#parts.onEvent(event));
      if (listing.failed.size > 0) delayMs = retryMs;
      this.#tellOfFailures(listing);
      if (listing.failed.size === 0) await this.#retainNetwork(listing);
      const names = runtimes.names().toSorted().join();
      const changed = names !== this.#names;
      this.#names = names;
      this.#parts.listed(listing, changed);
    } catch (error) {
      services.log.warn({ error: errorMessage(error) }, 'the runtimes were not taken in, will retry');
      delayMs = retryMs;
    }
    if (!this.#stopped) this.#timer = services.env.timers.after(delayMs, () => this.now());
  }

  /** Once for each set of them. */
  #tellOfFailures({ failed }: Listing): void {
    const text = [...failed].map(([handler, why]) => `${handler}: ${why}`).join('; ');
    if (text !== '' && text !== this.#toldFailures) {
      this.#parts.services.log.warn({ failed: text }, 'runtimes could not be listed, will retry');
    }
    this.#toldFailures = text;
  }

  /** Once, after a list that is complete: the attachments of sandboxes that are gone are dropped. */
  async #retainNetwork({ holdings, listed }: Listing): Promise<void> {
    if (this.#retained) return;
    const held = holdings.flatMap(({ sandboxes }) => sandboxes.map(({ id }) => id));
    // Those of a runtime that is not on the node now run on without us.
    const away = this.#parts.former.filter(({ handler }) => !listed.has(handler));
    const left = away.flatMap(({ sandboxes }) => sandboxes);
    const { network, log } = this.#parts.services;
    const dropped = await network.retain([...held, ...this.#parts.ownSandboxes(), ...left]);
    if (dropped > 0) log.info({ dropped }, 'network attachments of former sandboxes dropped');
    this.#retained = true;
  }
}
