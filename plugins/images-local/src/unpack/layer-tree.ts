import {
  chmodSync,
  chownSync,
  closeSync,
  fchmodSync,
  fchownSync,
  futimesSync,
  lchownSync,
  linkSync,
  lstatSync,
  lutimesSync,
  openSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeSync,
  type Stats,
} from 'node:fs';
import { join } from 'node:path';
import { ownerHere, type Owner } from '@timonel/sdk/linux';
import { corrupt, shown } from './corrupt.ts';
import { lstatIfThere, makeDirectory, parentOf } from './entry-names.ts';

/** Mode, owner and time of an entry. Times in seconds. */
export interface EntryAttributes {
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly mtime: number;
}

/** A file while its bytes come. */
export interface OpenFile {
  readonly name: string;
  readonly attributes: EntryAttributes;
  readonly descriptor: number;
}

/** Names, for what the layers below show of them. */
const mostRemembered = 10_000;

/**
 * A directory into which entries of untrusted archives are written. Names are relative and clean (see
 * `cleanEntryName`); no write ever goes through a symbolic link, so that nothing lands outside. All calls are synchronous: one hop to a
 * thread for each of the six of a file takes longer than the calls, and the tree belongs to a thread of its own.
 */
export class LayerTree {
  readonly root: string;
  readonly #asRoot: boolean = process.getuid?.() === 0;
  // Directories known to be real: saves an lstat for each parent of each entry.
  #directories: Set<string> = new Set(['']);
  readonly #directoryAttributes: Map<string, EntryAttributes> = new Map();
  readonly #lower: readonly string[];
  readonly #below: Map<string, readonly string[]> = new Map();
  #looksLeft: number;
  /** Entries that are root's because this node does not have the ids of their owners. */
  disowned = 0;

  /** `lower`: the directories of the layers below, top first. `maxLooks` bounds how often parents are looked at. */
  constructor(root: string, lower: readonly string[] = [], maxLooks: number = 20_000_000) {
    this.root = root;
    this.#lower = lower;
    this.#looksLeft = maxLooks;
  }

  addDirectory(name: string, attributes: EntryAttributes): void {
    this.#makeParents(name);
    if (!this.#directories.has(name)) {
      const found = this.lstat(name);
      if (found !== undefined && !found.isDirectory()) this.#clear(name);
      if (found === undefined || !found.isDirectory()) makeDirectory(join(this.root, name));
      this.#directories.add(name);
    }
    // Set at the end: writing into a directory changes its time, and its mode may forbid writing.
    this.#directoryAttributes.set(name, attributes);
  }

  /** Follow it by {@link write} and {@link closeFile}, or {@link dropFile}. */
  openFile(name: string, attributes: EntryAttributes): OpenFile {
    this.#requireName(name);
    this.#makeParents(name);
    const path = join(this.root, name);
    return { name, attributes, descriptor: this.#create(name, () => openSync(path, 'wx', 0o600)) };
  }

  write(file: OpenFile, piece: Uint8Array): void {
    for (let at = 0; at < piece.length;) at += writeSync(file.descriptor, piece, at);
  }

  closeFile({ descriptor, attributes }: OpenFile): void {
    try {
      // chown clears set-user-id, so the mode comes after.
      this.#own(attributes, (uid, gid) => fchownSync(descriptor, uid, gid));
      fchmodSync(descriptor, attributes.mode);
      futimesSync(descriptor, attributes.mtime, attributes.mtime);
    } finally {
      closeSync(descriptor);
    }
  }

  dropFile({ descriptor }: OpenFile): void {
    closeSync(descriptor);
  }

  /** Moves a file that was made outside of the tree to `name`. */
  takeFile(name: string, path: string): void {
    this.#requireName(name);
    this.#makeParents(name);
    this.#clear(name);
    renameSync(path, join(this.root, name));
  }

  addSymbolicLink(name: string, target: string, attributes: EntryAttributes): void {
    if (target === '' || target.includes('\0') || Buffer.byteLength(target) > 4095) {
      throw corrupt(`the symbolic link ${shown(name)} has a bad target`);
    }
    this.#requireName(name);
    this.#makeParents(name);
    const path = join(this.root, name);
    this.#create(name, () => symlinkSync(target, path));
    this.#own(attributes, (uid, gid) => lchownSync(path, uid, gid));
    lutimesSync(path, attributes.mtime, attributes.mtime);
  }

  /** `target` is a clean name in the same tree. */
  addHardLink(name: string, target: string): void {
    this.#requireParents(target, `the hard link ${shown(name)}`);
    const found = this.lstat(target);
    if (found === undefined || found.isDirectory()) {
      throw corrupt(`the hard link ${shown(name)} points to ${shown(target)}, which is not a file of this layer`);
    }
    if (name === target) return;
    this.#requireName(name);
    this.#makeParents(name);
    if (target.startsWith(`${name}/`)) throw corrupt(`the hard link ${shown(name)} points into itself`);
    this.#create(name, () => linkSync(join(this.root, target), join(this.root, name)));
  }

  /** Puts a hard link to a whiteout device (made outside of the tree) at `name`, unless the layer itself has that name. */
  addWhiteout(name: string, device: string): void {
    this.#makeParents(name);
    if (this.lstat(name) === undefined) linkSync(device, join(this.root, name));
  }

  /** Makes a directory, and what is missing above it, with common attributes unless an entry gives others. */
  ensureDirectory(name: string): void {
    if (name !== '') this.#makeParents(`${name}/x`);
  }

  lstat(name: string): Stats | undefined {
    return this.#look(join(this.root, name));
  }

  /** Sets what was put off: attributes of directories, the deepest first. */
  finish(): void {
    const names = [...this.#directoryAttributes.keys()].sort((a, b) => b.length - a.length);
    for (const name of names) {
      const attributes = this.#directoryAttributes.get(name);
      if (attributes === undefined || !this.#isRealDirectory(name)) continue;
      const path = join(this.root, name);
      this.#own(attributes, (uid, gid) => chownSync(path, uid, gid));
      chmodSync(path, attributes.mode);
      utimesSync(path, attributes.mtime, attributes.mtime);
    }
  }

  #own(owner: Owner, change: (uid: number, gid: number) => void): void {
    if (!this.#asRoot) return;
    const { uid, gid } = ownerHere(owner);
    if (uid !== owner.uid || gid !== owner.gid) this.disowned += 1;
    change(uid, gid);
  }

  #look(path: string): Stats | undefined {
    if (--this.#looksLeft < 0) throw corrupt('the layer replaces directories too often: refused');
    return lstatIfThere(path);
  }

  /** Names are mostly new: what is in the way is looked for only when it is. */
  #create<T>(name: string, make: () => T): T {
    try {
      return make();
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      this.#clear(name);
      return make();
    }
  }

  #clear(name: string): void {
    const found = this.lstat(name);
    if (found === undefined) return;
    rmSync(join(this.root, name), { recursive: true, force: true });
    // What was below is gone too. It is looked at again where it matters: replaced directories are rare.
    if (found.isDirectory()) this.#directories = new Set(['']);
  }

  #requireName(name: string): void {
    if (name === '') throw corrupt('an entry that is no directory is named as the root of the layer');
  }

  #makeParents(name: string): void {
    const parent = parentOf(name);
    if (this.#directories.has(parent)) return;
    this.#makeParents(parent);
    const found = this.lstat(parent);
    if (found === undefined) this.#makeImplied(parent);
    else if (!found.isDirectory()) throw this.#notThroughHere(name, parent);
    this.#directories.add(parent);
  }

  // overlayfs shows the attributes of the topmost directory: one that the archive does not name keeps those from below.
  #makeImplied(name: string): void {
    makeDirectory(join(this.root, name));
    const [topmost] = this.#layersWith(name);
    if (topmost === undefined) return;
    const { mode, uid, gid, mtimeMs } = lstatSync(join(topmost, name));
    this.#directoryAttributes.set(name, { mode: mode & 0o7777, uid, gid, mtime: mtimeMs / 1000 });
  }

  /** Layers below that show this as a directory, top first. Nothing is looked for through their links, nor below what hides it. */
  #layersWith(name: string): readonly string[] {
    if (name === '') return this.#lower;
    const known = this.#below.get(name);
    if (known !== undefined) return known;
    const layers: string[] = [];
    for (const layer of this.#layersWith(parentOf(name))) {
      const found = this.#look(join(layer, name));
      if (found?.isDirectory() === true) layers.push(layer);
      else if (found !== undefined) break;
    }
    if (this.#below.size > mostRemembered) this.#below.clear();
    this.#below.set(name, layers);
    return layers;
  }

  #isRealDirectory(name: string): boolean {
    if (this.#directories.has(name)) return true;
    if (!this.#isRealDirectory(parentOf(name)) || this.lstat(name)?.isDirectory() !== true) return false;
    this.#directories.add(name);
    return true;
  }

  #requireParents(name: string, what: string): void {
    if (!this.#isRealDirectory(parentOf(name)))
      throw corrupt(`${what} points to ${shown(name)}, which is not in this layer`);
  }

  #notThroughHere(name: string, parent: string): Error {
    return corrupt(`the entry ${shown(name)} goes through ${shown(parent)}, which is a link or a file: refused`);
  }
}
