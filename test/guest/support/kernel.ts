/** The kernel of the guest: Debian's, from its package, in a cache directory; nothing of it is installed. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { root } from './paths.ts';

/** Filled by `node scripts/guest-kernel.mjs`. */
const cache = join(root, '.cache', 'guest-kernel');
const wanted = ['virtio_pci', 'virtio_blk', 'overlay', 'veth', 'vxlan', 'wireguard'];

export interface GuestKernel {
  readonly release: string;
  readonly image: string;
  /** Files of modules, each after those it needs. */
  readonly modules: readonly string[];
}

/** @throws Error with what to do when there is none */
export function guestKernel(): GuestKernel {
  const images = existsSync(join(cache, 'boot')) ? readdirSync(join(cache, 'boot')) : [];
  const image = images.find((name) => name.startsWith('vmlinuz-'));
  if (image === undefined) {
    throw new Error('the guest has no kernel: run "node scripts/guest-kernel.mjs" (package linux-image-cloud-amd64)');
  }
  const release = image.slice('vmlinuz-'.length);
  return { release, image: join(cache, 'boot', image), modules: modulesOf(join(cache, 'lib', 'modules', release)) };
}

/** Neither modules.dep is in the package, nor depmod on every machine: each module names those it needs. */
function modulesOf(directory: string): string[] {
  const files = new Map(
    readdirSync(directory, { recursive: true, encoding: 'utf8' })
      .filter((path) => path.endsWith('.ko'))
      .map((path) => [basename(path, '.ko').replaceAll('-', '_'), join(directory, path)]),
  );
  const found = new Set<string>();
  const add = (name: string): void => {
    const file = files.get(name);
    if (file === undefined || found.has(file)) return; // built in
    for (const needed of neededBy(file)) add(needed);
    found.add(file);
  };
  for (const name of wanted) add(name);
  return [...found];
}

function neededBy(file: string): string[] {
  const [, list = ''] = /\0depends=([^\0]*)\0/.exec(readFileSync(file, 'latin1')) ?? [];
  return list.split(',').flatMap((name) => (name === '' ? [] : [name.replaceAll('-', '_')]));
}
