import { invariant } from '@timonel/sdk';

/** Fills a buffer of a size that was worked out before. Big-endian, as RFC 1700 has it. */
export class ByteWriter {
  readonly bytes: Buffer;
  #at = 0;

  constructor(size: number) {
    this.bytes = Buffer.allocUnsafe(size);
  }

  u8(value: number): void {
    this.bytes[this.#at++] = value;
  }

  u32(value: number): void {
    const { bytes } = this;
    let at = this.#at;
    bytes[at++] = value >>> 24;
    bytes[at++] = value >>> 16;
    bytes[at++] = value >>> 8;
    bytes[at++] = value;
    this.#at = at;
  }

  /** A whole number from 0 to 2^53 - 1. */
  count(value: number): void {
    invariant(Number.isSafeInteger(value) && value >= 0, `${value} is not a whole number from 0 to 2^53 - 1`);
    this.u32(Math.floor(value / 0x1_0000_0000));
    this.u32(value >>> 0);
  }

  flag(value: boolean): void {
    this.u8(value ? 1 : 0);
  }

  raw(data: Uint8Array): void {
    this.bytes.set(data, this.#at);
    this.#at += data.byteLength;
  }

  /** `length` as `Buffer.byteLength` says it. */
  text(value: string, length: number): void {
    this.bytes.write(value, this.#at, length, 'utf8');
    this.#at += length;
  }

  /** The filled buffer: exactly full, or the size was worked out wrongly. */
  done(): Buffer {
    invariant(this.#at === this.bytes.length, `a frame of ${this.bytes.length} bytes was filled with ${this.#at}`);
    return this.bytes;
  }
}
