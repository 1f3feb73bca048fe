/** The program of a node in few files: it is started hundreds of times. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { build, type Plugin } from 'esbuild';

const root = join(import.meta.dirname, '..', '..');

export interface NodeProgram {
  readonly file: string;
  remove(): void;
}

/** A module in the bundle finds the files that lie beside it in the tree. */
const ownPlaces: Plugin = {
  name: 'own-places',
  setup(builder) {
    builder.onLoad({ filter: /[/\\]src[/\\].*\.ts$/ }, ({ path }) => {
      const text = readFileSync(path, 'utf8');
      if (path.includes('node_modules') || !text.includes('import.meta.')) return undefined;
      const contents = text
        .replaceAll('import.meta.url', JSON.stringify(`file://${path}`))
        .replaceAll('import.meta.dirname', JSON.stringify(dirname(path)));
      return { contents, loader: 'ts' };
    });
  },
};

/** The plugin whose code a file holds, when it holds that of one. */
function ownerOf(inputs: readonly string[]): string | undefined {
  const owners = new Set(inputs.flatMap((path) => /^plugins\/([^/]+)\//.exec(path)?.[1] ?? []));
  const [owner] = owners;
  return owners.size === 1 ? owner : undefined;
}

/** Made of the sources. */
export async function bundleNode(): Promise<NodeProgram> {
  mkdirSync(join(root, '.cache'), { recursive: true });
  const directory = mkdtempSync(join(root, '.cache', 'fault-node-'));
  const { metafile } = await build({
    absWorkingDir: root,
    entryPoints: [join(import.meta.dirname, 'node.ts')],
    outdir: directory,
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    conditions: ['timonel-source'],
    outExtension: { '.js': '.mjs' },
    external: [
      'lmdb',
      'msgpackr-extract',
      'bufferutil',
      'utf-8-validate',
      '@peculiar/x509',
      'reflect-metadata',
      'esbuild',
    ],
    plugins: [ownPlaces],
    metafile: true,
    // What CommonJS packages expect to be there.
    banner: {
      js: "import { createRequire as makeRequire } from 'node:module';\nconst require = makeRequire(import.meta.url);",
    },
    logLevel: 'error',
  });
  const owners = Object.entries(metafile.outputs).flatMap(([path, { inputs }]) => {
    const owner = ownerOf(Object.keys(inputs));
    return owner === undefined ? [] : [[basename(path), owner]];
  });
  writeFileSync(join(directory, 'owners.json'), JSON.stringify(Object.fromEntries(owners)));
  return { file: join(directory, 'node.mjs'), remove: () => rmSync(directory, { recursive: true, force: true }) };
}
