import { readFile } from 'node:fs/promises';
import { posix } from 'node:path';
import type { z } from 'zod';
import type { Limits } from './config.ts';
import { corrupt, shown } from './unpack/corrupt.ts';
import type { StagedFile, StagedFiles } from './unpack/jobs.ts';

/** The files of an image archive that were copied into a scratch directory. */
export class StagedArchive {
  readonly #staged: StagedFiles;
  readonly #limits: Limits;

  constructor(staged: StagedFiles, limits: Limits) {
    this.#staged = staged;
    this.#limits = limits;
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
    return parseJson(await this.bytes(name), `${shown(name)} of the archive`, schema);
  }

  #find(name: string): StagedFile | undefined {
    let at = posix.normalize(name);
    for (let steps = 0; steps < 8; steps++) {
      const target = this.#staged.links.get(at);
      if (target === undefined) break;
      at = target;
    }
    return this.#staged.files.get(at);
  }
}

/** @throws ImageError CorruptImage */
export function parseJson<S extends z.ZodType>(bytes: Uint8Array, what: string, schema: S): z.output<S> {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (cause) {
    throw corrupt(`${what} is not JSON`, cause);
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw corrupt(`${what} is not as it should be: ${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''}`);
}
