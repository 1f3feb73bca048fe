import { describe, expect, it } from '@jest/globals';
import { Preemptions } from './preemptions.ts';

describe('preemptions', () => {
  it('end when the last victim has gone', () => {
    const preemptions = new Preemptions();
    preemptions.begin('p', ['v1', 'v2']);
    preemptions.begin('q', ['v2']);
    expect(preemptions.gone('v1')).toEqual([]);
    expect(preemptions.waits('p')).toBe(true);
    expect(preemptions.gone('v2')).toEqual(['p', 'q']);
    expect(preemptions.waits('p')).toBe(false);
    expect(preemptions.size).toBe(0);
  });

  it('are replaced by later ones, and dropped without a trace', () => {
    const preemptions = new Preemptions();
    preemptions.begin('p', ['v1']);
    preemptions.begin('p', ['v2']);
    expect(preemptions.gone('v1')).toEqual([]);
    preemptions.drop('p');
    expect(preemptions.gone('v2')).toEqual([]);
    preemptions.begin('p', []);
    expect(preemptions.size).toBe(0);
  });
});
