/**
 * Turns leadership into work: a part of the control plane works while this process leads and its caches were read anew since
 * it does. A leader before it may have written until the last moment: what the caches showed while standing by is not
 * enough to act on.
 */
import type { Leadership } from '../contracts/leadership/index.ts';
import type { OptionalRef } from '../kernel/index.ts';

/** What {@link WorkWhileLeading} is made from. */
export interface WorkWhileLeadingOptions {
  /** `ctx.deps.leadership` of a plugin with `optional: { leadership }`. Undefined, or without a provider: this process leads. */
  readonly leadership: OptionalRef<Leadership> | undefined;
  /** Resolves when all caches were listed anew since the call: `informers.relist()`. */
  readonly refresh: () => Promise<void>;
  /** The work begins: look at everything. */
  readonly onBegin: () => void;
  /** The work ends: begin nothing new. */
  readonly onEnd: () => void;
}

/** See the head of this file. Survives that the provider of the leadership comes, goes and is swapped. */
export class WorkWhileLeading {
  readonly #options: WorkWhileLeadingOptions;
  #unsubscribe: (() => void) | undefined;
  #led = false;
  /** Counts changes of the leadership: a refresh of an earlier one is of no use. */
  #term = 0;
  #ready = false;
  #stopped = false;

  constructor(options: WorkWhileLeadingOptions) {
    this.#options = options;
  }

  /** This process leads, or nobody is elected. */
  get leading(): boolean {
    return !this.#stopped && (this.#options.leadership?.current?.leading() ?? true);
  }

  /** Work may begin. Ask again before each piece of it. */
  get active(): boolean {
    return this.#ready && this.leading;
  }

  /** Begins to follow the leadership. Call it once, before the informers start: their first list is then the fresh one. */
  start(): void {
    const subscribe = (): void => {
      if (this.#stopped) return;
      this.#unsubscribe?.();
      this.#unsubscribe = this.#options.leadership?.current?.onChange(() => this.#look());
      this.#look();
    };
    this.#options.leadership?.onChange(subscribe);
    subscribe();
  }

  /** Nothing is called any more. */
  stop(): void {
    this.#stopped = true;
    this.#unsubscribe?.();
  }

  #look(): void {
    const { leading } = this;
    if (this.#stopped || leading === this.#led) return;
    this.#led = leading;
    this.#term += 1;
    if (leading) void this.#begin(this.#term);
    else if (this.#ready) {
      this.#ready = false;
      this.#options.onEnd();
    }
  }

  async #begin(term: number): Promise<void> {
    await this.#options.refresh();
    if (this.#stopped || term !== this.#term) return;
    this.#ready = true;
    this.#options.onBegin();
  }
}
