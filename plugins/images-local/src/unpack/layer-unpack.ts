import type { Limits } from '../config.ts';
import { corrupt, shown } from './corrupt.ts';
import { cleanEntryName } from './entry-names.ts';
import { LayerTree, type EntryAttributes, type OpenFile } from './layer-tree.ts';
import type { TarHeader } from './tar-header.ts';
import type { TarSummary } from './tar-stream.ts';
import type { TarVisitor } from './tar-reader.ts';
import { collectWhiteouts, writeWhiteouts } from './whiteouts.ts';
import { keptXattrs, XattrFile } from './xattr-file.ts';

const whiteoutPrefix = '.wh.';
const opaqueMarker = '.wh..wh..opq';
/** Each costs a run of tar(1). Images have a handful. */
const maxXattrFiles = 1000;

export type UnpackLimits = Pick<Limits, 'maxLayerBytes' | 'maxLayerEntries'>;

export interface UnpackedLayer extends TarSummary {
  /** Of the files as they lie on the disk. */
  readonly unpackedBytes: number;
  /** What was left out, for the log. */
  readonly notes: readonly string[];
}

/**
 * Unpacks one layer into `root` in the form overlayfs wants. Whiteouts become character devices 0/0. overlayfs would
 * mark an opaque directory by an extended attribute, which Node cannot set: instead each name that the layers below
 * hold in that directory gets a whiteout. That means the same, because a layer directory is only ever used upon the
 * layers it was unpacked for (its name is the chain id).
 * Device nodes and fifos are left out. Of extended attributes file capabilities and those of users are kept.
 */
export async function unpackLayer(
  /** Sends a layer's tar through a visitor. */
  read: (visitor: TarVisitor) => Promise<TarSummary>,
  root: string,
  /** Directories of the layers below, top first. */
  lower: readonly string[],
  limits: UnpackLimits,
): Promise<UnpackedLayer> {
  const unpack = new LayerUnpack(root, lower, limits);
  try {
    const summary = await read(unpack);
    writeWhiteouts(unpack.tree, collectWhiteouts(unpack.tree, unpack.hidden, unpack.opaque, lower, limits));
    unpack.tree.finish();
    return { ...summary, unpackedBytes: unpack.unpackedBytes, notes: unpack.notes() };
  } finally {
    unpack.close();
  }
}

class LayerUnpack implements TarVisitor {
  readonly tree: LayerTree;
  readonly hidden: Set<string> = new Set();
  readonly opaque: Set<string> = new Set();
  readonly #xattrPlace: string;
  readonly #limits: UnpackLimits;
  #entries = 0;
  #file: OpenFile | undefined;
  #xattrFile: { readonly name: string; readonly file: XattrFile } | undefined;
  #xattrFiles = 0;
  #xattrWarning = '';
  #skipped = 0;
  unpackedBytes = 0;

  constructor(root: string, lower: readonly string[], limits: UnpackLimits) {
    this.tree = new LayerTree(root, lower, limits.maxLayerEntries * 20);
    this.#limits = limits;
    this.#xattrPlace = `${root}.xattr`;
  }

  entry(header: TarHeader): void {
    if (++this.#entries > this.#limits.maxLayerEntries) {
      throw corrupt(`a layer has more than ${this.#limits.maxLayerEntries} entries`);
    }
    const name = cleanEntryName(header.name);
    const base = name.slice(name.lastIndexOf('/') + 1);
    if (base.startsWith(whiteoutPrefix)) this.#noteWhiteout(name, base);
    else this.#add(name, header);
  }

  data(piece: Uint8Array): void {
    this.#xattrFile?.file.write(piece);
    if (this.#file !== undefined) this.tree.write(this.#file, piece);
  }

  end(): void {
    const file = this.#file;
    this.#file = undefined;
    if (file !== undefined) this.tree.closeFile(file);
    const special = this.#xattrFile;
    this.#xattrFile = undefined;
    if (special === undefined) return;
    const { path, warning } = special.file.finish();
    this.tree.takeFile(special.name, path);
    XattrFile.clean(this.#xattrPlace);
    this.#xattrWarning ||= warning;
  }

  notes(): readonly string[] {
    return [
      ...(this.#skipped > 0 ? [`${this.#skipped} device nodes and fifos were left out`] : []),
      ...(this.tree.disowned > 0
        ? [`${this.tree.disowned} files are root's: this node has no ids for their owners`]
        : []),
      ...(this.#xattrWarning === '' ? [] : [`extended attributes: ${this.#xattrWarning}`]),
    ];
  }

  /** Nothing stays open or beside the layer, also after a fault. */
  close(): void {
    if (this.#file !== undefined) this.tree.dropFile(this.#file);
    this.#file = undefined;
    this.#xattrFile?.file.drop();
    this.#xattrFile = undefined;
    if (this.#xattrFiles > 0) XattrFile.clean(this.#xattrPlace);
  }

  #add(name: string, header: TarHeader): void {
    const attributes = attributesOf(header);
    switch (header.type) {
      case 'directory':
        return this.tree.addDirectory(name, attributes);
      case 'file':
        return this.#addFile(name, attributes, header);
      case 'symlink':
        return this.tree.addSymbolicLink(name, header.linkname, attributes);
      case 'link':
        return this.tree.addHardLink(name, cleanEntryName(header.linkname));
      case 'character-device':
      case 'block-device':
      case 'fifo':
        this.#skipped++;
        return;
      default:
        throw corrupt(`the entry ${shown(header.name)} is of a kind that is not supported (sparse or unknown)`);
    }
  }

  #addFile(name: string, attributes: EntryAttributes, header: TarHeader): void {
    const xattrs = keptXattrs(header.xattrs);
    this.unpackedBytes += header.size;
    if (xattrs.size === 0) {
      this.#file = this.tree.openFile(name, attributes);
      return;
    }
    if (++this.#xattrFiles > maxXattrFiles) {
      throw corrupt(`a layer has more than ${maxXattrFiles} files with extended attributes`);
    }
    this.#xattrFile = { name, file: new XattrFile(this.#xattrPlace, attributes, xattrs, header.size) };
  }

  #noteWhiteout(name: string, base: string): void {
    const parent = name.slice(0, Math.max(0, name.length - base.length - 1));
    if (base === opaqueMarker) {
      this.opaque.add(parent);
      return;
    }
    // Other double markers (.wh..wh.plnk and so on) are aufs's own book-keeping.
    if (base.startsWith(`${whiteoutPrefix}${whiteoutPrefix}`)) return;
    const hidden = base.slice(whiteoutPrefix.length);
    if (hidden === '' || hidden === '.' || hidden === '..') throw corrupt(`${shown(name)} is not a whiteout`);
    this.hidden.add(parent === '' ? hidden : `${parent}/${hidden}`);
  }
}

function attributesOf(header: TarHeader): EntryAttributes {
  return {
    mode: header.mode,
    uid: ownerId(header.uid),
    gid: ownerId(header.gid),
    mtime: Math.min(Math.max(header.mtime, 0), 2 ** 33),
  };
}

function ownerId(id: number): number {
  if (!Number.isInteger(id) || id < 0 || id > 4_294_967_294) throw corrupt(`${String(id)} is not a user or group id`);
  return id;
}
