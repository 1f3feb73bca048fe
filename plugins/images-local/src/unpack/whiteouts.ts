import { execFileSync } from 'node:child_process';
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { corrupt } from './corrupt.ts';
import { lstatIfThere } from './entry-names.ts';
import type { LayerTree } from './layer-tree.ts';

/** All names to hide. A whiteout speaks of the layers below only: a directory this layer makes anew is opaque. */
export function collectWhiteouts(
  tree: LayerTree,
  hidden: ReadonlySet<string>,
  opaque: ReadonlySet<string>,
  lower: readonly string[],
  limits: { readonly maxLayerEntries: number },
): readonly string[] {
  const hide: string[] = [];
  const queue = [...opaque];
  // Looked at only now, when all entries are there: none of these names may lead through a link.
  for (const name of queue) tree.ensureDirectory(name);
  for (const name of hidden) {
    tree.ensureDirectory(name.slice(0, Math.max(0, name.lastIndexOf('/'))));
    const own = tree.lstat(name);
    if (own === undefined) hide.push(name);
    else if (own.isDirectory()) queue.push(name);
  }
  for (let directory = queue.pop(); directory !== undefined; directory = queue.pop()) {
    for (const child of namesBelow(lower, directory)) {
      const name = directory === '' ? child : `${directory}/${child}`;
      const own = tree.lstat(name);
      if (own === undefined) hide.push(name);
      else if (own.isDirectory()) queue.push(name);
      if (hide.length > limits.maxLayerEntries) {
        throw corrupt(`a layer hides more than ${limits.maxLayerEntries} names`);
      }
    }
  }
  return hide;
}

export function writeWhiteouts(tree: LayerTree, names: readonly string[]): void {
  // Node cannot make device nodes. One is made by mknod(1); the others are links to it, as overlayfs itself does.
  // A file system bounds the links of one inode (ext4: 65,000), hence a new device now and then.
  const perDevice = 10_000;
  for (let from = 0; from < names.length; from += perDevice) {
    const device = `${tree.root}.whiteout`;
    execFileSync('mknod', ['-m', '0', device, 'c', '0', '0']);
    try {
      for (const name of names.slice(from, from + perDevice)) tree.addWhiteout(name, device);
    } finally {
      rmSync(device, { force: true });
    }
  }
}

/** What the layers below hold in a directory. Goes through no link: a link there hides what is deeper anyway. */
function namesBelow(lower: readonly string[], directory: string): ReadonlySet<string> {
  const names = new Set<string>();
  for (const layer of lower) {
    if (!isRealDirectory(layer, directory)) continue;
    for (const entry of readdirSync(join(layer, directory), { withFileTypes: true })) {
      // A whiteout below hides nothing that is not also hidden by ours; skip it only when no other layer has the name.
      if (!entry.isCharacterDevice()) names.add(entry.name);
    }
  }
  return names;
}

function isRealDirectory(layer: string, directory: string): boolean {
  let path = layer;
  for (const part of directory === '' ? [] : directory.split('/')) {
    path = join(path, part);
    if (lstatIfThere(path)?.isDirectory() !== true) return false;
  }
  return true;
}
