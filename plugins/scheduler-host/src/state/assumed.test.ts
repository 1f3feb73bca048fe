import { describe, expect, it } from '@jest/globals';
import { Assumed } from './assumed.ts';

describe('assumed pods', () => {
  it('expire 30 s after their binding was written, never while it is under way', () => {
    const assumed = new Assumed();
    for (const uid of ['slow', 'a', 'b']) assumed.add(uid);
    assumed.written('a', 0);
    assumed.written('b', 1);
    expect(assumed.expired(29_999)).toEqual([]);
    expect(assumed.expired(30_000)).toEqual(['a']);
    expect(assumed.expired(1_000_000)).toEqual(['b']);
    expect(assumed.has('slow')).toBe(true);
    expect(assumed.size).toBe(1);
  });

  it('are confirmed once', () => {
    const assumed = new Assumed();
    assumed.add('a');
    assumed.written('a', 0);
    expect(assumed.delete('a')).toBe(true);
    expect(assumed.delete('a')).toBe(false);
    assumed.written('a', 0);
    expect(assumed.has('a')).toBe(false);
  });
});
