import { createHash } from 'node:crypto';
import { createReadStream, openSync, readSync, closeSync } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { asCorrupt, corrupt } from './corrupt.ts';
import { TarReader, type TarVisitor } from './tar-reader.ts';
import { decompressZstd } from './zstd.ts';

/** What was read in all: the digest of the plain tar (for a layer: its diff id) and its length. */
export interface TarSummary {
  readonly digest: string;
  readonly sizeBytes: number;
  /** Of the file as it lies there. */
  readonly fileDigest: string;
  readonly compression: Compression;
}

export type Compression = 'none' | 'gzip' | 'zstd';

export interface TarFile {
  readonly path: string;
  /** For messages. */
  readonly what: string;
  readonly maxBytes: number;
  /** Looked at between pieces; throws to end it. */
  readonly check?: () => void;
}

const pieceBytes = 512 * 1024;

/** Sends a tar file, plain, gzipped or compressed with zstd, through a visitor. @throws CorruptImage and faults of the file system */
export async function readTarFile(file: TarFile, visitor: TarVisitor): Promise<TarSummary> {
  const sink = new TarSink(file, visitor);
  const compressed = createHash('sha256');
  const source = async function* (): AsyncGenerator<Buffer> {
    for await (const piece of createReadStream(file.path, { highWaterMark: pieceBytes })) {
      file.check?.();
      compressed.update(piece as Buffer);
      yield piece as Buffer;
    }
  };
  try {
    const compression = sniffCompression(file.path);
    if (compression === 'gzip') {
      await pipeline(source, createGunzip({ chunkSize: pieceBytes }), async (pieces: AsyncIterable<Buffer>) => {
        for await (const piece of pieces) sink.take(piece);
      });
    } else if (compression === 'zstd') await decompressZstd(source(), (piece) => sink.take(piece));
    else for await (const piece of source()) sink.take(piece);
    return { ...sink.finish(), fileDigest: `sha256:${compressed.digest('hex')}`, compression };
  } catch (error) {
    throw asCorrupt(file.what, error);
  }
}

class TarSink {
  readonly #file: TarFile;
  readonly #reader: TarReader;
  readonly #hash = createHash('sha256');
  #bytes = 0;

  constructor(file: TarFile, visitor: TarVisitor) {
    this.#file = file;
    this.#reader = new TarReader(visitor);
  }

  take(piece: Uint8Array): void {
    this.#bytes += piece.byteLength;
    if (this.#bytes > this.#file.maxBytes) {
      throw corrupt(`${this.#file.what} is larger than the limit of ${this.#file.maxBytes} bytes`);
    }
    this.#hash.update(piece);
    this.#reader.push(piece);
  }

  finish(): { readonly digest: string; readonly sizeBytes: number } {
    this.#reader.finish();
    return { digest: `sha256:${this.#hash.digest('hex')}`, sizeBytes: this.#bytes };
  }
}

function sniffCompression(path: string): Compression {
  const descriptor = openSync(path, 'r');
  try {
    const buffer = Buffer.alloc(4);
    const magic = buffer.subarray(0, readSync(descriptor, buffer, 0, 4, 0)).toString('hex');
    if (magic.startsWith('1f8b')) return 'gzip';
    // Skippable frames may stand first.
    return magic === '28b52ffd' || /^5[0-9a-f]2a4d18$/.test(magic) ? 'zstd' : 'none';
  } finally {
    closeSync(descriptor);
  }
}
