import { mkdirSync, watch } from 'node:fs';

/**
 * Tells when a monitor touched a file in the events directory. Only a hint: a full kernel queue loses hints, so whoever
 * waits also looks from time to time.
 */
export class ChangeSignal {
  readonly #directory: string;
  readonly #onChange: (id: string) => void;
  readonly #waiting = new Map<string, Set<() => void>>();
  #close: () => void = () => undefined;

  constructor(directory: string, onChange: (id: string) => void) {
    this.#directory = directory;
    this.#onChange = onChange;
  }

  open(): void {
    mkdirSync(this.#directory, { recursive: true });
    const watcher = watch(this.#directory, { persistent: false }, (_type, id) => {
      if (id !== null) this.changed(id);
    });
    watcher.on('error', () => undefined); // those who wait look by themselves
    this.#close = () => {
      watcher.close();
    };
  }

  changed(id: string): void {
    this.#onChange(id);
    this.wake(id);
  }

  /** Wakes those who wait for `id`. */
  wake(id: string): void {
    for (const wake of this.#waiting.get(id) ?? []) wake(); // a set may shrink while it is walked
  }

  /** Calls `wake` after each change of `id`, until the returned function is called. */
  listen(id: string, wake: () => void): () => void {
    const set = this.#waiting.get(id) ?? new Set();
    this.#waiting.set(id, set);
    set.add(wake);
    return () => {
      set.delete(wake);
      if (set.size === 0) this.#waiting.delete(id);
    };
  }

  close(): void {
    this.#close();
  }
}
