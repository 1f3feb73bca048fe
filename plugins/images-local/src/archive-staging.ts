import { createHash } from 'node:crypto';
import { open, readFile } from 'node:fs/promises';
import { join, posix } from 'node:path';
import { z } from 'zod';
import type { Limits } from './config.ts';
import { corrupt, shown } from './corrupt.ts';
import { cleanEntryName } from './layer-tree.ts';
import { readTarFile, type TarEntry } from './tar-entries.ts';

interface StagedFile {
  readonly path: string;
  readonly sizeBytes: number;
  readonly digest: string;
}

/**
 * The files of an image archive, copied into a scratch directory under numbers, so that no name of the archive ever
 * becomes a path. Files under `blobs/sha256/` must have the digest of their name.
 */
export class StagedArchive {
  readonly #directory: string;
  readonly #limits: Limits;
  readonly #files: Map<string, StagedFile> = new Map();
  // docker save writes the second use of a layer as a link to the first.
  readonly #links: Map<string, string> = new Map();
  #entries = 0;

  constructor(directory: string, limits: Limits) {
    this.#directory = directory;
    this.#limits = limits;
  }

  async load(archivePath: string): Promise<void> {
    await readTarFile(archivePath, `the archive ${archivePath}`, this.#limits.maxArchiveBytes, (entry) =>
      this.#stage(entry),
    );
  }

  has(name: string): boolean {
    return this.#find(name) !== undefined;
  }

  /** Path and digest of a file of the archive. @throws ImageError CorruptImage */
  file(name: string): StagedFile {
    const found = this.#find(name);
    if (found === undefined) throw corrupt(`the archive lacks ${shown(name)}, which its manifest names`);
    return found;
  }

  /** A small file. @throws ImageError CorruptImage */
  async bytes(name: string): Promise<Buffer> {
    const file = this.file(name);
    if (file.sizeBytes > this.#limits.maxJsonBytes) {
      throw corrupt(`${shown(name)} has ${file.sizeBytes} bytes, more than the ${this.#limits.maxJsonBytes} allowed`);
    }
    return readFile(file.path);
  }

  async json<S extends z.ZodType>(name: string, schema: S): Promise<z.output<S>> {
    return parseJson(await this.bytes(name), name, schema);
  }

  #find(name: string): StagedFile | undefined {
    let at = posix.normalize(name);
    for (let steps = 0; steps < 8; steps++) {
      const target = this.#links.get(at);
      if (target === undefined) break;
      at = target;
    }
    return this.#files.get(at);
  }

  async #stage({ header, content }: TarEntry): Promise<void> {
    if (++this.#entries > this.#limits.maxArchiveEntries) {
      throw corrupt(`the archive has more than ${this.#limits.maxArchiveEntries} entries`);
    }
    const name = cleanEntryName(header.name);
    if (header.type === 'link') this.#links.set(name, posix.normalize(header.linkname ?? ''));
    if (header.type === 'symlink') {
      this.#links.set(name, posix.normalize(posix.join(posix.dirname(name), header.linkname ?? '')));
    }
    if (header.type === 'file') await this.#copy(name, content);
  }

  async #copy(name: string, content: AsyncIterable<Uint8Array>): Promise<void> {
    const path = join(this.#directory, String(this.#entries));
    const hash = createHash('sha256');
    let sizeBytes = 0;
    const file = await open(path, 'wx', 0o600);
    try {
      for await (const chunk of content) {
        hash.update(chunk);
        sizeBytes += chunk.byteLength;
        await file.writeFile(chunk);
      }
    } finally {
      await file.close();
    }
    const hex = hash.digest('hex');
    if (name.startsWith('blobs/sha256/') && name !== `blobs/sha256/${hex}`) {
      throw corrupt(`the content of ${shown(name)} has the digest sha256:${hex}: the archive is damaged`);
    }
    this.#files.set(name, { path, sizeBytes, digest: `sha256:${hex}` });
  }
}

export function parseJson<S extends z.ZodType>(bytes: Buffer, name: string, schema: S): z.output<S> {
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString('utf8'));
  } catch (cause) {
    throw corrupt(`${shown(name)} of the archive is not JSON`, cause);
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw corrupt(
    `${shown(name)} of the archive is not as it should be: ${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''}`,
  );
}
