import { expect, it } from '@jest/globals';
import type { PodSpec, PriorityClass } from '@timonel/sdk/kube';
import { applyPriority, defaultPriority, priorityOf, priorityProblem, systemPriority } from './priority.ts';

const classOf = (name: string, value: number, globalDefault = false): PriorityClass => ({
  metadata: { name },
  value,
  globalDefault,
});

it('takes the lowest of several default classes, and zero without any', () => {
  expect(defaultPriority([classOf('a', 5), classOf('b', 9, true), classOf('c', 7, true)])).toMatchObject({
    className: 'c',
    value: 7,
  });
  expect(defaultPriority([classOf('a', 5)])).toEqual({ className: '', value: 0, policy: 'PreemptLowerPriority' });
});

it('knows the classes that every cluster has', () => {
  expect(systemPriority('system-cluster-critical')).toMatchObject({ value: 2_000_000_000 });
  expect(systemPriority('other')).toBeUndefined();
});

it('sets what the pod leaves out, and refuses what contradicts the class', () => {
  const priority = priorityOf({ ...classOf('high', 10), preemptionPolicy: 'Never' });
  const spec: PodSpec = { containers: [], priorityClassName: 'high' };
  applyPriority(spec, priority);
  expect(spec).toMatchObject({ priority: 10, preemptionPolicy: 'Never' });
  expect(priorityProblem(spec, priority)).toBeUndefined();
  const other: PodSpec = { containers: [], priority: 3, preemptionPolicy: 'Never' };
  applyPriority(other, priority);
  expect(other.priority).toBe(3);
  expect(priorityProblem(other, priority)).toContain(
    'the integer value of priority (3) must not be provided in pod spec',
  );
  const pushing: PodSpec = { containers: [], priority: 10, preemptionPolicy: 'PreemptLowerPriority' };
  expect(priorityProblem(pushing, priority)).toContain('the string value of PreemptionPolicy (PreemptLowerPriority)');
});
