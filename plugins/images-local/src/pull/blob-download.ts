import { open, rm, type FileHandle } from 'node:fs/promises';
import { minPartialBytes, type LayerStore } from '../layer-store.ts';
import { corrupt } from '../unpack/corrupt.ts';
import { isDiskFull } from './disk-full.ts';
import type { RemoteLayer, RemoteSource } from './remote-image.ts';

const gatherBytes = 256 * 1024;

/**
 * Brings a blob to `path`, from where an earlier pull was broken off. When this one is broken off too, what there is so far is kept.
 * The digest is left to whoever reads the file: it is read as a whole anyway.
 */
export async function downloadBlob(
  store: LayerStore,
  source: RemoteSource,
  layer: RemoteLayer,
  path: string,
  onBytes: (doneBytes: number) => void,
): Promise<{ readonly fetchedBytes: number }> {
  let from = await store.takePartial(layer.digest, path);
  if (from > layer.size) {
    await rm(path);
    from = 0;
  }
  const file = await open(path, 'a', 0o600);
  const download = new BlobDownload(file, layer.size, from, onBytes);
  try {
    if (from < layer.size || layer.size === 0)
      await download.take(source.registry.blob(source.reference, layer, source.access, from));
    if (download.doneBytes !== layer.size) {
      throw corrupt(`the layer ${layer.digest} came with ${download.doneBytes} bytes, not ${layer.size}`);
    }
  } catch (error) {
    // One that is complete and yet refused would only be refused again; and a full disk needs the room.
    const isPart = download.doneBytes >= minPartialBytes && download.doneBytes < layer.size;
    if (isPart && !isDiskFull(error)) await store.keepPartial(layer.digest, path);
    else await rm(path, { force: true });
    throw error;
  } finally {
    await file.close();
  }
  return { fetchedBytes: download.doneBytes - from };
}

class BlobDownload {
  doneBytes: number;
  readonly #file: FileHandle;
  readonly #size: number;
  readonly #onBytes: (doneBytes: number) => void;
  #gathered: Uint8Array[] = [];
  #gatheredBytes = 0;

  constructor(file: FileHandle, size: number, from: number, onBytes: (doneBytes: number) => void) {
    this.#file = file;
    this.#size = size;
    this.doneBytes = from;
    this.#onBytes = onBytes;
    onBytes(from);
  }

  async take(pieces: AsyncIterable<Uint8Array>): Promise<void> {
    try {
      for await (const piece of pieces) {
        this.#gathered.push(piece);
        this.#gatheredBytes += piece.length;
        if (this.doneBytes + this.#gatheredBytes > this.#size) {
          throw corrupt(`the registry sends more than the ${this.#size} bytes of a layer`);
        }
        if (this.#gatheredBytes >= gatherBytes) await this.#write();
      }
    } finally {
      if (this.doneBytes + this.#gatheredBytes <= this.#size) await this.#write();
    }
  }

  async #write(): Promise<void> {
    const pieces = this.#gathered;
    const bytes = this.#gatheredBytes;
    this.#gathered = [];
    this.#gatheredBytes = 0;
    if (bytes === 0) return;
    // writev may write a part only, which appendFile looks after.
    await this.#file.appendFile(
      pieces.length === 1 && pieces[0] !== undefined ? pieces[0] : Buffer.concat(pieces, bytes),
    );
    this.doneBytes += bytes;
    this.#onBytes(this.doneBytes);
  }
}
