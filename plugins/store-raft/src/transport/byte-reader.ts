import { malformed } from './malformed.ts';

/** Reads a frame from front to back. Every read is checked against the end. @throws MalformedError */
export class ByteReader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get left(): number {
    return this.#bytes.length - this.#at;
  }

  u8(): number {
    const at = this.#take(1);
    return this.#bytes[at] as number;
  }

  u32(): number {
    const at = this.#take(4);
    return readU32(this.#bytes, at);
  }

  /** A whole number from 0 to 2^53 - 1, in eight bytes. */
  count(): number {
    const at = this.#take(8);
    const high = readU32(this.#bytes, at);
    if (high > 0x1fffff) malformed('a number is larger than 2^53 - 1');
    return high * 0x1_0000_0000 + readU32(this.#bytes, at + 4);
  }

  flag(): boolean {
    const value = this.u8();
    if (value > 1) malformed(`a yes or no is ${value}`);
    return value === 1;
  }

  /** A view, not a copy. */
  bytes(length: number): Buffer {
    const at = this.#take(length);
    return this.#bytes.subarray(at, at + length);
  }

  text(length: number, maxBytes: number): string {
    if (length > maxBytes) malformed(`a text of ${length} bytes is longer than ${maxBytes}`);
    const at = this.#take(length);
    return this.#bytes.toString('utf8', at, at + length);
  }

  end(): void {
    if (this.left > 0) malformed(`${this.left} bytes are left over`);
  }

  #take(length: number): number {
    const at = this.#at;
    if (at + length > this.#bytes.length) malformed('it is too short');
    this.#at = at + length;
    return at;
  }
}

function readU32(bytes: Buffer, at: number): number {
  return (
    (bytes[at] as number) * 0x100_0000 +
    (((bytes[at + 1] as number) << 16) | ((bytes[at + 2] as number) << 8) | (bytes[at + 3] as number))
  );
}
