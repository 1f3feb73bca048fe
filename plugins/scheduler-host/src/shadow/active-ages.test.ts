import { expect, it } from '@jest/globals';
import type { Place } from '../queue/waiting-pod.ts';
import { ActiveAges } from './active-ages.ts';

const pod = (uid: string, place: Place, attempts = 0): { uid: string; place: Place; attempts: number } => ({
  uid,
  place,
  attempts,
});

it('pods age in the active queue alone, and since their last attempt', () => {
  const ages = new ActiveAges();
  expect(ages.look(1000, [])).toBe(0);
  expect(ages.look(2000, [pod('a', 'active'), pod('b', 'unschedulable')])).toBe(0);
  expect(ages.look(5000, [pod('a', 'active'), pod('b', 'active')])).toBe(3000);
  expect(ages.look(6000, [pod('a', 'active', 1), pod('b', 'active')])).toBe(1000);
  expect(ages.look(7000, [pod('a', 'active', 1), pod('b', 'backoff')])).toBe(1000);
  expect(ages.look(8000, [pod('a', 'gated', 1), pod('b', 'active')])).toBe(0);
});

it('no more pods are followed than the limit', () => {
  const ages = new ActiveAges(2);
  const pods = ['a', 'b', 'c'].map((uid) => pod(uid, 'active'));
  ages.look(0, pods);
  expect(ages.look(1000, pods.slice(2))).toBe(0);
  expect(ages.look(2000, pods.slice(2))).toBe(1000);
});
