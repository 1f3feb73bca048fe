import { describe, expect, it } from '@jest/globals';
import type { Pod } from '@timonel/sdk/kube';
import { PodQueue } from './pod-queue.ts';

const pod = (name: string, priority = 0, image = 'a'): Pod => ({
  metadata: { name, uid: name },
  spec: { containers: [{ name: 'c', image }], priority },
});
const names = (pods: readonly Pod[]): (string | undefined)[] => pods.map((entry) => entry.metadata.name);

describe('PodQueue', () => {
  it('takes by priority, then by age', () => {
    const queue = new PodQueue();
    for (const entry of [pod('old'), pod('new'), pod('urgent', 10)]) queue.put(entry);
    expect(names(queue.take(2, 0))).toEqual(['urgent', 'old']);
    expect(names(queue.take(2, 0))).toEqual(['new']);
    expect(queue.take(2, 0)).toEqual([]);
  });

  it('backs off after errors: 1 s, 2 s, …, at most 10 s', () => {
    const queue = new PodQueue();
    queue.put(pod('p'));
    let now = 0;
    for (const waitMs of [1000, 2000, 4000, 8000, 10_000, 10_000]) {
      expect(queue.take(1, now)).toHaveLength(1);
      queue.failed('p', 'error', now);
      expect(queue.nextInMs(now)).toBe(waitMs);
      expect(queue.take(1, now + waitMs - 1)).toEqual([]);
      now += waitMs;
    }
  });

  it('keeps unschedulable pods until the cluster changes, or for a minute', () => {
    const queue = new PodQueue();
    queue.put(pod('p'));
    queue.take(1, 0);
    queue.failed('p', 'unschedulable', 0);
    expect(queue.take(1, 30_000)).toEqual([]);
    queue.moveAll(30_000);
    expect(names(queue.take(1, 30_000))).toEqual(['p']);
    queue.failed('p', 'unschedulable', 30_000);
    expect(names(queue.take(1, 90_000))).toEqual(['p']);
  });

  it('tries a pod again soon when the cluster changed during its decision', () => {
    const queue = new PodQueue();
    queue.put(pod('p'));
    queue.take(1, 0);
    queue.moveAll(0);
    queue.failed('p', 'unschedulable', 0);
    expect(queue.nextInMs(0)).toBe(1000);
  });

  it('makes an unschedulable pod active when its spec changed, not when its status did', () => {
    const queue = new PodQueue();
    queue.put(pod('p'));
    queue.take(1, 0);
    queue.failed('p', 'unschedulable', 0);
    queue.put({ ...pod('p'), status: { phase: 'Pending' } });
    expect(queue.take(1, 1)).toEqual([]);
    queue.put(pod('p', 0, 'b'));
    expect(names(queue.take(1, 1))).toEqual(['p']);
  });

  it('never hands out a pod that is being decided or is gone', () => {
    const queue = new PodQueue();
    queue.put(pod('p'));
    queue.put(pod('q'));
    expect(queue.take(1, 0)).toHaveLength(1);
    queue.put(pod('p', 0, 'b'));
    expect(names(queue.take(5, 0))).toEqual(['q']);
    queue.delete('p');
    queue.failed('p', 'error', 0);
    expect(queue.nextInMs(0)).toBeUndefined();
  });
});
