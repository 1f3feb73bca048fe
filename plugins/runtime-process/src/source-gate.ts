/** Several hold up the output of one process, each for reasons of its own: it goes on when none does any more. */
import type { Readable } from 'node:stream';

export class SourceGate {
  readonly #sources: readonly Readable[];
  readonly #holders = new Set<object>();

  constructor(sources: readonly Readable[]) {
    this.#sources = sources;
  }

  hold(holder: object): void {
    this.#holders.add(holder);
    for (const source of this.#sources) source.pause();
  }

  release(holder: object): void {
    if (!this.#holders.delete(holder) || this.#holders.size > 0) return;
    for (const source of this.#sources) source.resume();
  }
}
