/** docs/reference/reliability.md says of each step that all is repaired; that it has every step is seen in test/reliability. */
import { describe, expect, it } from '@jest/globals';
import { noSuchMoment, titles } from '../reliability/page.ts';
import { readPage } from '../reliability/read-page.ts';

const page = readPage();

describe('docs/reference/reliability.md', () => {
  it.each(Object.values(titles))('has the steps of the %s', (title) => {
    expect(page.get(title)?.length).toBeGreaterThan(10);
  });

  it('says of no step that it was not run, or not repaired: run `npm run reliability`', () => {
    const rows = [...page].flatMap(([title, all]) => all.map((row) => ({ title, ...row })));
    const isFine = (title: string, outcome: string): boolean =>
      outcome === 'repaired' || (outcome === noSuchMoment && !Object.values(titles).includes(title));
    const bad = rows.filter(({ title, outcomes }) => !outcomes.every((outcome) => isFine(title, outcome)));
    expect(bad).toEqual([]);
    expect(rows.filter(({ outcomes }) => !outcomes.includes('repaired'))).toEqual([]);
  });

  it('says what 500 pods left: nothing', () => {
    expect([...page.keys()]).toContain('500 pods');
  });
});
