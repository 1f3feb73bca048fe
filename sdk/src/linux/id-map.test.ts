import { describe, expect, it } from '@jest/globals';
import { parseIdMap } from './id-map.ts';

describe('ids of a user namespace', () => {
  it('are all ids outside of one', () => {
    const map = parseIdMap('         0          0 4294967295\n');
    expect([map.isWhole, map.isSingle, map.has(0), map.has(70_000)]).toEqual([true, false, true, true]);
  });

  it('are those of its ranges', () => {
    const map = parseIdMap('         0       1000          1\n         1     100000      65536\n');
    expect([map.isWhole, map.isSingle, map.has(0), map.has(65_536), map.has(65_537)]).toEqual([
      false,
      false,
      true,
      true,
      false,
    ]);
  });

  it('are one where nothing but the own user was mapped', () => {
    const map = parseIdMap('0 1000 1\n');
    expect([map.isWhole, map.isSingle, map.has(0), map.has(1)]).toEqual([false, true, true, false]);
  });

  it('are none before they are mapped', () => {
    expect([parseIdMap('').isWhole, parseIdMap('').isSingle, parseIdMap('').has(0)]).toEqual([false, false, false]);
  });
});
