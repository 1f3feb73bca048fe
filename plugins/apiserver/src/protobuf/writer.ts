/** Writes protobuf messages that consist of texts and of other messages. */

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  while (rest > 0x7f) {
    bytes.push((rest & 0x7f) | 0x80);
    rest = Math.floor(rest / 128);
  }
  bytes.push(rest);
  return Buffer.from(bytes);
}

/** Wire type 2: a length and so many bytes. */
const lengthDelimited = 2;

export class MessageWriter {
  readonly #parts: Buffer[] = [];
  #length = 0;

  text(field: number, value: string): this {
    return this.#field(field, [Buffer.from(value)]);
  }

  message(field: number, value: MessageWriter): this {
    return this.#field(field, value.#parts);
  }

  bytes(): Buffer {
    return Buffer.concat(this.#parts, this.#length);
  }

  #field(field: number, parts: readonly Buffer[]): this {
    const length = parts.reduce((sum, part) => sum + part.length, 0);
    for (const part of [varint(field * 8 + lengthDelimited), varint(length), ...parts]) {
      this.#parts.push(part);
      this.#length += part.length;
    }
    return this;
  }
}
