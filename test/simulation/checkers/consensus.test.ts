import { describe, expect, it } from '@jest/globals';
import type { Entry } from '../../../plugins/store-raft/src/raft/types.ts';
import { Commitment, ElectionSafety, LogMatching, StateEquality } from './consensus.ts';

const entry = (index: number, term: number, text = 'x'): Entry => ({
  type: 'command',
  index,
  term,
  data: new TextEncoder().encode(text),
});

describe('checkers of consensus', () => {
  it('election safety', () => {
    const found: string[] = [];
    const checker = new ElectionSafety((text) => found.push(text));
    checker.leads('a', 1);
    checker.leads('a', 1);
    checker.leads('b', 2);
    expect(found).toEqual([]);
    checker.leads('b', 1);
    expect(found).toEqual(['election safety: a and b both lead in term 1']);
  });

  it('log matching', () => {
    const found: string[] = [];
    const checker = new LogMatching((text) => found.push(text));
    checker.appended('a', entry(1, 1), 0);
    checker.appended('b', entry(1, 1), 0);
    checker.appended('b', entry(1, 2), 0);
    expect(found).toEqual([]);
    checker.appended('c', entry(1, 1, 'y'), 0);
    checker.appended('c', entry(1, 2), 1);
    expect(found).toHaveLength(2);
  });

  it('state machine safety and apply order', () => {
    const found: string[] = [];
    const checker = new Commitment((text) => found.push(text));
    expect(checker.committed('a', entry(1, 1), 1)).toBe(true);
    expect(checker.committed('b', entry(1, 1), 1)).toBe(false);
    expect(checker.committed('a', entry(2, 1), 1)).toBe(true);
    expect(found).toEqual([]);
    checker.committed('b', entry(2, 2), 2);
    checker.committed('a', entry(4, 2), 2);
    expect(found).toHaveLength(3);
    expect(found[0]).toContain('state machine safety');
    expect(found[1]).toContain('apply order');
  });

  it('leader completeness', () => {
    const found: string[] = [];
    const checker = new Commitment((text) => found.push(text));
    checker.committed('a', entry(1, 1), 1);
    checker.committed('a', entry(2, 2), 2);
    checker.leads('b', 3, 0, (index) => ({ 1: 1, 2: 2 })[index]);
    // A leader of an older term that is told of late need not have it, and a snapshot stands for it.
    checker.leads('c', 2, 0, (index) => ({ 1: 1 })[index]);
    checker.leads('d', 4, 2, () => undefined);
    expect(found).toEqual([]);
    checker.leads('e', 5, 0, (index) => ({ 1: 1, 2: 1 })[index]);
    checker.leads('f', 6, 0, (index) => ({ 1: 1 })[index]);
    expect(found).toHaveLength(2);
  });

  it('snapshots and state', () => {
    const found: string[] = [];
    const report = (text: string): number => found.push(text);
    const commitment = new Commitment(report);
    commitment.committed('a', entry(1, 1), 1);
    const configuration = { voters: [], outgoing: [], learners: [], addresses: {} };
    commitment.snapshotInstalled('b', { index: 1, term: 1, configuration });
    commitment.committed('b', entry(2, 1), 1);
    expect(found).toEqual([]);
    commitment.snapshotInstalled('c', { index: 2, term: 9, configuration });
    const equality = new StateEquality(report);
    equality.applied('a', 1, 5);
    equality.applied('b', 1, 5);
    equality.applied('c', 1, 6);
    expect(found).toHaveLength(2);
  });
});
