import { describe, expect, it } from '@jest/globals';
import {
  fromLabelSelector,
  matchesSelector,
  type LabelSelector,
  type Pod,
  type PodDisruptionBudget,
} from '@timonel/sdk/kube';
import fc from 'fast-check';
import { labelKeys, Selectors } from './selection.ts';

function podOf(name: string, labels: Record<string, string>, namespace = 'd'): Pod {
  return { metadata: { name, namespace, labels }, spec: { containers: [] } };
}

function budgetOf(selector?: LabelSelector): PodDisruptionBudget {
  return { metadata: { name: 'keep', namespace: 'd' }, spec: selector === undefined ? {} : { selector } };
}

/** The cache of these pods; `looked` counts those that it gave out. */
function cacheOf(pods: readonly Pod[]): { byIndex(name: string, value: string): readonly Pod[]; looked: number } {
  return {
    looked: 0,
    byIndex(_name, value) {
      const bucket = pods.filter((pod) => labelKeys(pod).includes(value));
      this.looked += bucket.length;
      return bucket;
    },
  };
}

describe('the pods of a budget', () => {
  it('are those that its selector matches, all of its namespace by an empty one, none without one', () => {
    const pods = [podOf('a', { app: 'web' }), podOf('b', {}), podOf('c', { app: 'web' }, 'other')];
    const names = (budget: PodDisruptionBudget): unknown[] =>
      new Selectors().podsOf(budget, cacheOf(pods)).map(({ metadata }) => metadata.name);
    expect(names(budgetOf({ matchLabels: { app: 'web' } }))).toEqual(['a']);
    expect(names(budgetOf({}))).toEqual(['a', 'b']);
    expect(names(budgetOf())).toEqual([]);
  });

  it('are found without a look at the others', () => {
    const pods = Array.from({ length: 1000 }, (_, n) => podOf(`p${n}`, { app: `a${n % 100}` }));
    const cache = cacheOf(pods);
    expect(new Selectors().podsOf(budgetOf({ matchLabels: { app: 'a7' } }), cache)).toHaveLength(10);
    expect(cache.looked).toBe(10);
  });

  it('are the same as by looking at all', () => {
    const key = fc.constantFrom('a', 'b', 'c');
    const value = fc.constantFrom('x', 'y', '');
    const labels = fc.dictionary(key, value);
    const expression = fc.record({
      key,
      operator: fc.constantFrom('In', 'NotIn', 'Exists', 'DoesNotExist'),
      values: fc.array(value, { minLength: 1, maxLength: 2 }),
    });
    const selector = fc.record({ matchLabels: labels, matchExpressions: fc.array(expression, { maxLength: 2 }) });
    fc.assert(
      fc.property(fc.array(labels, { maxLength: 12 }), selector, (all, wanted) => {
        const pods = all.map((one, n) => podOf(`p${n}`, one));
        const expected = pods.filter(({ metadata }) => matchesSelector(fromLabelSelector(wanted), metadata.labels));
        expect(new Selectors().podsOf(budgetOf(wanted), cacheOf(pods))).toEqual(expected);
      }),
    );
  });
});
