/** Files of the node agent that call themselves pure are: what they reach by imports reads no clock, file or socket. */
import { readFileSync, readdirSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { describe, expect, it } from '@jest/globals';

const source = join(import.meta.dirname, '..', '..', 'plugins', 'node-agent', 'src');
/** These compute only. */
const harmless = new Set(['node:crypto', 'node:path', 'node:util', 'node:assert', 'node:buffer', 'node:net']);

interface Import {
  readonly from: string;
  readonly names: string;
}

/** Those of values: types are gone when the code runs. */
function importsOf(file: string): Import[] {
  const text = readFileSync(file, 'utf8');
  return [...text.matchAll(/^import (?!type )([^'";]*?)\s*from '([^']+)';/gm)].map(([, names = '', from = '']) => ({
    names,
    from,
  }));
}

/** What a file leads to that is not pure. */
function impure(file: string, seen = new Set<string>()): string[] {
  if (seen.has(file)) return [];
  seen.add(file);
  const shown = relative(source, file);
  const clock = /\bDate\.now\(|\bsetTimeout\(|\bprocess\.(?!platform|arch)/.test(readFileSync(file, 'utf8'));
  const own = clock ? [`${shown} reads the clock or the process`] : [];
  return importsOf(file).reduce<string[]>((found, { from, names }) => {
    if (from.startsWith('.')) return [...found, ...impure(join(dirname(file), from), seen)];
    if (!from.startsWith('node:') || harmless.has(from) || /^\{\s*\}$/.test(names)) return found;
    return [...found, `${shown} imports ${from}`];
  }, own);
}

const pure = readdirSync(source, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts'))
  .filter((name) =>
    /^\/\*\*[^]*?\bPure\.\s*(?:\n \*\/|\*\/)/.test(
      readFileSync(join(source, name), 'utf8').split(/^import /m)[0] ?? '',
    ),
  );

describe('what calls itself pure in the node agent', () => {
  it('is among others the decision and the status', () => {
    expect(pure).toEqual(expect.arrayContaining(['plan/plan.ts', 'status/pod-status.ts']));
    expect(pure.length).toBeGreaterThan(20);
  });

  it.each(pure)('%s', (name) => expect(impure(join(source, name))).toEqual([]));
});
