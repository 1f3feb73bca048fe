import { describe, expect, it } from '@jest/globals';
import { nearest } from './nearest.ts';

describe('nearest', () => {
  it.each([
    ['scheduler-binpak', 'scheduler-binpack'],
    ['schedulre-default', 'scheduler-default'],
    ['prot', 'port'],
    ['a', undefined],
    ['something-else', undefined],
  ])('%s -> %s', (word, expected) => {
    expect(nearest(word, ['scheduler-default', 'scheduler-binpack', 'port'])).toBe(expected);
  });
});
