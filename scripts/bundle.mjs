// Bundles the built command into `cli/dist/bundle`: a start then loads some sixty files in place of thirteen hundred, and takes half the
// time. `cli/src/bin.ts` starts the bundle as long as nothing was built after it.
import { mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';
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

/** zod has its messages in some sixty languages; its own default is the only one in use. */
const oneLanguage = {
  name: 'one-language',
  setup(builder) {
    builder.onLoad({ filter: /[/\\]zod[/\\]v4[/\\]locales[/\\]index\.js$/ }, () => ({
      contents: "export { default as en } from './en.js';",
      loader: 'js',
    }));
  },
};

/** V8 keeps a source in which one character is beyond Latin-1 at two bytes a character. What is left of them stands in comments and regular expressions. */
const inAscii = (text) =>
  text.replaceAll(/[^\0-\x7f]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);

/** The plugin whose code an output holds, when it holds that of one and nothing of the command or the kernel. */
function pluginOf({ inputs }) {
  const owners = new Set();
  for (const file of Object.keys(inputs)) {
    const [, owner] = /^(plugins\/[^/]+|core|cli)\//.exec(file) ?? [];
    if (owner !== undefined) owners.add(owner);
  }
  const [owner = ''] = owners;
  return owners.size === 1 && owner.startsWith('plugins/') ? owner.slice('plugins/'.length) : undefined;
}

const { outputFiles, metafile } = await build({
  absWorkingDir: root,
  entryPoints: [join(root, 'cli', 'dist', 'program.js')],
  outdir,
  bundle: true,
  splitting: true,
  chunkNames: '[hash]',
  format: 'esm',
  platform: 'node',
  target: 'node20',
  external,
  plugins: [ownPlaces, oneLanguage],
  write: false,
  metafile: true,
  // What CommonJS packages expect to be there.
  banner: {
    js: "import { createRequire as makeRequire } from 'node:module';\nconst require = makeRequire(import.meta.url);",
  },
  logLevel: 'warning',
});

// A stray exception is blamed on the plugin to whose files its stack leads: they are named after it.
const names = new Map();
for (const [path, output] of Object.entries(metafile.outputs)) {
  const plugin = pluginOf(output);
  if (plugin !== undefined) names.set(basename(path), `plugin-${plugin}.${basename(path)}`);
}
rmSync(outdir, { recursive: true, force: true });
mkdirSync(outdir, { recursive: true });
for (const { path, text } of outputFiles) {
  const renamed = text.replaceAll(/(["'])\.\/(\w+\.js)\1/g, (whole, quote, name) =>
    names.has(name) ? `${quote}./${names.get(name)}${quote}` : whole,
  );
  writeFileSync(join(outdir, names.get(basename(path)) ?? basename(path)), inAscii(renamed));
}
const { references } = JSON.parse(readFileSync(join(root, 'tsconfig.json'), 'utf8'));
const inputs = references.map(({ path }) => join(root, path, 'dist', '.tsbuildinfo'));
const stamps = inputs.map((file) => [relative(outdir, file), statSync(file).mtimeMs]);
writeFileSync(join(outdir, 'built.json'), JSON.stringify(Object.fromEntries(stamps)));
