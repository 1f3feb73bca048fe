/** Seals by itself what is not sealed by the primary key, and ends keys after their last use. */
import { errorMessage, type Env, type TimerHandle } from '@timonel/sdk';
import { reseal, usage, type ResealingParts } from './resealing.ts';

export interface UpkeepOptions extends ResealingParts {
  readonly env: Env;
  readonly everyMs: number;
}

export class Upkeep {
  readonly #options: UpkeepOptions;
  readonly #stop = new AbortController();
  #timer: TimerHandle | undefined;
  #running: Promise<void> | undefined;
  #again = false;
  /** The ring under which a pass found nothing to do, and the store's revision then: what is older may still be read by history. */
  #clean: { readonly ring: number; readonly revision: number } | undefined;

  constructor(options: UpkeepOptions) {
    this.#options = options;
  }

  /** Begins at once, or when what runs is done. */
  poke(): void {
    this.#again = true;
    this.#running ??= this.#run().finally(() => (this.#running = undefined));
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    this.#timer?.cancel();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { env, log, everyMs } = this.#options;
    this.#timer?.cancel();
    while (this.#again && !this.#stop.signal.aborted) {
      this.#again = false;
      try {
        await this.#pass();
      } catch (error) {
        log.warn(
          { error: errorMessage(error) },
          'values could not be sealed by the newest encryption key; trying again',
        );
      }
    }
    if (!this.#stop.signal.aborted) this.#timer = env.timers.after(everyMs, () => this.poke());
  }

  async #pass(): Promise<void> {
    const { keyring, log, store } = this.#options;
    const ring = await keyring.refresh();
    if (this.#clean?.ring !== ring.revision) {
      const written = await reseal(this.#options, ring, this.#stop.signal);
      if (written > 0)
        log.info({ values: written, key: ring.primary.id }, 'values were sealed by the newest encryption key');
      const { values, revision } = await usage(this.#options);
      const isClean = [...values.keys()].every((id) => id === ring.primary.id);
      // Writes by older keys have failed since the ring is as it is.
      if (isClean) this.#clean = { ring: ring.revision, revision };
      else this.#again = !this.#stop.signal.aborted;
      return;
    }
    if (ring.keys.size === 1 || (await store.status()).compactedRevision < this.#clean.revision) return;
    const ended = [...ring.keys.keys()].filter((id) => id !== ring.primary.id);
    if (!(await keyring.keepPrimary(ring))) return;
    log.info({ keys: ended }, 'encryption keys ended: nothing is sealed by them any more');
  }
}
