import { createHash } from 'node:crypto';
import { execFile } from 'node:child_process';
import { mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Env } from '@timonel/sdk';
import { syncDirectory } from '@timonel/sdk/files';
import { lstatIfThere } from './layer-tree.ts';

const run = promisify(execFile);

/** The directories of the store: `layers/sha256-<chain id>`, `blobs/sha256/<hex>` (configurations), `tmp`. */
export class LayerStore {
  readonly #dataDir: string;
  readonly #env: Env;

  constructor(dataDir: string, env: Env) {
    this.#dataDir = dataDir;
    this.#env = env;
  }

  /**
   * Makes the directories. All are closed to others than the owner: image files keep their own modes (set-user-id
   * programs among them), and a container's root is reached through its mount alone.
   */
  async prepare(): Promise<void> {
    for (const name of ['layers', 'blobs', join('blobs', 'sha256'), 'tmp']) {
      await mkdir(join(this.#dataDir, name), { recursive: true, mode: 0o700 });
    }
  }

  layerPath(chainId: string): string {
    return join(this.#dataDir, 'layers', chainId.replace(':', '-'));
  }

  blobPath(digest: string): string {
    return join(this.#dataDir, 'blobs', ...digest.split(':'));
  }

  async hasLayer(chainId: string): Promise<boolean> {
    return (await lstatIfThere(this.layerPath(chainId)))?.isDirectory() === true;
  }

  /** Runs `work` with a scratch directory on the store's file system, which is removed in any case. */
  async withScratch<T>(work: (directory: string) => Promise<T>): Promise<T> {
    const directory = join(this.#dataDir, 'tmp', `${process.pid}-${this.#env.random.uuid()}`);
    await mkdir(directory, { mode: 0o700 });
    try {
      return await work(directory);
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  }

  /** Moves an unpacked layer in place. Another import may have brought the same one meanwhile. */
  async adoptLayer(chainId: string, unpacked: string): Promise<void> {
    if (!(await this.hasLayer(chainId))) await rename(unpacked, this.layerPath(chainId));
  }

  async putBlob(digest: string, bytes: Uint8Array): Promise<void> {
    const path = this.blobPath(digest);
    if ((await lstatIfThere(path)) !== undefined) return;
    await writeFile(`${path}.new`, bytes, { mode: 0o600, flush: true });
    await rename(`${path}.new`, path);
    await syncDirectory(join(this.#dataDir, 'blobs', 'sha256'));
  }

  /** Brings all file data of the store to the disk with one call of sync(1), as Node has no syncfs. */
  async flush(): Promise<void> {
    await run('sync', ['-f', join(this.#dataDir, 'layers')]);
  }

  /** Removes layers and configurations that no image uses. Call with the lock held. */
  async removeAllBut(layers: ReadonlySet<string>, blobs: ReadonlySet<string>): Promise<void> {
    await removeOthers(join(this.#dataDir, 'layers'), (name) => layers.has(name.replace('-', ':')));
    await removeOthers(join(this.#dataDir, 'blobs', 'sha256'), (name) => blobs.has(`sha256:${name}`));
  }

  /** Scratch directories of processes that ended before they could clean up. */
  async removeDeadScratch(): Promise<void> {
    await removeOthers(join(this.#dataDir, 'tmp'), (name) => isProcessThere(Number(name.split('-')[0])));
  }
}

/** Names a layer upon the layers below it, as the OCI image specification defines the chain id. */
export function chainIds(diffIds: readonly string[]): readonly string[] {
  const chain: string[] = [];
  for (const diffId of diffIds) {
    const below = chain.at(-1);
    chain.push(below === undefined ? diffId : sha256(`${below} ${diffId}`));
  }
  return chain;
}

export function sha256(data: string | Uint8Array): string {
  return `sha256:${createHash('sha256').update(data).digest('hex')}`;
}

async function removeOthers(directory: string, keep: (name: string) => boolean): Promise<void> {
  for (const name of await readdir(directory)) {
    if (!keep(name)) await rm(join(directory, name), { recursive: true, force: true });
  }
}

function isProcessThere(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
