import { describe, expect, it } from '@jest/globals';
import { Trace } from './trace.ts';

describe('trace', () => {
  it('has a hash of every line in its order', () => {
    const hashOf = (...lines: string[]): string => {
      const trace = new Trace(1);
      for (const line of lines) trace.add(0, line);
      return trace.hash();
    };
    expect(hashOf('a', 'b')).toBe(hashOf('a', 'b'));
    expect(hashOf('a', 'b')).not.toBe(hashOf('b', 'a'));
    expect(hashOf('a')).not.toBe(hashOf('a', ''));
  });

  it('keeps the last lines only', () => {
    const trace = new Trace(2);
    for (const line of ['a', 'b', 'c', 'd', 'e', 'f']) trace.add(1, line);
    expect(trace.tail()).toEqual(['1.000 e', '1.000 f']);
    expect(trace.count).toBe(6);
  });
});
