// Bundles the built command into `cli/dist/bundle`: a start then loads some sixty files in place of two thousand, and takes half the
// time. `cli/src/bin.ts` starts the bundle as long as nothing was built after it.
import { readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { build } from 'esbuild';

const root = join(import.meta.dirname, '..');
const outdir = join(root, 'cli', 'dist', 'bundle');
/** Native code, and packages that look for files or set up global state when they are loaded. */
const external = [
  'lmdb',
  'msgpackr-extract',
  'bufferutil',
  'utf-8-validate',
  '@peculiar/x509',
  'reflect-metadata',
  'esbuild',
];

/** A module in the bundle finds the files that lie beside it in the tree. */
const ownPlaces = {
  name: 'own-places',
  setup(builder) {
    builder.onLoad({ filter: /[/\\]dist[/\\].*\.js$/ }, ({ path }) => {
      const text = readFileSync(path, 'utf8');
      if (path.includes('node_modules') || !text.includes('import.meta.')) return undefined;
      const from = (target) => JSON.stringify(relative(outdir, target));
      const contents = text
        .replaceAll('import.meta.url', `new URL(${from(path)}, import.meta.url).href`)
        .replaceAll(
          'import.meta.dirname',
          `decodeURIComponent(new URL(${from(dirname(path))}, import.meta.url).pathname)`,
        );
      return { contents, loader: 'js' };
    });
  },
};

rmSync(outdir, { recursive: true, force: true });
await build({
  entryPoints: [join(root, 'cli', 'dist', 'program.js')],
  outdir,
  bundle: true,
  splitting: true,
  chunkNames: '[hash]',
  format: 'esm',
  platform: 'node',
  target: 'node20',
  external,
  plugins: [ownPlaces],
  // What CommonJS packages expect to be there.
  banner: {
    js: "import { createRequire as makeRequire } from 'node:module';\nconst require = makeRequire(import.meta.url);",
  },
  logLevel: 'warning',
});
const { references } = JSON.parse(readFileSync(join(root, 'tsconfig.json'), 'utf8'));
const inputs = references.map(({ path }) => join(root, path, 'dist', '.tsbuildinfo'));
const stamps = inputs.map((file) => [relative(outdir, file), statSync(file).mtimeMs]);
writeFileSync(join(outdir, 'built.json'), JSON.stringify(Object.fromEntries(stamps)));
