import { describe, expect, it } from '@jest/globals';
import type { Decision, NodeScore } from '@timonel/sdk/contracts/scheduler';
import { AgreementCount, summaryOf, verdictOn, whyDifferent } from './comparison.ts';

const score = (nodeName: string, fit: number, image = 0): NodeScore => ({
  nodeName,
  total: fit + image,
  scores: { Fit: fit, Image: image },
});
const bind = (...scores: readonly NodeScore[]): Decision => ({
  outcome: 'bind',
  podUid: 'u',
  nodeName: scores[0]?.nodeName ?? 'a',
  scores,
  feasibleNodes: scores.length,
});
const refused: Decision = {
  outcome: 'unschedulable',
  podUid: 'u',
  rejections: [
    {
      plugin: 'T',
      code: 't',
      reason: 'node(s) had untolerated taint(s)',
      nodeCount: 1,
      nodes: ['a'],
      resolvable: false,
    },
    { plugin: 'Fit', code: 'c', reason: 'Insufficient cpu', nodeCount: 3, nodes: ['b'], resolvable: true },
  ],
};
const preempt: Decision = {
  outcome: 'preempt',
  podUid: 'u',
  nodeName: 'a',
  victims: [{ namespace: 'x', name: 'v', uid: 'v', priority: 0 }],
  rejections: [],
};

describe('two decisions about one pod', () => {
  it.each([
    ['same', 'the node is the same', bind(score('a', 1)), bind(score('a', 9))],
    ['same', 'both refuse', refused, { ...refused, rejections: [] }],
    ['same', 'both preempt there', preempt, preempt],
    ['otherNode', 'they preempt elsewhere', preempt, { ...preempt, nodeName: 'b' }],
    ['otherOutcome', 'one refuses', bind(score('a', 1)), refused],
    ['tied', 'the other node is as good', bind(score('b', 5)), bind(score('a', 9), score('b', 9))],
    ['otherNode', 'the other node is worse', bind(score('b', 5)), bind(score('a', 9), score('b', 8))],
    ['otherNode', 'the other node is not among the best', bind(score('c', 9)), bind(score('a', 9), score('b', 8))],
    ['tied', 'all that are known are as good', bind(score('d', 9)), bind(score('a', 9), score('b', 9), score('c', 9))],
    ['otherNode', 'it is rated otherwise', bind(score('d', 8)), bind(score('a', 9), score('b', 9), score('c', 9))],
    ['otherNode', 'there are no scores', bind(), { ...bind(), nodeName: 'b' }],
  ] as const)('are %s when %s', (verdict, _what, live, candidate) => {
    expect(verdictOn(live, candidate)).toBe(verdict);
  });

  it('tell why they differ', () => {
    const live = bind(score('a', 60, 30), score('b', 40, 30));
    const candidate = bind(score('b', 90), score('a', 10, 5));
    expect(whyDifferent(live, candidate)).toBe(
      'the candidate gives b 90, a 15 (Fit 80 more, Image 5 less); the one in charge gives a 90, b 70 (Fit 20 more)',
    );
    expect(whyDifferent(live, bind(score('c', 7)))).toBe(
      'the candidate gives c 7 and has a not among its best; the one in charge gives a 90 and has c not among its best',
    );
    expect(whyDifferent(bind(), refused)).toBe(
      'the candidate finds no node (3 Insufficient cpu, 1 node(s) had untolerated taint(s)); the one in charge finds room on a',
    );
    expect(whyDifferent({ outcome: 'error', podUid: 'u', plugin: 'P', message: 'threw' }, preempt)).toBe(
      'the candidate makes room on a by 1 pod; the one in charge fails (P: threw)',
    );
  });

  it('are kept in short', () => {
    const [reason] = refused.outcome === 'unschedulable' ? refused.rejections : [];
    if (reason === undefined) throw new Error('there is a reason');
    const rejections = Array.from({ length: 9 }, (_unused, at) => ({
      ...reason,
      reason: 'r'.repeat(999),
      nodeCount: at,
    }));
    const long = summaryOf({ outcome: 'unschedulable', podUid: 'u', rejections });
    expect(long.reasons).toHaveLength(5);
    expect(long.reasons[0]).toHaveLength(200);
    expect(summaryOf(bind(...'abcdef'.split('').map((name) => score(name, 1)))).scores).toHaveLength(4);
    expect(summaryOf(preempt)).toMatchObject({ nodeName: 'a', victims: 1 });
  });

  it('are counted', () => {
    const count = new AgreementCount();
    expect(count.figures.share).toBe(1);
    for (const verdict of ['same', 'same', 'tied', 'otherNode'] as const) count.add(verdict);
    expect(count.figures).toEqual({ decisions: 4, same: 2, tied: 1, otherNode: 1, otherOutcome: 0, share: 0.75 });
  });
});
