import { describe, expect, it, jest } from '@jest/globals';
import fc from 'fast-check';
import { encodeObject } from '../kinds/object-codec.ts';
import { SortedObjects } from './sorted-objects.ts';
import { StoredObject } from './stored-object.ts';

const stored = (key: string, revision: number): StoredObject =>
  new StoredObject(key, revision, encodeObject({ kind: 'X', apiVersion: 'v1', metadata: { name: key } }));

/** Writes in groups: each group is followed by a look at the order. */
const groups = fc.array(
  fc.array(fc.record({ key: fc.stringMatching(/^[a-c]{1,3}$/), gone: fc.boolean() }), { maxLength: 80 }),
  { maxLength: 12 },
);

describe('SortedObjects', () => {
  it('has the order of a sorted map, however many writes lie between two looks', () => {
    fc.assert(
      fc.property(groups, (all) => {
        const objects = new SortedObjects();
        const model = new Map<string, number>();
        let revision = 0;
        for (const group of all) {
          for (const { key, gone } of group) {
            revision += 1;
            if (gone) {
              objects.delete(key);
              model.delete(key);
            } else {
              objects.set(stored(key, revision));
              model.set(key, revision);
            }
          }
          const expected = [...model].sort(([a], [b]) => (a < b ? -1 : 1));
          expect(objects.inOrder().map((one) => [one.key, one.revision])).toEqual(expected);
          expect(objects.size).toBe(model.size);
        }
      }),
      { numRuns: 200 },
    );
  });

  it('does not remember ever more changes when nobody asks for the order', () => {
    const objects = new SortedObjects();
    const settled = jest.spyOn(objects, 'inOrder');
    for (let count = 0; count < 10_000; count += 1) {
      objects.set(stored(`k${count}`, count));
      objects.delete(`k${count}`);
    }
    expect(settled.mock.calls.length).toBeGreaterThan(8);
    settled.mockClear();
    for (let count = 0; count < 10_000; count += 1) objects.set(stored(`k${count}`, count));
    for (let count = 0; count < 10_000; count += 1) objects.set(stored(`k${count}`, count));
    expect(settled).not.toHaveBeenCalled();
  });
});
