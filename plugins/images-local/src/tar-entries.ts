import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { Transform, type Readable, type Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import tar, { type Header } from 'tar-stream';
import { asCorrupt, corrupt } from './corrupt.ts';

/** One entry of a tar: its header and its bytes. */
export interface TarEntry {
  readonly header: Header;
  readonly content: AsyncIterable<Uint8Array>;
}

/** What was read in all: the digest of the plain tar (for a layer: its diff id) and its length. */
export interface TarSummary {
  readonly digest: string;
  readonly sizeBytes: number;
}

type Source = AsyncIterable<Uint8Array> & { readonly header: Header; resume(): void };

/** Reads a tar file, plain or gzipped, and hands each entry to `visit`; what `visit` leaves unread is skipped. */
export async function readTarFile(
  path: string,
  what: string,
  maxBytes: number,
  visit: (entry: TarEntry) => Promise<void>,
): Promise<TarSummary> {
  const compression = await sniffCompression(path);
  if (compression === 'zstd') {
    throw corrupt(
      `${what} is compressed with zstd, which is not supported yet; make it again with gzip (skopeo: --dest-compress-format gzip)`,
    );
  }
  const stages: (Readable | Transform)[] = [createReadStream(path, { highWaterMark: 256 * 1024 })];
  if (compression === 'gzip') stages.push(createGunzip({ chunkSize: 256 * 1024 }));
  return readTar(stages, what, maxBytes, visit);
}

/** Reads a plain tar that comes as a stream. */
export async function readTar(
  stages: readonly (Readable | Transform)[],
  what: string,
  maxBytes: number,
  visit: (entry: TarEntry) => Promise<void>,
): Promise<TarSummary> {
  const hash = createHash('sha256');
  let sizeBytes = 0;
  const meter = new Transform({
    transform(chunk: Uint8Array, _encoding, done) {
      sizeBytes += chunk.byteLength;
      hash.update(chunk);
      if (sizeBytes > maxBytes) done(corrupt(`${what} is larger than the limit of ${maxBytes} bytes`));
      else done(null, chunk);
    },
  });
  const extract = tar.extract();
  const flow = pipeline([...stages, meter, extract as unknown as Writable]);
  // The loop below sees the same fault first in most cases; without this the other one would count as unhandled.
  flow.catch(() => undefined);
  try {
    for await (const entry of extract as unknown as AsyncIterable<Source>) {
      await visit({ header: entry.header, content: entry });
      entry.resume();
    }
    await flow;
  } catch (error) {
    extract.destroy();
    const first = await flow.then(
      () => error,
      (fault: unknown) => ((fault as { name?: unknown }).name === 'ImageError' ? fault : error),
    );
    throw asCorrupt(what, first);
  }
  return { digest: `sha256:${hash.digest('hex')}`, sizeBytes };
}

async function sniffCompression(path: string): Promise<'none' | 'gzip' | 'zstd'> {
  const file = await open(path, 'r');
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(4), 0, 4, 0);
    const magic = buffer.subarray(0, bytesRead).toString('hex');
    if (magic.startsWith('1f8b')) return 'gzip';
    return magic === '28b52ffd' ? 'zstd' : 'none';
  } finally {
    await file.close();
  }
}
