import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { hasQuorum, majorityValue, quorumValue, voteResult } from './quorum.ts';
import { checkConfiguration, firstStep, leaveJoint, planChange } from './membership.ts';
import type { Configuration } from './types.ts';

const ids = ['a', 'b', 'c', 'd', 'e', 'f', 'g'];
const someVoters = fc.subarray(ids, { minLength: 1 });
const configurations = fc
  .record({ voters: someVoters, outgoing: fc.subarray(ids) })
  .map((lists): Configuration => ({ ...lists, learners: [], addresses: {} }));
const values = fc.array(fc.nat(9), { minLength: ids.length, maxLength: ids.length });
const sets = fc.subarray(ids);

const valueIn = (list: readonly number[]) => (id: string) => list.at(ids.indexOf(id)) as number;
const isMajority = (voters: readonly string[], set: readonly string[]): boolean =>
  voters.filter((id) => set.includes(id)).length * 2 > voters.length;
const isQuorum = ({ voters, outgoing }: Configuration, set: readonly string[]): boolean =>
  isMajority(voters, set) && (outgoing.length === 0 || isMajority(outgoing, set));

describe('quorum arithmetic', () => {
  it('a majority value is reached by a majority, and the next by none', () => {
    fc.assert(
      fc.property(someVoters, values, (voters, list) => {
        const value = majorityValue(voters, valueIn(list));
        const reached = (least: number) => ids.filter((id) => valueIn(list)(id) >= least);
        expect(isMajority(voters, reached(value))).toBe(true);
        expect(isMajority(voters, reached(value + 1))).toBe(false);
      }),
    );
  });

  it('a quorum value is reached by a quorum of both lists, and the next by none', () => {
    fc.assert(
      fc.property(configurations, values, (configuration, list) => {
        const value = quorumValue(configuration, valueIn(list));
        const reached = (least: number) => ids.filter((id) => valueIn(list)(id) >= least);
        expect(isQuorum(configuration, reached(value))).toBe(true);
        expect(isQuorum(configuration, reached(value + 1))).toBe(false);
      }),
    );
  });

  it('a set is a quorum as counted by hand', () => {
    fc.assert(
      fc.property(configurations, sets, (configuration, set) => {
        expect(hasQuorum(configuration, (id) => set.includes(id))).toBe(isQuorum(configuration, set));
      }),
    );
  });

  it('two quorums of one configuration meet', () => {
    fc.assert(
      fc.property(configurations, sets, sets, (configuration, one, other) => {
        fc.pre(isQuorum(configuration, one) && isQuorum(configuration, other));
        expect(one.some((id) => other.includes(id))).toBe(true);
      }),
    );
  });

  it('every step of a change has quorums that meet those of the step before', () => {
    fc.assert(
      fc.property(someVoters, fc.subarray(ids), fc.subarray(ids), sets, sets, (voters, promote, remove, one, other) => {
        const learners = ids.filter((id) => !voters.includes(id));
        const before: Configuration = { voters, outgoing: [], learners, addresses: {} };
        const change = {
          promote: promote.filter((id) => learners.includes(id) && !remove.includes(id)),
          remove: remove.filter((id) => voters.includes(id)),
        };
        const planned = planChange(before, change);
        fc.pre(planned.type === 'target');
        const first = firstStep(before, planned.configuration);
        const steps = first.outgoing.length > 0 ? [before, first, leaveJoint(first)] : [before, first];
        for (const step of steps) checkConfiguration(step);
        expect(steps.at(-1)?.voters).toEqual(planned.configuration.voters);
        for (const [at, next] of steps.slice(1).entries()) {
          if (!isQuorum(steps.at(at) as Configuration, one) || !isQuorum(next, other)) continue;
          expect(one.some((id) => other.includes(id))).toBe(true);
        }
      }),
      { numRuns: 2000 },
    );
  });

  it('a vote is won by a quorum of grants, and lost when none can come any more', () => {
    fc.assert(
      fc.property(configurations, sets, sets, (configuration, granted, answered) => {
        const votes = new Map(answered.map((id) => [id, granted.includes(id)]));
        const grants = answered.filter((id) => granted.includes(id));
        const possible = ids.filter((id) => votes.get(id) !== false);
        const expected = isQuorum(configuration, grants)
          ? 'won'
          : isQuorum(configuration, possible)
            ? 'pending'
            : 'lost';
        expect(voteResult(configuration, votes)).toBe(expected);
      }),
    );
  });

  it('a group without voters elects nobody and commits nothing', () => {
    const nobody: Configuration = { voters: [], outgoing: [], learners: ['a'], addresses: {} };
    expect(voteResult(nobody, new Map([['a', true]]))).toBe('lost');
    expect(quorumValue(nobody, () => 9)).toBe(0);
  });
});
