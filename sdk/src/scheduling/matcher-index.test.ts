import { describe, expect, it } from '@jest/globals';
import type { PodClass, PodMatcher } from '../contracts/scheduler/index.ts';
import { listedObjects } from './list-snapshot.ts';
import { MatcherIndex } from './matcher-index.ts';
import { PodClasses } from './pod-class.ts';
import { podMatcher } from './pod-matcher.ts';
import { TopologyIndex } from './topology-index.ts';

const classes = new PodClasses();
const infoOf = (labels: Record<string, string>) =>
  classes.infoOf({ metadata: { name: 'p', namespace: 'x', labels }, spec: { containers: [] } });
const classOf = (labels: Record<string, string>): PodClass => infoOf(labels).class;

const appIs = (app: string): PodMatcher => podMatcher({ labelSelector: { matchLabels: { app } }, namespaces: ['x'] });
const anyApp = podMatcher({
  labelSelector: { matchExpressions: [{ key: 'app', operator: 'Exists' }] },
  namespaces: ['x'],
});

/** Counts how often it is asked. */
function spied(matcher: PodMatcher): PodMatcher & { readonly asked: () => number } {
  let asked = 0;
  const matches: PodMatcher['matches'] = (pod, labels) => {
    asked += 1;
    return matcher.matches(pod, labels);
  };
  return { ...matcher, matches, asked: () => asked };
}

const noLabels = (): Record<string, string> => ({});

describe('MatcherIndex', () => {
  it('knows who means a class, also of those that came or went after the first question', () => {
    const index = new MatcherIndex<PodMatcher>((matcher) => matcher, noLabels);
    const [a, b, again] = [appIs('a'), appIs('b'), appIs('a')];
    const pod = classOf({ app: 'a', tier: 'web' });
    index.add(b);
    index.add(a);
    expect(index.meaning(pod)).toEqual([a]);
    index.add(anyApp);
    index.add(again);
    expect(new Set(index.meaning(pod))).toEqual(new Set([a, anyApp, again]));
    expect(index.meaning(classOf({ tier: 'web' }))).toEqual([]);
    index.retain((matcher) => matcher !== a);
    expect(new Set(index.meaning(pod))).toEqual(new Set([anyApp, again]));
  });

  it('does not ask those that mean pods with another label', () => {
    const index = new MatcherIndex<PodMatcher>((matcher) => matcher, noLabels);
    const matchers = Array.from({ length: 100 }, (_, at) => spied(appIs(`a${at}`)));
    for (const matcher of matchers) index.add(matcher);
    expect(index.meaning(classOf({ app: 'a7' }))).toEqual([matchers[7]]);
    expect(matchers.reduce((sum, { asked }) => sum + asked(), 0)).toBe(1);
  });
});

describe('TopologyIndex', () => {
  it('looks only at nodes with pods of a label that is asked for', () => {
    const looked: number[] = [];
    const pods = Array.from({ length: 100 }, (_, at) => [infoOf({ app: `a${at % 50}` })]);
    const index = new TopologyIndex(
      {
        size: pods.length,
        nodes: pods.map((_, at) => ({ metadata: { name: `n${at}`, labels: { zone: `z${at % 2}` } }, spec: {} })),
        podsOf: (row) => (looked.push(row), pods[row] ?? []),
      },
      listedObjects(),
    );
    expect(index.matching(appIs('a1'), 'zone', true).total).toBe(2);
    looked.length = 0;
    expect(index.matching(appIs('a2'), 'zone', true).total).toBe(2);
    expect(looked).toEqual([2, 52]);
    // A pod comes and another goes.
    const [gone] = pods[3] ?? [];
    pods[3] = [];
    if (gone !== undefined) index.count(3, gone, -1);
    pods[9] = [...(pods[9] ?? []), infoOf({ app: 'a3' })];
    index.count(9, infoOf({ app: 'a3' }), 1);
    looked.length = 0;
    expect(index.matching(appIs('a3'), 'zone', true).total).toBe(2);
    expect(new Set(looked)).toEqual(new Set([53, 9]));
  });
});
