/** The protobuf wire format (protobuf.dev, "Encoding"), as much of it as etcd's messages use. */

/** Bytes that are no message. Recognise it by `name`. */
export class ProtobufError extends Error {
  override readonly name: string = 'ProtobufError';
}

const wireType = { varint: 0, fixed64: 1, bytes: 2, fixed32: 5 } as const;

function varint(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(10);
  let at = 0;
  let rest = value;
  while (rest >= 0x80) {
    bytes[at++] = (rest % 0x80) + 0x80;
    rest = Math.floor(rest / 0x80);
  }
  bytes[at++] = rest;
  return bytes.subarray(0, at);
}

/** Builds one message, field by field. Zero values are left out unless they are asked for. */
export class MessageWriter {
  #parts: Uint8Array[] = [];

  /** A whole number from 0 to 2^53 - 1. */
  number(field: number, value: number, always = false): this {
    if (value !== 0 || always) this.#parts.push(varint(field * 8 + wireType.varint), varint(value));
    return this;
  }

  flag(field: number, value: boolean): this {
    return this.number(field, value ? 1 : 0);
  }

  bytes(field: number, value: Uint8Array, always = false): this {
    if (value.byteLength > 0 || always) {
      this.#parts.push(varint(field * 8 + wireType.bytes), varint(value.byteLength), value);
    }
    return this;
  }

  message(field: number, value: MessageWriter): this {
    return this.bytes(field, value.finish(), true);
  }

  finish(): Buffer {
    return Buffer.concat(this.#parts);
  }
}

/** Goes through the fields of one message: `next`, then one of the readers (or none, which skips the field). */
export class MessageReader {
  readonly #bytes: Buffer;
  #at = 0;
  #type = 0;
  #start = 0;
  #end = 0;
  field = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  /** Moves to the next field. @throws ProtobufError */
  next(): boolean {
    if (this.#at >= this.#bytes.length) return false;
    const tag = this.#varint();
    this.field = Math.floor(tag / 8);
    this.#type = tag % 8;
    this.#start = this.#at;
    if (this.#type === wireType.varint) this.#skipVarint();
    else if (this.#type === wireType.fixed64) this.#at += 8;
    else if (this.#type === wireType.fixed32) this.#at += 4;
    else if (this.#type === wireType.bytes) {
      const length = this.#varint();
      this.#start = this.#at;
      this.#at += length;
    } else throw new ProtobufError(`wire type ${this.#type} is not in use`);
    this.#end = this.#at;
    if (this.#at > this.#bytes.length) throw new ProtobufError('the message is shorter than it says');
    return true;
  }

  /** Exact from 0 to 2^53 - 1; beyond, as near as a number comes. */
  number(): number {
    this.#expect(wireType.varint);
    this.#at = this.#start;
    return this.#varint();
  }

  flag(): boolean {
    return this.number() !== 0;
  }

  /** All 64 bits. */
  bigint(): bigint {
    this.#expect(wireType.varint);
    let value = 0n;
    for (let at = this.#start; at < this.#end; at++) {
      value |= BigInt((this.#bytes[at] ?? 0) & 0x7f) << BigInt(7 * (at - this.#start));
    }
    return BigInt.asUintN(64, value);
  }

  /** A view, not a copy. */
  bytes(): Buffer {
    this.#expect(wireType.bytes);
    return this.#bytes.subarray(this.#start, this.#end);
  }

  text(): string {
    this.#expect(wireType.bytes);
    return this.#bytes.toString('utf8', this.#start, this.#end);
  }

  #varint(): number {
    let low = 0;
    let high = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      const byte = this.#bytes[this.#at++];
      if (byte === undefined) break;
      if (shift < 28) low += (byte & 0x7f) * 2 ** shift;
      else high += (byte & 0x7f) * 2 ** (shift - 28);
      if (byte < 0x80) return high === 0 ? low : low + high * 2 ** 28;
    }
    throw new ProtobufError('a number does not end');
  }

  #skipVarint(): void {
    while ((this.#bytes[this.#at++] ?? 0) >= 0x80);
  }

  #expect(type: number): void {
    if (this.#type !== type) throw new ProtobufError(`field ${this.field} has wire type ${this.#type}, not ${type}`);
  }
}
