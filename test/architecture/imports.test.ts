/**
 * The layers: sdk ← core, sdk ← plugins, all ← cli. Reads every import of every source file, because hoisted packages let a
 * forbidden import work. Tests may import what they like.
 */
import { readFileSync, readdirSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';
import { describe, expect, it } from '@jest/globals';

const root = join(import.meta.dirname, '..', '..');

function sources(directory: string): string[] {
  return readdirSync(directory).flatMap((name) => {
    // `testing` holds what tests share; it is not built.
    if (['node_modules', 'dist', 'generated', 'testing'].includes(name)) return [];
    const path = join(directory, name);
    if (statSync(path).isDirectory()) return sources(path);
    return /\.(ts|mts|mjs|js)$/.test(name) && !name.endsWith('.test.ts') ? [path] : [];
  });
}

/** Every module named in a static or dynamic import, an export-from, a require or an import.meta.resolve. */
function importsOf(file: string): string[] {
  const text = readFileSync(file, 'utf8');
  const patterns = [
    /\bfrom\s*['"]([^'"]+)['"]/g,
    /\bimport\s*['"]([^'"]+)['"]/g,
    /\bimport\s*\(\s*['"]([^'"]+)['"]/g,
    /\brequire\s*\(\s*['"]([^'"]+)['"]/g,
  ];
  return patterns.flatMap((pattern) => [...text.matchAll(pattern)].map((match) => match[1] ?? ''));
}

interface Layer {
  readonly name: string;
  readonly directory: string;
  readonly allows: (imported: string) => boolean;
}

const plugins = readdirSync(join(root, 'plugins')).filter((name) =>
  statSync(join(root, 'plugins', name)).isDirectory(),
);

const layers: readonly Layer[] = [
  { name: 'core', directory: 'core/src', allows: (imported) => imported === '@timonel/sdk' },
  { name: 'sdk', directory: 'sdk/src', allows: () => false },
  {
    name: 'testkit',
    directory: 'sdk/testkit/src',
    allows: (imported) => /^@timonel\/(sdk|core)(\/|$)/.test(imported),
  },
  ...plugins.map((name) => ({
    name: `plugin ${name}`,
    directory: `plugins/${name}/src`,
    allows: (imported: string): boolean => /^@timonel\/sdk(\/|$)/.test(imported),
  })),
];

/** Modules that a file of the layer must not import. */
function violations(layer: Layer, file: string, imports: readonly string[]): string[] {
  return imports
    .filter((imported) =>
      imported.startsWith('@timonel/')
        ? !layer.allows(imported)
        : imported.startsWith('.') && !join(file, '..', imported).startsWith(join(root, layer.directory)),
    )
    .map((imported) => `${relative(root, file)} imports ${imported}`);
}

describe('layers', () => {
  for (const layer of layers) {
    it(`${layer.name} imports only what is below it`, () => {
      const files = sources(join(root, layer.directory));
      expect(files.length).toBeGreaterThan(0);
      expect(files.flatMap((file) => violations(layer, file, importsOf(file)))).toEqual([]);
    });
  }

  it('finds a plugin that imports core, another plugin, or reaches out of its folder', () => {
    const layer = layers.find((candidate) => candidate.name.startsWith('plugin '));
    if (layer === undefined) throw new Error('there are no plugins');
    const file = join(root, layer.directory, 'index.ts');
    const bad = ['@timonel/core', '@timonel/plugin-apiserver', '../../../core/src/index.ts'];
    expect(violations(layer, file, [...bad, '@timonel/sdk', '@timonel/sdk/kube', './part.ts', 'node:fs'])).toHaveLength(
      3,
    );
  });
});

describe('time and chance', () => {
  const forbidden =
    /\bDate\.now\s*\(|\bnew Date\s*\(\s*\)|\bMath\.random\s*\(|(?<![.\w])setTimeout\s*\(|(?<![.\w])setInterval\s*\(|\brandomUUID\s*\(|\bperformance\.now\s*\(|\bAbortSignal\.timeout\s*\(/;
  const exempt = /^core\/src\/env\//;

  it('come from env alone in core, sdk and plugins', () => {
    const files = ['core/src', 'sdk/src', ...plugins.map((name) => `plugins/${name}/src`)].flatMap((directory) =>
      sources(join(root, directory)),
    );
    const found = files
      .map((file) => relative(root, file))
      .filter((file) => !exempt.test(file))
      .flatMap((file) =>
        readFileSync(join(root, file), 'utf8')
          .split('\n')
          .flatMap((line, index) =>
            forbidden.test(line) && !/^\s*(\/\/|\*|\/\*)/.test(line) ? [`${file}:${index + 1}: ${line.trim()}`] : [],
          ),
      );
    expect(found).toEqual([]);
  });
});
