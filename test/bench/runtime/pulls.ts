/** Pulls of one image from a registry on loopback: by our store and client, and by skopeo with GNU tar. */
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { createRealEnv } from '@timonel/core';
import type { Logger } from '@timonel/sdk';
import { openImageStore } from '@timonel/plugin-images-local';
import { openImageRegistry } from '@timonel/plugin-registry-distribution';
import { skopeoCopy, startRegistry, writeLayout, type LayerFiles } from '../../support/registry/index.ts';
import { withCleanup } from '../cleanup.ts';
import { run } from './command.ts';

export interface Pulls {
  /** Milliseconds. */
  readonly own: readonly number[];
  readonly skopeo: readonly number[];
  readonly tar: readonly number[];
  readonly compressedMB: number;
  readonly unpackedMB: number;
}

const layers = 5;
/** Programs compress to some two fifths, so the image has about 100 MB in the registry. */
const layerBytes = 50e6;
const largestFile = 20e6;
const quiet: Logger = { debug() {}, info() {}, warn() {}, error() {}, child: () => quiet };

/** Programs and libraries of this machine, as images have them. */
function* files(): Generator<readonly [path: string, content: Buffer]> {
  for (const folder of [
    '/usr/bin',
    '/usr/lib/x86_64-linux-gnu',
    '/usr/lib/aarch64-linux-gnu',
    '/usr/lib/gcc',
    '/usr/sbin',
  ]) {
    if (!existsSync(folder)) continue; // another architecture has it
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      if (!entry.isFile()) continue;
      const path = join(folder, entry.name);
      const content = readFileSync(path);
      if (content.length > 0 && content.length <= largestFile) yield [path, content];
    }
  }
}

function makeLayers(): LayerFiles[] {
  const all: Record<string, Buffer>[] = [];
  let bytes = layerBytes;
  for (const [path, content] of files()) {
    if (bytes >= layerBytes) {
      if (all.length === layers) break;
      all.push({});
      bytes = 0;
    }
    const layer = all.at(-1);
    if (layer !== undefined) layer[path.slice(1)] = content;
    bytes += content.length;
  }
  if (all.length < layers) throw new Error('this machine has too few programs to make the image of');
  return all;
}

async function byTar(layout: string, root: string): Promise<void> {
  const blob = (digest: string): string => join(layout, 'blobs/sha256', digest.slice(7));
  const read = (path: string): unknown => JSON.parse(readFileSync(path, 'utf8'));
  const index = read(join(layout, 'index.json')) as { manifests: { digest: string }[] };
  const manifest = read(blob(index.manifests[0]?.digest ?? '')) as { layers: { digest: string }[] };
  for (const [number, { digest }] of manifest.layers.entries()) {
    const target = join(root, String(number));
    mkdirSync(target, { recursive: true });
    await run('tar', ['--extract', '--gzip', '--file', blob(digest), '--directory', target]);
  }
}

export async function measurePulls(directory: string, rounds: number): Promise<Pulls> {
  const content = makeLayers();
  const unpackedMB =
    content.flatMap((files) => Object.values(files)).reduce((sum, { length }) => sum + length, 0) / 1e6;
  const layout = join(directory, 'layout');
  const written = await writeLayout(layout, 'bench', [
    { platform: `linux/${process.arch === 'x64' ? 'amd64' : process.arch}`, layers: content },
  ]);
  const compressedMB = (written.images[0]?.layers ?? []).reduce((sum, { size }) => sum + size, 0) / 1e6;
  const registry = await startRegistry();
  return withCleanup(
    () => registry.stop(),
    async () => {
      const name = `${registry.host}/bench:1`;
      await skopeoCopy(`oci:${layout}:bench`, `docker://${name}`);
      rmSync(layout, { recursive: true });
      const own: number[] = [];
      const skopeo: number[] = [];
      const tar: number[] = [];
      const timed = async (samples: number[], work: () => Promise<unknown>): Promise<void> => {
        const begin = performance.now();
        await work();
        samples.push(performance.now() - begin);
      };
      for (let round = 0; round < rounds; round += 1) {
        const folder = join(directory, String(round));
        mkdirSync(folder);
        await timed(own, () => pull(join(folder, 'own'), name));
        const copy = join(folder, 'copy');
        await timed(skopeo, () => skopeoCopy(`docker://${name}`, `oci:${copy}:bench`));
        await timed(tar, () => byTar(copy, join(folder, 'root')));
        rmSync(folder, { recursive: true });
      }
      return { own, skopeo, tar, compressedMB, unpackedMB };
    },
  );
}

/** With a store and client of its own, as a node has them that knows nothing of the image. */
async function pull(dataDir: string, name: string): Promise<void> {
  const env = createRealEnv();
  const registry = openImageRegistry({ env, log: quiet });
  const store = await openImageStore({ dataDir, env, log: quiet, registry: () => registry });
  try {
    const image = await store.ensure(name, 'Always');
    if (image.pulled === undefined) throw new Error(`${name} was not pulled`);
  } finally {
    await store.close();
    registry.close();
  }
}
