import { describe, expect, it } from '@jest/globals';
import { IdRanges, idsPerPod } from './id-ranges.ts';

const firstId = 100_000;
const after = (ranges: number): number => firstId + ranges * idsPerPod;

describe('ranges of ids', () => {
  it('are a pod’s own for as long as it lives, the lowest free one first', () => {
    const ids = new IdRanges({ firstId, ranges: 3 });
    expect(ids.take('a')).toEqual({ firstUid: firstId, firstGid: firstId, length: 65_536 });
    expect(ids.take('b').firstUid).toBe(after(1));
    expect(ids.take('a').firstUid).toBe(firstId);
    ids.release('a');
    expect(ids.of('a')).toBeUndefined();
    expect(ids.take('c').firstUid).toBe(firstId);
  });

  it('never meet those that a former agent gave, also from other ranges', () => {
    const ids = new IdRanges({ firstId, ranges: 3 });
    ids.hold('old', after(1) + 7);
    ids.hold('old', 1);
    expect(ids.take('a').firstUid).toBe(firstId);
    // Behind the old one, which reaches into the third range.
    expect(ids.take('b').firstUid).toBe(after(2) + 7);
    expect(ids.take('old').firstUid).toBe(after(1) + 7);
  });

  it('end with what to do', () => {
    const ids = new IdRanges({ firstId, ranges: 1 });
    ids.take('a');
    expect(() => ids.take('b')).toThrow('all 1 ranges of ids for pods with hostUsers: false are taken; raise');
    expect(() => ids.take('b')).toThrow(expect.objectContaining({ reason: 'CreateContainerConfigError' }));
  });
});
