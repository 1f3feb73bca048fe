import { chmod, chown, lchown, link, lstat, lutimes, mkdir, open, rm, symlink, utimes } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Stats } from 'node:fs';
import { corrupt, shown } from './corrupt.ts';

/** Mode, owner and time of an entry. Times in seconds. */
export interface EntryAttributes {
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly mtime: number;
}

/**
 * A directory into which entries of untrusted archives are written. Names are relative and clean (see
 * {@link cleanEntryName}); no write ever goes through a symbolic link, so that nothing lands outside.
 */
export class LayerTree {
  readonly root: string;
  readonly #asRoot: boolean = process.getuid?.() === 0;
  // Directories known to be real: saves an lstat for each parent of each entry.
  readonly #directories: Set<string> = new Set(['']);
  readonly #directoryAttributes: Map<string, EntryAttributes> = new Map();

  readonly #lower: readonly string[];

  /** `lower`: the directories of the layers below, top first. */
  constructor(root: string, lower: readonly string[] = []) {
    this.root = root;
    this.#lower = lower;
  }

  async addDirectory(name: string, attributes: EntryAttributes): Promise<void> {
    await this.#makeParents(name);
    if (!this.#directories.has(name)) {
      const found = await this.lstat(name);
      if (found !== undefined && !found.isDirectory()) await this.#clear(name);
      if (found === undefined || !found.isDirectory()) await makeDirectory(join(this.root, name));
      this.#directories.add(name);
    }
    // Set at the end: writing into a directory changes its time, and its mode may forbid writing.
    this.#directoryAttributes.set(name, attributes);
  }

  /** Writes a file and returns its length. */
  async addFile(name: string, attributes: EntryAttributes, content: AsyncIterable<Uint8Array>): Promise<number> {
    await this.#replace(name);
    const file = await open(join(this.root, name), 'wx', 0o600);
    let sizeBytes = 0;
    try {
      for await (const chunk of content) {
        sizeBytes += chunk.byteLength;
        await file.writeFile(chunk);
      }
      // chown clears set-user-id, so the mode comes after.
      if (this.#asRoot) await file.chown(attributes.uid, attributes.gid);
      await file.chmod(attributes.mode);
      await file.utimes(attributes.mtime, attributes.mtime);
    } finally {
      await file.close();
    }
    return sizeBytes;
  }

  async addSymbolicLink(name: string, target: string, attributes: EntryAttributes): Promise<void> {
    if (target === '' || target.includes('\0')) throw corrupt(`the symbolic link ${shown(name)} has a bad target`);
    await this.#replace(name);
    const path = join(this.root, name);
    await symlink(target, path);
    if (this.#asRoot) await lchown(path, attributes.uid, attributes.gid);
    await lutimes(path, attributes.mtime, attributes.mtime);
  }

  /** `target` is a clean name in the same tree. */
  async addHardLink(name: string, target: string): Promise<void> {
    await this.#requireParents(target, `the hard link ${shown(name)}`);
    const found = await this.lstat(target);
    if (found === undefined || found.isDirectory()) {
      throw corrupt(`the hard link ${shown(name)} points to ${shown(target)}, which is not a file of this layer`);
    }
    if (name === target) return;
    await this.#replace(name);
    await link(join(this.root, target), join(this.root, name));
  }

  /** Puts a hard link to a whiteout device (made outside of the tree) at `name`, unless the layer itself has that name. */
  async addWhiteout(name: string, device: string): Promise<void> {
    await this.#makeParents(name);
    if ((await this.lstat(name)) === undefined) await link(device, join(this.root, name));
  }

  /** Makes a directory, and what is missing above it, with common attributes unless an entry gives others. */
  async ensureDirectory(name: string): Promise<void> {
    if (name !== '') await this.#makeParents(`${name}/x`);
  }

  async lstat(name: string): Promise<Stats | undefined> {
    return lstatIfThere(join(this.root, name));
  }

  /** Sets what was put off: attributes of directories, the deepest first. */
  async finish(): Promise<void> {
    const names = [...this.#directoryAttributes.keys()].sort((a, b) => b.length - a.length);
    for (const name of names) {
      const attributes = this.#directoryAttributes.get(name);
      if (attributes === undefined || !this.#directories.has(name)) continue;
      const path = join(this.root, name);
      if (this.#asRoot) await chown(path, attributes.uid, attributes.gid);
      await chmod(path, attributes.mode);
      await utimes(path, attributes.mtime, attributes.mtime);
    }
  }

  async #replace(name: string): Promise<void> {
    if (name === '') throw corrupt('an entry that is no directory is named as the root of the layer');
    await this.#makeParents(name);
    await this.#clear(name);
  }

  async #clear(name: string): Promise<void> {
    await rm(join(this.root, name), { recursive: true, force: true });
    for (const known of this.#directories) {
      if (known === name || known.startsWith(`${name}/`)) {
        this.#directories.delete(known);
        this.#directoryAttributes.delete(known);
      }
    }
  }

  async #makeParents(name: string): Promise<void> {
    const parent = parentOf(name);
    if (this.#directories.has(parent)) return;
    await this.#makeParents(parent);
    const found = await this.lstat(parent);
    if (found === undefined) await this.#makeImplied(parent);
    else if (!found.isDirectory()) throw this.#notThroughHere(name, parent);
    this.#directories.add(parent);
  }

  // overlayfs shows the attributes of the topmost directory: one that the archive does not name keeps those from below.
  async #makeImplied(name: string): Promise<void> {
    await makeDirectory(join(this.root, name));
    for (const layer of this.#lower) {
      const below = await lstatIfThere(join(layer, name));
      if (below === undefined) continue;
      if (below.isDirectory()) {
        const { mode, uid, gid, mtimeMs } = below;
        this.#directoryAttributes.set(name, { mode: mode & 0o7777, uid, gid, mtime: mtimeMs / 1000 });
      }
      return;
    }
  }

  async #requireParents(name: string, what: string): Promise<void> {
    for (let parent = parentOf(name); parent !== ''; parent = parentOf(parent)) {
      const found = await this.lstat(parent);
      if (found?.isDirectory() !== true) throw corrupt(`${what} points to ${shown(name)}, which is not in this layer`);
    }
  }

  #notThroughHere(name: string, parent: string): Error {
    return corrupt(`the entry ${shown(name)} goes through ${shown(parent)}, which is a link or a file: refused`);
  }
}

/**
 * The name of an archive entry, relative to the root, without `.` and empty parts; '' is the root itself.
 * @throws ImageError CorruptImage for absolute names and those with `..`
 */
export function cleanEntryName(name: string): string {
  if (name.includes('\0')) throw corrupt(`the entry name ${shown(name)} holds a zero byte`);
  if (name.startsWith('/')) throw corrupt(`the entry name ${shown(name)} is absolute: refused`);
  if (Buffer.byteLength(name) > 4096) throw corrupt(`the entry name ${shown(name)} is longer than 4096 bytes`);
  const parts = name.split('/').filter((part) => part !== '' && part !== '.');
  for (const part of parts) {
    if (part === '..') throw corrupt(`the entry name ${shown(name)} leaves the root of the image: refused`);
    if (Buffer.byteLength(part) > 255)
      throw corrupt(`a part of the entry name ${shown(name)} is longer than 255 bytes`);
  }
  return parts.join('/');
}

/** With the common mode, whatever the umask of this process is: containers run as other users. */
export async function makeDirectory(path: string): Promise<void> {
  await mkdir(path);
  await chmod(path, 0o755);
}

export async function lstatIfThere(path: string): Promise<Stats | undefined> {
  try {
    return await lstat(path);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw error;
  }
}

function parentOf(name: string): string {
  const parent = dirname(name);
  return parent === '.' ? '' : parent;
}
