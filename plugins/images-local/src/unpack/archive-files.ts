import { createHash, type Hash } from 'node:crypto';
import { closeSync, openSync, writeSync } from 'node:fs';
import { join, posix } from 'node:path';
import type { Limits } from '../config.ts';
import { corrupt, shown } from './corrupt.ts';
import { cleanEntryName } from './entry-names.ts';
import type { StagedFile, StagedFiles } from './jobs.ts';
import type { TarHeader } from './tar-header.ts';
import type { TarVisitor } from './tar-reader.ts';
import { readTarFile } from './tar-stream.ts';

/**
 * Copies the files of an image archive into a directory under numbers, so that no name of the archive ever becomes a path. Files under
 * `blobs/sha256/` must have the digest of their name.
 */
export async function stageArchive(
  path: string,
  directory: string,
  limits: Limits,
  check: () => void,
): Promise<StagedFiles> {
  const staging = new Staging(directory, limits);
  try {
    await readTarFile({ path, what: `the archive ${path}`, maxBytes: limits.maxArchiveBytes, check }, staging);
  } finally {
    staging.close();
  }
  return { files: staging.files, links: staging.links };
}

class Staging implements TarVisitor {
  readonly files: Map<string, StagedFile> = new Map();
  // docker save writes the second use of a layer as a link to the first.
  readonly links: Map<string, string> = new Map();
  readonly #directory: string;
  readonly #limits: Limits;
  #entries = 0;
  #open: { readonly name: string; readonly path: string; readonly descriptor: number; readonly hash: Hash } | undefined;
  #bytes = 0;

  constructor(directory: string, limits: Limits) {
    this.#directory = directory;
    this.#limits = limits;
  }

  entry(header: TarHeader): void {
    if (++this.#entries > this.#limits.maxArchiveEntries) {
      throw corrupt(`the archive has more than ${this.#limits.maxArchiveEntries} entries`);
    }
    const name = cleanEntryName(header.name);
    if (header.type === 'link') this.links.set(name, posix.normalize(header.linkname));
    if (header.type === 'symlink') {
      this.links.set(name, posix.normalize(posix.join(posix.dirname(name), header.linkname)));
    }
    if (header.type !== 'file') return;
    const path = join(this.#directory, String(this.#entries));
    this.#bytes = 0;
    this.#open = { name, path, descriptor: openSync(path, 'wx', 0o600), hash: createHash('sha256') };
  }

  data(piece: Uint8Array): void {
    if (this.#open === undefined) return;
    this.#open.hash.update(piece);
    this.#bytes += piece.length;
    for (let at = 0; at < piece.length;) at += writeSync(this.#open.descriptor, piece, at);
  }

  end(): void {
    const open = this.#open;
    if (open === undefined) return;
    this.close();
    const hex = open.hash.digest('hex');
    if (open.name.startsWith('blobs/sha256/') && open.name !== `blobs/sha256/${hex}`) {
      throw corrupt(`the content of ${shown(open.name)} has the digest sha256:${hex}: the archive is damaged`);
    }
    this.files.set(open.name, { path: open.path, sizeBytes: this.#bytes, digest: `sha256:${hex}` });
  }

  close(): void {
    if (this.#open !== undefined) closeSync(this.#open.descriptor);
    this.#open = undefined;
  }
}
