/** The bundle of the command: code of a plugin lies in files named after it, by which its stray exceptions are blamed on it. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { catalogue, pluginsIn } from '../../cli/src/cluster/catalogue.ts';
import { pluginOfStack } from '../../cli/src/cluster/stray-errors.ts';

const bundle = join(import.meta.dirname, '..', '..', 'cli', 'dist', 'bundle');
const files = readdirSync(bundle).filter((name) => name.endsWith('.js'));

describe('the bundle of the command', () => {
  it('holds every plugin, each in files that lead to it', () => {
    const found = new Set<string>();
    const lost: string[] = [];
    for (const file of files) {
      const blamed = pluginOfStack(`at f (file://${join(bundle, file)}:1:1)`, new Map());
      // Each module begins with a comment that names it.
      const modules = readFileSync(join(bundle, file), 'utf8').matchAll(/^\/\/ plugins\/([a-z0-9-]+)\//gm);
      for (const [, plugin = ''] of modules) {
        found.add(plugin);
        if (plugin !== blamed) lost.push(`${file} holds code of ${plugin}`);
      }
    }
    expect(lost).toEqual([]);
    expect([...found].flatMap(pluginsIn).toSorted()).toEqual(Object.keys(catalogue).toSorted());
  });
});
