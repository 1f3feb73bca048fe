import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { HistoryIndex } from './history-index.ts';

describe('HistoryIndex', () => {
  const keys = fc.constantFrom('a', 'a/b', 'b', 'c');

  it('answers as a plain list does, also after old revisions were dropped', () => {
    const steps = fc.array(fc.oneof(keys, fc.nat(20)), { maxLength: 60 });
    fc.assert(
      fc.property(steps, fc.nat(60), keys, fc.constantFrom('', 'a', 'b'), (all, at, key, prefix) => {
        const index = new HistoryIndex();
        let list: { revision: number; key: string }[] = [];
        let revision = 1;
        let dropped = 0;
        for (const step of all) {
          if (typeof step === 'string') {
            index.add(++revision, step);
            list.push({ revision, key: step });
          } else {
            dropped = Math.max(dropped, revision - step);
            index.dropBefore(dropped);
            list = list.filter((change) => change.revision >= dropped);
          }
        }
        const from = Math.max(at, dropped);
        const later = list.filter((change) => change.revision > from);
        expect(index.nextChange(key, from)).toBe(later.find((change) => change.key === key)?.revision);
        const changed = later.filter((change) => change.key.startsWith(prefix)).map((change) => change.key);
        expect(index.changedAfter(from, prefix)).toEqual(new Set(changed));
        expect(index.size).toBe(list.length);
      }),
    );
  });

  it('drops much without shifting each', () => {
    const index = new HistoryIndex();
    for (let revision = 2; revision < 50_000; revision++) index.add(revision, 'hot');
    index.dropBefore(49_990);
    expect(index.size).toBe(10);
    expect(index.nextChange('hot', 0)).toBe(49_990);
  });
});
