/** docs/reference/conformance.md lists exactly the conformance tests that exist: it cannot go stale. */
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';

const root = join(import.meta.dirname, '..', '..');
const folder = join(root, 'test', 'conformance');
const page = readFileSync(join(root, 'docs', 'reference', 'conformance.md'), 'utf8');

/** Titles of `describe` and `it` in the order of the file, as literal texts; those of tables hold `%s` or `$name`. */
function testsOf(text: string): { line: string; name: string }[] {
  let line = '';
  const tests: { line: string; name: string }[] = [];
  for (const [, indent = '', word = '', , title = ''] of text.matchAll(
    /^( *)(describe|it(?:[A-Z]\w*)?)(?:\.each[^]*?\))?\(\s*(['"`])((?:\\.|(?!\3)[^])*)\3/gm,
  )) {
    if (word === 'describe') {
      expect({ title, indent }).toEqual({ title, indent: '' });
      line = title;
    } else tests.push({ line, name: title.replaceAll(/\\(.)/g, '$1') });
  }
  return tests;
}

const escaped = (text: string): string => text.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`);

/** Of a title with places for the values of a table. */
function patternOf(name: string): RegExp {
  const parts = name.split(/%[a-z]|\$\{?[a-zA-Z.]+\}?/);
  return new RegExp(`^${parts.map(escaped).join('.*')}$`);
}

const listed = [...page.matchAll(/^## (.*)\n([^]*?)(?=^## |$(?![^]))/gm)].flatMap(([, line = '', text = '']) =>
  [...text.matchAll(/^- (.*?)( — \*\*FAILS\*\*)?$/gm)].map(([, name = '', failed]) => ({
    line,
    name,
    failed: failed !== undefined,
  })),
);
const existing = readdirSync(folder)
  .filter((name) => name.endsWith('.test.ts'))
  .flatMap((name) => testsOf(readFileSync(join(folder, name), 'utf8')));

describe('docs/reference/conformance.md', () => {
  const isOf = (test: { line: string; name: string }, entry: { line: string; name: string }): boolean =>
    test.line === entry.line && patternOf(test.name).test(entry.name);

  it('lists every conformance test: run `npm run conformance`', () => {
    expect(existing.filter((test) => !listed.some((entry) => isOf(test, entry)))).toEqual([]);
  });

  it('lists no test that is gone: run `npm run conformance`', () => {
    expect(listed.filter((entry) => !existing.some((test) => isOf(test, entry)))).toEqual([]);
  });

  it('says of no test that it fails', () => {
    expect(listed.filter(({ failed }) => failed)).toEqual([]);
  });
});
