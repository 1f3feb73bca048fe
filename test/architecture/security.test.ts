/** docs/reference/security.md lists exactly the attacks that exist, and that each is stopped: it cannot go stale. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { attacks } from '../security/attacks/index.ts';

const page = readFileSync(join(import.meta.dirname, '..', '..', 'docs', 'reference', 'security.md'), 'utf8');

/** Rows of the tables by the name of the attack. */
const rows = new Map(
  [...page.matchAll(/^## (.*)\n([^]*?)(?=^## |$(?![^]))/gm)].flatMap(([, area = '', text = '']) =>
    [...text.matchAll(/^\| (.*) \|$/gm)].map(([, row = '']) => {
      const cells = row.split(/ (?<!\\)\| /).map((each) => each.replaceAll(String.raw`\|`, '|'));
      return [cells[0] ?? '', { area, cells }] as const;
    }),
  ),
);

describe('docs/reference/security.md', () => {
  it('lists each attack with how it is tried and what protects: run `npm run security`', () => {
    for (const { name, area, what, protection } of attacks) {
      const { cells, area: listed } = rows.get(name) ?? { cells: [], area: '' };
      expect([listed, ...cells.slice(0, 3)]).toEqual([area, name, what, protection]);
    }
  });

  it('lists no attack that is gone: run `npm run security`', () => {
    const names = new Set(attacks.map(({ name }) => name));
    const others = [...rows.keys()].filter((name) => !names.has(name) && name !== 'attack' && name !== '---');
    expect(others).toEqual([]);
    expect(names.size).toBe(attacks.length);
  });

  it('says of no attack that it goes through runtime-linux', () => {
    expect(
      [...rows.values()].filter(({ cells }) => cells[3]?.includes('goes through')).map(({ cells }) => cells[0]),
    ).toEqual([]);
    expect([...rows.values()].filter(({ cells }) => cells.includes('not run')).map(({ cells }) => cells[0])).toEqual(
      [],
    );
  });
});
