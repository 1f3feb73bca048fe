import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { compareKeys } from '@timonel/sdk/contracts/store';
import { KeyIndex } from './key-index.ts';

describe('KeyIndex', () => {
  it('stays sorted and complete over many insertions and deletions', () => {
    const index = new KeyIndex();
    const kept = new Set<string>();
    for (let at = 0; at < 5000; at++) {
      const key = `k${(at * 7919) % 5003}`;
      index.ensure(key);
      kept.add(key);
      if (at % 3 === 0) {
        const gone = `k${(at * 31) % 5003}`;
        index.delete(gone);
        kept.delete(gone);
      }
    }
    const all = Array.from(index.range('', ''), (history) => history.key);
    expect(all).toEqual([...kept].sort(compareKeys));
    const some = Array.from(index.range('k12', 'k123'), (history) => history.key);
    expect(some).toEqual(all.filter((key) => key.startsWith('k12') && key >= 'k123'));
    for (const key of kept) index.delete(key);
    expect([...index.range('', '')]).toEqual([]);
  });
});

describe('compareKeys', () => {
  it('orders as the UTF-8 bytes do', () => {
    const text = fc.string({ unit: 'binary' });
    fc.assert(
      fc.property(text, text, (a, b) => {
        expect(Math.sign(compareKeys(a, b))).toBe(Buffer.compare(Buffer.from(a), Buffer.from(b)));
      }),
    );
  });
});
