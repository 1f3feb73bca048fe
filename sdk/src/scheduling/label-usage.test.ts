import { expect, it } from '@jest/globals';
import type { PodInfo } from '../contracts/scheduler/index.ts';
import { LabelUsages } from './label-usage.ts';
import { PodClasses } from './pod-class.ts';

const classes = new PodClasses();

function pod(name: string, labels: Record<string, string>): PodInfo {
  const requests = { cpu: '100m', memory: '1Ki' };
  return classes.infoOf({
    metadata: { name, namespace: 'x', uid: name, labels },
    spec: { containers: [{ name: 'c', image: 'x', resources: { requests } }] },
  });
}

/** One row with these pods, and how often it was looked at. */
function row(pods: readonly PodInfo[]) {
  let looks = 0;
  const podsOf = (): readonly PodInfo[] => {
    looks += 1;
    return pods;
  };
  return { usages: new LabelUsages({ size: 1, podsOf }), looks: () => looks };
}

it('counts what is there when it is asked for the first time, and pods that come and go from then on', () => {
  const there = [pod('a', { queue: 'blue' }), pod('b', {})];
  const { usages, looks } = row(there);
  const late = pod('c', { queue: 'blue' });
  usages.count(late, 1);
  usages.count(late, -1);
  expect(looks()).toBe(0);
  expect(usages.by('queue').of('blue')).toEqual({ milliCpu: 100, memoryBytes: 1024, pods: 1 });
  expect(usages.by('queue').of(undefined).pods).toBe(1);
  usages.count(late, 1);
  expect(usages.by('queue').of('blue')).toEqual({ milliCpu: 200, memoryBytes: 2048, pods: 2 });
  for (const gone of [late, ...there]) usages.count(gone, -1);
  expect([...usages.by('queue').values()]).toEqual([]);
  expect(looks()).toBe(1);
});

it('forgets the key that was not asked for the longest time, and counts it anew', () => {
  const { usages, looks } = row([]);
  for (let key = 0; key < 17; key += 1) usages.by(`key-${key}`);
  expect(looks()).toBe(17);
  usages.by('key-16');
  expect(looks()).toBe(17);
  usages.by('key-0');
  expect(looks()).toBe(18);
});
