/** Reads what a `ByteWriter` wrote. Throws a sentence about what is wrong, never reads past the end. */
export class ByteReader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get done(): boolean {
    return this.#at === this.#bytes.byteLength;
  }

  u8(): number {
    return this.#bytes.readUInt8(this.#take(1));
  }

  u32(): number {
    return this.#bytes.readUInt32LE(this.#take(4));
  }

  u64(): number {
    return readU64(this.#bytes, this.#take(8));
  }

  /** In place: a view of what is read. */
  block(): Buffer {
    const length = this.u32();
    const at = this.#take(length);
    return this.#bytes.subarray(at, at + length);
  }

  text(): string {
    return this.block().toString('utf8');
  }

  #take(count: number): number {
    const at = this.#at;
    if (at + count > this.#bytes.byteLength) throw new Error('a record ends too early');
    this.#at = at + count;
    return at;
  }
}

export function readU64(bytes: Buffer, at: number): number {
  const value = bytes.readUInt32LE(at) + bytes.readUInt32LE(at + 4) * 0x1_0000_0000;
  if (!Number.isSafeInteger(value)) throw new Error('a record holds a number that is too large');
  return value;
}
