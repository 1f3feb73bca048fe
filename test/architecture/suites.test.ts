/** Every plugin passes the generic suite: a folder without a call of it is a defect. */
import { readFileSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';

const root = join(import.meta.dirname, '..', '..');

function testFiles(directory: string): string[] {
  return readdirSync(directory).flatMap((name) => {
    if (name === 'node_modules' || name === 'dist') return [];
    const path = join(directory, name);
    if (statSync(path).isDirectory()) return testFiles(path);
    return name.endsWith('.test.ts') ? [path] : [];
  });
}

const tested = new Set(
  [...testFiles(join(root, 'plugins')), ...testFiles(join(root, 'test', 'integration'))]
    .map((file) => readFileSync(file, 'utf8'))
    .flatMap((text) => [
      ...[...text.matchAll(/pluginSuite\(\s*'([a-z-]+)'/g)].map((match) => match[1]),
      // A loop over definitions: those that the file imports by their package.
      ...(/pluginSuite\(definition\.name/.test(text)
        ? [...text.matchAll(/from '@timonel\/plugin-([a-z-]+)(?:\/[a-z]+)?'/g)].map((match) => match[1])
        : []),
    ]),
);

describe('the generic plugin suite', () => {
  for (const plugin of readdirSync(join(root, 'plugins'))) {
    it(`is run for ${plugin}`, () => expect([...tested]).toContain(plugin));
  }
});
