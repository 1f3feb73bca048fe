import { describe, expect, it } from '@jest/globals';
import type { PodFailurePolicyRule, SuccessPolicyRule } from '@timonel/sdk/kube';
import { IndexSet } from './index-set.ts';
import { failureVerdict, successPolicyMet } from './policies.ts';
import { aJob, failed } from './testing/jobs.ts';

const disrupted = { type: 'DisruptionTarget', status: 'True' } as const;

describe('podFailurePolicy', () => {
  const of = (rules: PodFailurePolicyRule[], exitCode: number, conditions: (typeof disrupted)[] = []): unknown =>
    failureVerdict(aJob({ podFailurePolicy: { rules } }), failed('a', { exitCode, conditions }));
  const codes = (action: string, operator: string, values: number[], containerName?: string): PodFailurePolicyRule => ({
    action,
    onExitCodes: { operator, values, ...(containerName === undefined ? {} : { containerName }) },
  });

  it.each<[string, PodFailurePolicyRule[], number, unknown]>([
    ['In', [codes('Ignore', 'In', [3, 4])], 4, { action: 'Ignore', counts: false }],
    ['In, another code', [codes('Ignore', 'In', [3, 4])], 5, { action: undefined, counts: true }],
    ['NotIn', [codes('Count', 'NotIn', [3])], 4, { action: 'Count', counts: true }],
    ['a container by its name', [codes('FailIndex', 'In', [3], 'main')], 3, { action: 'FailIndex', counts: true }],
    ['another container', [codes('FailIndex', 'In', [3], 'other')], 3, { action: undefined, counts: true }],
    ['NotIn and a container that succeeded', [codes('Ignore', 'NotIn', [3])], 0, { action: undefined, counts: true }],
    ['the first of two', [codes('Count', 'In', [3]), codes('Ignore', 'In', [3])], 3, { action: 'Count', counts: true }],
  ])('%s', (_, rules, exitCode, expected) => {
    expect(of(rules, exitCode)).toEqual(expected);
  });

  it('looks at conditions, and says why a job fails', () => {
    const rules = [
      codes('Ignore', 'In', [9]),
      { action: 'FailJob', onPodConditions: [{ type: 'DisruptionTarget', status: 'True' }] },
    ];
    expect(of(rules, 1)).toEqual({ action: undefined, counts: true });
    expect(of(rules, 1, [disrupted])).toMatchObject({
      message: 'Pod default/a has condition DisruptionTarget matching FailJob rule at index 1',
    });
    expect(of([codes('FailJob', 'In', [1])], 1)).toMatchObject({
      message: 'Container main for pod default/a failed with exit code 1 matching FailJob rule at index 0',
    });
  });
});

describe('successPolicy', () => {
  it.each<[SuccessPolicyRule[], string, string | undefined]>([
    [[{ succeededIndexes: '0,2-3' }], '0,2,3', 'Matched rules at index 0'],
    [[{ succeededIndexes: '0,2-3' }], '0,1,2', undefined],
    [[{ succeededCount: 2 }], '1', undefined],
    [[{ succeededCount: 2 }], '1,4', 'Matched rules at index 0'],
    [[{ succeededIndexes: '0-3', succeededCount: 2 }], '0,4,5', undefined],
    [[{ succeededIndexes: '9' }, { succeededIndexes: '0-3', succeededCount: 2 }], '0,3', 'Matched rules at index 1'],
  ])('%j with %s', (rules, indexes, expected) => {
    const job = aJob({ completions: 10, completionMode: 'Indexed', successPolicy: { rules } });
    expect(successPolicyMet(job, IndexSet.parse(indexes))).toBe(expected);
  });
});
