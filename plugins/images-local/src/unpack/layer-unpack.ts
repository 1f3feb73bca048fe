import { execFile } from 'node:child_process';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Header } from 'tar-stream';
import type { Logger } from '@timonel/sdk';
import type { Limits } from './config.ts';
import { corrupt, shown } from './corrupt.ts';
import { cleanEntryName, LayerTree, lstatIfThere, type EntryAttributes } from './layer-tree.ts';
import type { TarEntry, TarSummary } from './tar-entries.ts';

const run = promisify(execFile);
const whiteoutPrefix = '.wh.';
const opaqueMarker = '.wh..wh..opq';

/** A way to go through the entries of a layer's tar. */
export type ReadEntries = (visit: (entry: TarEntry) => Promise<void>) => Promise<TarSummary>;

export interface UnpackedLayer extends TarSummary {
  /** Of the files as they lie on the disk. */
  readonly unpackedBytes: number;
}

/**
 * Unpacks one layer into `root` in the form overlayfs wants. Whiteouts become character devices 0/0. overlayfs would
 * mark an opaque directory by an extended attribute, which Node cannot set: instead each name that the layers below
 * hold in that directory gets a whiteout. That means the same, because a layer directory is only ever used upon the
 * layers it was unpacked for (its name is the chain id).
 * Device nodes and fifos are left out; extended attributes (file capabilities) are not kept.
 */
export async function unpackLayer(
  read: ReadEntries,
  root: string,
  /** Directories of the layers below, top first. */
  lower: readonly string[],
  limits: Limits,
  log: Logger,
): Promise<UnpackedLayer> {
  const unpack = new LayerUnpack(root, lower, limits);
  const summary = await read((entry) => unpack.entry(entry));
  const whiteouts = await unpack.collectWhiteouts(lower);
  if (whiteouts.length > 0) await unpack.writeWhiteouts(whiteouts);
  await unpack.tree.finish();
  if (unpack.skipped > 0) {
    log.warn({ diffId: summary.digest, skipped: unpack.skipped }, 'device nodes and fifos of a layer were left out');
  }
  return { ...summary, unpackedBytes: unpack.unpackedBytes };
}

class LayerUnpack {
  readonly tree: LayerTree;
  readonly #root: string;
  readonly #limits: Limits;
  readonly #whiteouts: Set<string> = new Set();
  readonly #opaque: Set<string> = new Set();
  #entries = 0;
  unpackedBytes = 0;
  skipped = 0;

  constructor(root: string, lower: readonly string[], limits: Limits) {
    this.tree = new LayerTree(root, lower);
    this.#root = root;
    this.#limits = limits;
  }

  async entry({ header, content }: TarEntry): Promise<void> {
    this.#entries++;
    if (this.#entries > this.#limits.maxLayerEntries) {
      throw corrupt(`a layer has more than ${this.#limits.maxLayerEntries} entries`);
    }
    const name = cleanEntryName(header.name);
    const base = name.slice(name.lastIndexOf('/') + 1);
    if (base.startsWith(whiteoutPrefix)) this.#noteWhiteout(name, base);
    else await this.#add(name, header, content);
  }

  async #add(name: string, header: Header, content: AsyncIterable<Uint8Array>): Promise<void> {
    const attributes = attributesOf(header);
    switch (header.type) {
      case 'directory':
        return this.tree.addDirectory(name, attributes);
      case 'file':
      case 'contiguous-file':
        this.unpackedBytes += await this.tree.addFile(name, attributes, content);
        return;
      case 'symlink':
        return this.tree.addSymbolicLink(name, header.linkname ?? '', attributes);
      case 'link':
        return this.tree.addHardLink(name, cleanEntryName(header.linkname ?? ''));
      case 'character-device':
      case 'block-device':
        this.skipped++;
        return;
      default:
        // fifos come as 'fifo' at run time, which the types leave out.
        if ((header.type as string) === 'fifo') this.skipped++;
        else throw corrupt(`the entry ${shown(header.name)} is of a kind that is not supported (sparse or unknown)`);
    }
  }

  #noteWhiteout(name: string, base: string): void {
    const parent = name.slice(0, Math.max(0, name.length - base.length - 1));
    if (base === opaqueMarker) {
      this.#opaque.add(parent);
      return;
    }
    // Other double markers (.wh..wh.plnk and so on) are aufs's own book-keeping.
    if (base.startsWith(`${whiteoutPrefix}${whiteoutPrefix}`)) return;
    const hidden = base.slice(whiteoutPrefix.length);
    if (hidden === '' || hidden === '.' || hidden === '..') throw corrupt(`${shown(name)} is not a whiteout`);
    this.#whiteouts.add(parent === '' ? hidden : `${parent}/${hidden}`);
  }

  /** All names to hide. A whiteout speaks of the layers below only: a directory this layer makes anew is opaque. */
  async collectWhiteouts(lower: readonly string[]): Promise<readonly string[]> {
    const hide: string[] = [];
    const opaque = [...this.#opaque];
    // Looked at only now, when all entries are there: none of these names may lead through a link.
    for (const name of opaque) await this.tree.ensureDirectory(name);
    for (const name of this.#whiteouts) {
      await this.tree.ensureDirectory(name.slice(0, Math.max(0, name.lastIndexOf('/'))));
      const own = await this.tree.lstat(name);
      if (own === undefined) hide.push(name);
      else if (own.isDirectory()) opaque.push(name);
    }
    const queue = opaque;
    for (let directory = queue.pop(); directory !== undefined; directory = queue.pop()) {
      for (const child of await namesBelow(lower, directory)) {
        const name = directory === '' ? child : `${directory}/${child}`;
        const own = await this.tree.lstat(name);
        if (own === undefined) hide.push(name);
        else if (own.isDirectory()) queue.push(name);
        if (hide.length > this.#limits.maxLayerEntries) {
          throw corrupt(`a layer hides more than ${this.#limits.maxLayerEntries} names`);
        }
      }
    }
    return hide;
  }

  async writeWhiteouts(names: readonly string[]): Promise<void> {
    // Node cannot make device nodes. One is made by mknod(1); the others are links to it, as overlayfs itself does.
    // A file system bounds the links of one inode (ext4: 65,000), hence a new device now and then.
    const perDevice = 10_000;
    for (let from = 0; from < names.length; from += perDevice) {
      const device = `${this.#root}.whiteout`;
      await run('mknod', ['-m', '0', device, 'c', '0', '0']);
      try {
        for (const name of names.slice(from, from + perDevice)) await this.tree.addWhiteout(name, device);
      } finally {
        await rm(device, { force: true });
      }
    }
  }
}

/** What the layers below hold in a directory. Goes through no link: a link there hides what is deeper anyway. */
async function namesBelow(lower: readonly string[], directory: string): Promise<ReadonlySet<string>> {
  const names = new Set<string>();
  for (const layer of lower) {
    if (!(await isRealDirectory(layer, directory))) continue;
    for (const entry of await readdir(join(layer, directory), { withFileTypes: true })) {
      // A whiteout below hides nothing that is not also hidden by ours; skip it only when no other layer has the name.
      if (!entry.isCharacterDevice()) names.add(entry.name);
    }
  }
  return names;
}

async function isRealDirectory(layer: string, directory: string): Promise<boolean> {
  let path = layer;
  for (const part of directory === '' ? [] : directory.split('/')) {
    path = join(path, part);
    if ((await lstatIfThere(path))?.isDirectory() !== true) return false;
  }
  return true;
}

function attributesOf(header: Header): EntryAttributes {
  const pax = (header as { pax?: Readonly<Record<string, string>> | null }).pax ?? {};
  const time = Number(pax['mtime'] ?? Number.NaN);
  const mtime = Number.isFinite(time) ? time : (header.mtime?.getTime() ?? 0) / 1000;
  return {
    mode: (header.mode ?? 0o644) & 0o7777,
    uid: ownerId(pax['uid'], header.uid),
    gid: ownerId(pax['gid'], header.gid),
    mtime: Number.isFinite(mtime) ? Math.min(Math.max(mtime, 0), 2 ** 33) : 0,
  };
}

function ownerId(fromPax: string | undefined, fromHeader: number | undefined): number {
  const id = Number(fromPax ?? fromHeader ?? 0);
  if (!Number.isInteger(id) || id < 0 || id > 4_294_967_294) throw corrupt(`${String(id)} is not a user or group id`);
  return id;
}
