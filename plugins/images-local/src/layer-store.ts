import { createHash } from 'node:crypto';
import { spawn } from 'node:child_process';
import { lstat, mkdir, readdir, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import type { Stats } from 'node:fs';
import { join } from 'node:path';
import type { Env } from '@timonel/sdk';
import { syncDirectory } from '@timonel/sdk/files';
import { processStartTime } from './store-lock.ts';

/** Blobs on their way lie under this name in scratch directories, so that the sweep can save what a killed pull had. */
const downloadPrefix = 'download-';
/** Less of a blob is not worth to be kept. */
export const minPartialBytes: number = 64 * 1024;
const hexPattern = /^[0-9a-f]{64}$/;

/** A blob to be kept: its bytes, or a file that is moved in place. */
export type NewBlob = { readonly bytes: Uint8Array } | { readonly path: string };

/**
 * The directories of the store: `layers/sha256-<chain id>`, `blobs/sha256/<hex>` (configurations, manifests and the tars of layers as they
 * came), `partial/<hex>` (what broken pulls got of a blob), `tmp`.
 */
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
    for (const name of ['layers', 'blobs', join('blobs', 'sha256'), 'partial', 'tmp']) {
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
    return (await statIfThere(this.layerPath(chainId)))?.isDirectory() === true;
  }

  async hasBlob(digest: string, size: number): Promise<boolean> {
    return (await statIfThere(this.blobPath(digest)))?.size === size;
  }

  /** Runs `work` with a scratch directory on the store's file system, which is removed in any case. */
  async withScratch<T>(work: (directory: string) => Promise<T>): Promise<T> {
    const owner = `${process.pid}-${await processStartTime(process.pid)}`;
    const directory = join(this.#dataDir, 'tmp', `${owner}-${this.#env.random.uuid()}`);
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

  /** Its bytes were checked. */
  async putBlob(digest: string, blob: NewBlob): Promise<void> {
    const path = this.blobPath(digest);
    if ((await statIfThere(path)) !== undefined) return;
    if ('path' in blob) return rename(blob.path, path);
    await writeFile(`${path}.new`, blob.bytes, { mode: 0o600 });
    await rename(`${path}.new`, path);
  }

  /** Brings all file data of the store, also those in scratch, to the disk with one call of sync(1), as Node has no syncfs. */
  flush(signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const child = spawn('sync', ['-f', join(this.#dataDir, 'layers')], { stdio: 'ignore' });
      const end = (): void => void child.kill('SIGKILL');
      signal?.addEventListener('abort', end, { once: true });
      // Until it has ended it holds the directory.
      child.once('close', (code) => {
        signal?.removeEventListener('abort', end);
        if (code === 0) resolve();
        else reject(new Error(`sync(1), which brings images to the disk, ended with ${code ?? 'a signal'}`));
      });
      child.once('error', reject);
    });
  }

  /** Brings what was moved in place to the disk: the data are there already. */
  async flushNames(): Promise<void> {
    for (const name of ['layers', join('blobs', 'sha256')]) await syncDirectory(join(this.#dataDir, name));
  }

  /** Removes layers and blobs that no image uses. Call with the lock held. */
  async removeAllBut(layers: ReadonlySet<string>, blobs: ReadonlySet<string>): Promise<void> {
    await removeOthers(join(this.#dataDir, 'layers'), (name) => layers.has(name.replace('-', ':')));
    await removeOthers(join(this.#dataDir, 'blobs', 'sha256'), (name) => blobs.has(`sha256:${name}`));
  }

  /** Where a blob of this digest comes in a scratch directory. */
  downloadPath(scratch: string, digest: string): string {
    return join(scratch, `${downloadPrefix}${hexOf(digest)}`);
  }

  /** Moves what an earlier pull got of a blob to `path`. Whoever moves it has it alone. Returns its length; 0: there was none. */
  async takePartial(digest: string, path: string): Promise<number> {
    try {
      await rename(join(this.#dataDir, 'partial', hexOf(digest)), path);
      return (await stat(path)).size;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 0;
      throw error;
    }
  }

  /** Keeps what a pull got of a blob for the next one. */
  async keepPartial(digest: string, path: string): Promise<void> {
    const now = this.#env.clock.now() / 1000;
    await utimes(path, now, now);
    await rename(path, join(this.#dataDir, 'partial', hexOf(digest)));
  }

  /** Scratch directories of processes that ended before they could clean up. What they had of blobs becomes partial. */
  async removeDeadScratch(): Promise<void> {
    for (const name of await readdir(join(this.#dataDir, 'tmp'))) {
      if (await isOwnerAlive(name)) continue;
      const directory = join(this.#dataDir, 'tmp', name);
      for (const file of await readdir(directory).catch(() => [])) {
        const hex = file.startsWith(downloadPrefix) ? file.slice(downloadPrefix.length) : '';
        const path = join(directory, file);
        const isWorth = hexPattern.test(hex) && ((await statIfThere(path))?.size ?? 0) >= minPartialBytes;
        if (isWorth) await this.keepPartial(`sha256:${hex}`, path);
      }
      await rm(directory, { recursive: true, force: true });
    }
  }

  /** Removes partial blobs that are older, and the oldest beyond the bound. Returns what the others take. */
  async trimPartials(maxAgeMs: number, maxBytes: number): Promise<number> {
    const directory = join(this.#dataDir, 'partial');
    const found: { path: string; size: number; mtimeMs: number }[] = [];
    for (const name of await readdir(directory)) {
      const path = join(directory, name);
      const status = await statIfThere(path);
      if (status !== undefined) found.push({ path, size: status.size, mtimeMs: status.mtimeMs });
    }
    let total = 0;
    for (const { path, size, mtimeMs } of found.sort((a, b) => b.mtimeMs - a.mtimeMs)) {
      if (this.#env.clock.now() - mtimeMs > maxAgeMs || total + size > maxBytes) await rm(path, { force: true });
      else total += size;
    }
    return total;
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

function hexOf(digest: string): string {
  return digest.slice('sha256:'.length);
}

async function statIfThere(path: string): Promise<Stats | undefined> {
  try {
    return await lstat(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

async function removeOthers(directory: string, keep: (name: string) => boolean): Promise<void> {
  for (const name of await readdir(directory)) {
    if (!keep(name)) await rm(join(directory, name), { recursive: true, force: true });
  }
}

// A pid alone may be that of another process by now: that of a container's first process always is.
async function isOwnerAlive(name: string): Promise<boolean> {
  const [pid = '', startTime = ''] = name.split('-');
  return /^\d+$/.test(pid) && startTime !== '' && (await processStartTime(Number(pid))) === startTime;
}
