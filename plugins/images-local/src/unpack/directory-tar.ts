import { createReadStream, createWriteStream } from 'node:fs';
import { lstat, readdir, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import tar, { type Header, type Pack } from 'tar-stream';

type EntryHeader = Partial<Header> & Pick<Header, 'name'>;

/**
 * Writes a tar of a directory tree to `path`: the same tree gives the same bytes (names sorted, times in whole seconds). Follows no
 * symbolic link. Sockets, fifos and devices are left out, and so are extended attributes, which Node cannot read.
 */
export async function packDirectory(
  directory: string,
  path: string,
  check: () => void,
): Promise<{ readonly leftOut: readonly string[] }> {
  const pack = tar.pack();
  const work = new DirectoryPack(directory, pack, check);
  work
    .add('')
    .then(() => pack.finalize())
    .catch((error: unknown) => pack.destroy(error as Error));
  await pipeline(pack as unknown as Readable, createWriteStream(path, { flags: 'wx', mode: 0o600 }));
  return { leftOut: work.leftOut };
}

class DirectoryPack {
  readonly leftOut: string[] = [];
  readonly #directory: string;
  readonly #pack: Pack;
  readonly #check: () => void;
  readonly #hardLinks: Map<string, string> = new Map();

  constructor(directory: string, pack: Pack, check: () => void) {
    this.#directory = directory;
    this.#pack = pack;
    this.#check = check;
  }

  async add(name: string): Promise<void> {
    this.#check();
    const path = join(this.#directory, name);
    const found = await lstat(path);
    const header: EntryHeader = {
      name,
      mode: found.mode & 0o7777,
      uid: found.uid,
      gid: found.gid,
      // The packer writes whole seconds.
      mtime: found.mtime,
    };
    if (found.isDirectory()) {
      // The root has no entry in common layers either.
      if (name !== '') await this.#entry({ ...header, type: 'directory' });
      for (const child of (await readdir(path)).sort()) await this.add(name === '' ? child : `${name}/${child}`);
    } else if (found.isSymbolicLink()) {
      await this.#entry({ ...header, type: 'symlink', linkname: await readlink(path) });
    } else if (found.isFile()) {
      const inode = `${found.dev}.${found.ino}`;
      const first = found.nlink > 1 ? this.#hardLinks.get(inode) : undefined;
      if (first !== undefined) await this.#entry({ ...header, type: 'link', linkname: first });
      else await this.#file({ ...header, type: 'file', size: found.size }, path);
      if (found.nlink > 1) this.#hardLinks.set(inode, first ?? name);
    } else if (this.leftOut.length < 10) this.leftOut.push(name);
  }

  /** A file has bytes, be they none: without them its entry waits for some. */
  #entry(header: EntryHeader, bytes?: Buffer): Promise<void> {
    return new Promise((done, fail) => {
      const callback = (error?: Error | null): void => (error ? fail(error) : done());
      if (bytes === undefined) this.#pack.entry(header, callback);
      else this.#pack.entry(header, bytes, callback);
    });
  }

  async #file(header: EntryHeader, path: string): Promise<void> {
    const size = header.size ?? 0;
    if (size === 0) return this.#entry({ ...header, size: 0 }, Buffer.alloc(0));
    const sink = this.#pack.entry(header);
    // A file that grows meanwhile is cut at the size the header says; one that shrinks is an error of the pack.
    await pipeline(createReadStream(path, { end: size - 1 }), sink);
  }
}
