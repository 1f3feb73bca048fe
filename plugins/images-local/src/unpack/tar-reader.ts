import { corrupt, shown } from './corrupt.ts';
import { applyPax, readBlock, readPax, type PaxRecords, type RawHeader, type TarHeader } from './tar-header.ts';

/** Gets a tar's entries, in order: each header, its bytes in pieces, its end. */
export interface TarVisitor {
  entry(header: TarHeader): void;
  data(piece: Uint8Array): void;
  end(): void;
}

const blockBytes = 512;
/** Of a long name or a set of extended headers. Those of real images stay far below. */
const maxExtendedBytes = 1024 ** 2;
const maxRecords = 1000;
/** Those of a global header are looked at for each entry after it. */
const maxGlobalRecords = 50;

/**
 * Takes a tar in pieces. Nothing waits and nothing but the headers of the entry at hand is held, whatever the tar says: extended headers
 * beyond a bound are refused. Values of extended attributes stay bytes.
 */
export class TarReader {
  readonly #visitor: TarVisitor;
  readonly #block: Buffer = Buffer.alloc(blockBytes);
  #blockFilled = 0;
  /** Bytes of the entry that are still to come, and of the padding after it. */
  #left = 0;
  #padding = 0;
  /** Where an extended header collects. */
  #extended: { readonly flag: string; readonly bytes: Buffer; filled: number } | undefined;
  #inEntry = false;
  #ended = false;
  #global: PaxRecords = new Map();
  #pax: PaxRecords = new Map();
  #longName: string | undefined;
  #longLink: string | undefined;

  constructor(visitor: TarVisitor) {
    this.#visitor = visitor;
  }

  /** @throws CorruptImage, and what the visitor throws */
  push(chunk: Uint8Array): void {
    let at = 0;
    while (at < chunk.length && !this.#ended) {
      if (this.#left > 0) at += this.#content(chunk, at);
      else if (this.#padding > 0) {
        const skipped = Math.min(this.#padding, chunk.length - at);
        this.#padding -= skipped;
        at += skipped;
      } else at += this.#fillBlock(chunk, at);
    }
  }

  /** Call after the last piece. @throws CorruptImage when the tar ends in the middle of something */
  finish(): void {
    // Some tools leave out the zeros after the last entry, as many readers do without them.
    if (this.#left > 0 || this.#blockFilled > 0 || this.#extended !== undefined) {
      throw corrupt('the tar ends in the middle of an entry: it was cut off');
    }
  }

  #content(chunk: Uint8Array, at: number): number {
    const taken = Math.min(this.#left, chunk.length - at);
    const piece = chunk.subarray(at, at + taken);
    if (this.#extended === undefined) this.#visitor.data(piece);
    else {
      this.#extended.bytes.set(piece, this.#extended.filled);
      this.#extended.filled += taken;
    }
    this.#left -= taken;
    if (this.#left === 0) this.#endContent();
    return taken;
  }

  #fillBlock(chunk: Uint8Array, at: number): number {
    const taken = Math.min(blockBytes - this.#blockFilled, chunk.length - at);
    this.#block.set(chunk.subarray(at, at + taken), this.#blockFilled);
    this.#blockFilled += taken;
    if (this.#blockFilled === blockBytes) {
      this.#blockFilled = 0;
      const raw = readBlock(this.#block);
      if (raw === undefined) this.#ended = true;
      else this.#begin(raw);
    }
    return taken;
  }

  #begin(raw: RawHeader): void {
    if ('xgLK'.includes(raw.flag)) {
      if (raw.size > maxExtendedBytes)
        throw corrupt(`an extended header has ${raw.size} bytes, more than ${maxExtendedBytes}`);
      this.#extended = { flag: raw.flag, bytes: Buffer.alloc(raw.size), filled: 0 };
      this.#expect(raw.size);
      return;
    }
    const named = { ...raw, name: this.#longName ?? raw.name, linkname: this.#longLink ?? raw.linkname };
    const header = applyPax(named, this.#global.size === 0 ? this.#pax : new Map([...this.#global, ...this.#pax]));
    this.#pax = new Map();
    this.#longName = undefined;
    this.#longLink = undefined;
    this.#inEntry = true;
    this.#visitor.entry(header);
    // Links and directories may state a size of what is not there.
    this.#expect(
      ['link', 'symlink', 'directory', 'fifo', 'character-device', 'block-device'].includes(header.type)
        ? 0
        : header.size,
    );
  }

  #expect(size: number): void {
    this.#left = size;
    this.#padding = (blockBytes - (size % blockBytes)) % blockBytes;
    if (size === 0) this.#endContent();
  }

  #endContent(): void {
    const extended = this.#extended;
    this.#extended = undefined;
    if (extended !== undefined) this.#keepExtended(extended.flag, extended.bytes);
    else if (this.#inEntry) {
      this.#inEntry = false;
      this.#visitor.end();
    }
  }

  #keepExtended(flag: string, bytes: Buffer): void {
    if (flag === 'x') this.#pax = readPax(bytes, maxRecords);
    else if (flag === 'g') this.#global = readPax(bytes, maxGlobalRecords);
    else {
      const end = bytes.indexOf(0);
      const name = bytes.toString('utf8', 0, end < 0 ? bytes.length : end);
      if (name === '') throw corrupt(`a long name is empty: ${shown(flag)}`);
      if (flag === 'L') this.#longName = name;
      else this.#longLink = name;
    }
  }
}
