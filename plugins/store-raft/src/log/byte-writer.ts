import { invariant } from '@timonel/sdk';

const startBytes = 64 * 1024;
/** A larger scratch buffer is not kept after it was used. */
const keptBytes = 4 * 1024 * 1024;
const limitBytes = 1024 * 1024 * 1024;

/** A buffer that grows and is used again and again. Numbers are little-endian. */
export class ByteWriter {
  #buffer: Buffer = Buffer.allocUnsafe(startBytes);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** What was written, in place: good until the next call of `start`. */
  get bytes(): Buffer {
    return this.#buffer.subarray(0, this.#length);
  }

  /** Begins anew behind `headBytes` of zeros, which are filled in at the end. */
  start(headBytes: number): void {
    if (this.#buffer.byteLength > keptBytes) this.#buffer = Buffer.allocUnsafe(startBytes);
    this.#buffer.fill(0, 0, headBytes);
    this.#length = headBytes;
  }

  u8(value: number): void {
    const at = this.#take(1);
    this.#buffer[at] = value;
  }

  u32(value: number): void {
    const at = this.#take(4);
    this.#buffer.writeUInt32LE(value, at);
  }

  /** A whole number up to 2^53 - 1, in 8 bytes. */
  u64(value: number): void {
    const at = this.#take(8);
    putU64(this.#buffer, value, at);
  }

  /** Length (u32) and bytes. */
  block(bytes: Uint8Array): void {
    const at = this.#take(4 + bytes.byteLength);
    this.#buffer.writeUInt32LE(bytes.byteLength, at);
    this.#buffer.set(bytes, at + 4);
  }

  /** Length (u32) and UTF-8. */
  text(text: string): void {
    this.block(Buffer.from(text, 'utf8'));
  }

  zeros(count: number): void {
    const at = this.#take(count);
    this.#buffer.fill(0, at, at + count);
  }

  #take(count: number): number {
    const at = this.#length;
    const end = at + count;
    if (end > this.#buffer.byteLength) this.#grow(end);
    this.#length = end;
    return at;
  }

  #grow(neededBytes: number): void {
    invariant(neededBytes <= limitBytes, `one write to the Raft log has at most ${limitBytes} bytes`);
    const grown = Buffer.allocUnsafe(Math.max(neededBytes, this.#buffer.byteLength * 2));
    this.#buffer.copy(grown, 0, 0, this.#length);
    this.#buffer = grown;
  }
}

export function putU64(buffer: Buffer, value: number, at: number): void {
  buffer.writeUInt32LE(value % 0x1_0000_0000, at);
  buffer.writeUInt32LE(Math.floor(value / 0x1_0000_0000), at + 4);
}
