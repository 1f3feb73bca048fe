import { RegistryFailure } from '../failure.ts';
import type { StreamedBody } from '../http/send-body.ts';

export interface Chunk extends StreamedBody {
  readonly start: number;
}

/** A content cut into bodies of a size. Each is to be read before the next one is taken. */
export class Chunks implements Iterable<Chunk> {
  readonly #source: AsyncIterator<Uint8Array>;
  readonly #size: number;
  readonly #chunkBytes: number;
  #rest: Uint8Array = new Uint8Array();

  constructor(content: AsyncIterable<Uint8Array>, size: number, chunkBytes: number) {
    this.#source = content[Symbol.asyncIterator]();
    this.#size = size;
    this.#chunkBytes = chunkBytes;
  }

  *[Symbol.iterator](): Generator<Chunk, void, undefined> {
    for (let start = 0; start < this.#size; start += this.#chunkBytes) {
      const size = Math.min(this.#chunkBytes, this.#size - start);
      yield { start, size, content: () => this.#take(start, size) };
    }
  }

  /** Whether or not it was read to its end. */
  async close(): Promise<void> {
    await this.#source.return?.();
  }

  async *#take(start: number, bytes: number): AsyncGenerator<Uint8Array, void, undefined> {
    for (let left = bytes; left > 0;) {
      const piece = await this.#next();
      if (piece === undefined) {
        const read = start + bytes - left;
        throw new RegistryFailure('refused', `the content has ${read} bytes and was said to have ${this.#size}`);
      }
      const taken = piece.subarray(0, left);
      this.#rest = piece.subarray(taken.length);
      left -= taken.length;
      yield taken;
    }
    if (start + bytes < this.#size) return;
    const more = await this.#next();
    if (more !== undefined) {
      throw new RegistryFailure('refused', `the content has more than the ${this.#size} bytes it was said to have`);
    }
  }

  async #next(): Promise<Uint8Array | undefined> {
    const rest = this.#rest;
    this.#rest = new Uint8Array();
    if (rest.length > 0) return rest;
    for (;;) {
      const { done, value } = await this.#source.next();
      if (done === true) return undefined;
      if (value.length > 0) return value;
    }
  }
}
