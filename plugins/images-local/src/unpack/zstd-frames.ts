import { corrupt } from './corrupt.ts';

/** As zstd's own tools take it without being told otherwise. */
const maxWindowBytes = 128 * 1024 ** 2;

/**
 * Walks through the frames of zstd data (RFC 8878) without decompressing: a frame says how much memory its reader needs, and the data
 * is refused before anybody believes it.
 */
export class ZstdFrames {
  #state: 'magic' | 'descriptor' | 'header' | 'block' | 'skip-size' = 'magic';
  #needed = 4;
  #held: Buffer = Buffer.alloc(0);
  #skip = 0;
  #descriptor = 0;
  #last = false;

  /** Whether the data may end here. */
  get atEnd(): boolean {
    return this.#state === 'magic' && this.#held.length === 0 && this.#skip === 0;
  }

  /** @throws CorruptImage */
  push(piece: Buffer): void {
    let at = 0;
    while (at < piece.length) {
      const skipped = Math.min(this.#skip, piece.length - at);
      this.#skip -= skipped;
      at += skipped;
      if (at === piece.length) return;
      const taken = Math.min(this.#needed - this.#held.length, piece.length - at);
      this.#held = Buffer.concat([this.#held, piece.subarray(at, at + taken)]);
      at += taken;
      if (this.#held.length < this.#needed) return;
      const part = this.#held;
      this.#held = Buffer.alloc(0);
      this.#take(part);
    }
  }

  #take(part: Buffer): void {
    switch (this.#state) {
      case 'magic':
        return this.#takeMagic(part.readUInt32LE());
      case 'skip-size':
        this.#skip = part.readUInt32LE();
        return this.#expect('magic', 4);
      case 'descriptor':
        return this.#takeDescriptor(part.readUInt8());
      case 'header':
        return this.#takeHeader(part);
      default:
        return this.#takeBlock(part.readUIntLE(0, 3));
    }
  }

  #takeMagic(magic: number): void {
    if (magic === 0xfd2fb528) return this.#expect('descriptor', 1);
    if (magic >>> 4 === 0x184d2a5) return this.#expect('skip-size', 4);
    throw corrupt('the zstd data holds something that is no frame');
  }

  #takeDescriptor(descriptor: number): void {
    this.#descriptor = descriptor;
    const single = (descriptor >> 5) & 1;
    const dictionary = [0, 1, 2, 4][descriptor & 3] ?? 0;
    const size = [single, 2, 4, 8][descriptor >> 6] ?? 0;
    if (1 - single + dictionary + size === 0) return this.#expect('block', 3);
    this.#expect('header', 1 - single + dictionary + size);
  }

  #takeHeader(header: Buffer): void {
    const single = ((this.#descriptor >> 5) & 1) === 1;
    let window: number;
    if (single) {
      const size = [1, 2, 4, 8][this.#descriptor >> 6] ?? 1;
      const from = header.length - size;
      window =
        size === 8 ? Number(header.readBigUInt64LE(from)) : header.readUIntLE(from, size) + (size === 2 ? 256 : 0);
    } else {
      const value = header.readUInt8();
      const base = 2 ** (10 + (value >> 3));
      window = base + (base / 8) * (value & 7);
    }
    if (window > maxWindowBytes) {
      throw corrupt(`the zstd data needs a window of ${window} bytes, more than the ${maxWindowBytes} allowed`);
    }
    this.#expect('block', 3);
  }

  #takeBlock(head: number): void {
    this.#last = (head & 1) === 1;
    const type = (head >> 1) & 3;
    if (type === 3) throw corrupt('the zstd data holds a block of no known kind');
    this.#skip = type === 1 ? 1 : head >> 3;
    if (!this.#last) return this.#expect('block', 3);
    if (((this.#descriptor >> 2) & 1) === 1) this.#skip += 4;
    this.#expect('magic', 4);
  }

  #expect(state: 'magic' | 'descriptor' | 'header' | 'block' | 'skip-size', needed: number): void {
    this.#state = state;
    this.#needed = needed;
  }
}
