import { describe, expect, it } from '@jest/globals';
import type { ClusterEvent, PodInfo, RequeueHint, Status } from '@timonel/sdk/contracts/scheduler';
import { PodQueue } from './pod-queue.ts';
import { aNode, aPodInfo } from '../testing/stand-ins.ts';
import { byPriority, gatesOf, type QueueRules, type WaitingPod } from './waiting-pod.ts';

const rules: QueueRules = { compare: byPriority, preEnqueue: gatesOf, requeueHints: () => undefined };
const names = (pods: readonly WaitingPod[]): string[] => pods.map(({ pod }) => pod.name);
const added: ClusterEvent = { kind: 'node-added', node: aNode('n') };
const removed = (name: string): ClusterEvent => ({ kind: 'pod-removed', pod: aPodInfo(name), nodeName: 'n' });

function queueWith(pods: readonly string[], more: Partial<QueueRules> = {}): PodQueue {
  const queue = new PodQueue({ ...rules, ...more });
  for (const name of pods) queue.put(aPodInfo(name), 0);
  return queue;
}

function refuse(queue: PodQueue, plugin: string, nowMs: number): readonly WaitingPod[] {
  const taken = queue.take(1000, nowMs);
  for (const waiting of taken) queue.failed(waiting, { why: 'unschedulable', plugins: [plugin] }, nowMs);
  return taken;
}

describe('the queue of pods', () => {
  it('gives pods by priority, then by age', () => {
    const queue = queueWith(['old', 'new']);
    queue.put(aPodInfo('urgent', { priority: 10 }), 0);
    expect(names(queue.take(2, 0))).toEqual(['urgent', 'old']);
    expect(names(queue.take(2, 0))).toEqual(['new']);
    expect(queue.take(2, 0)).toEqual([]);
  });

  it('follows the order of the scheduler in charge, also after a swap', () => {
    const queue = queueWith(['b', 'c', 'a']);
    queue.setRules({ ...rules, compare: (a, b) => (a.pod.name < b.pod.name ? -1 : 1) }, 0);
    expect(names(queue.take(3, 0))).toEqual(['a', 'b', 'c']);
  });

  it('leaves pods in their place when the next scheduler lets them in too', () => {
    const count = 1000;
    const queue = queueWith(Array.from({ length: count }, (_, index) => `p${index}`));
    let compared = 0;
    const compare: QueueRules['compare'] = (a, b) => {
      compared += 1;
      return byPriority(a, b);
    };
    const gated = { code: 'pending' as const, reasonCode: 'x', reason: 'y' };
    const preEnqueue = (pod: PodInfo): Status => (pod.name === 'p7' ? gated : { code: 'success' });
    queue.setRules({ ...rules, compare, preEnqueue }, 0);
    expect(queue.counts()).toMatchObject({ active: count - 1, gated: 1 });
    expect(queue.incoming.get('active ClusterEvent')).toBeUndefined();
    expect(compared).toBeLessThan(2 * count);
  });

  it('backs off after errors: 1 s, 2 s, …, at most 10 s', () => {
    const queue = queueWith(['p']);
    let now = 0;
    for (const waitMs of [1000, 2000, 4000, 8000, 10_000, 10_000]) {
      const [waiting] = queue.take(1, now);
      if (waiting === undefined) throw new Error('nothing to take');
      queue.failed(waiting, { why: 'error' }, now);
      expect(queue.nextInMs(now)).toBe(waitMs);
      expect(queue.take(1, now + waitMs - 1)).toEqual([]);
      now += waitMs;
    }
  });

  it('keeps unschedulable pods until an event helps, or for five minutes', () => {
    const queue = queueWith(['p']);
    refuse(queue, 'Fit', 0);
    expect(queue.take(1, 299_999)).toEqual([]);
    expect(queue.nextInMs(299_999)).toBe(1);
    expect(names(refuse(queue, 'Fit', 300_000))).toEqual(['p']);
    queue.apply([added], 300_500);
    expect(queue.counts()).toMatchObject({ backoff: 1, unschedulable: 0 });
    expect(queue.nextInMs(300_500)).toBe(1500);
    expect(names(queue.take(1, 302_000))).toEqual(['p']);
  });

  it('asks the hints of the plugins that refused, once for each class, and believes no throw', () => {
    const asked: string[] = [];
    const hints: Record<string, readonly RequeueHint[]> = {
      Fit: [{ event: 'pod-removed', helps: (pod) => asked.push(pod.name) > 1 }],
      Broken: [
        {
          event: 'pod-removed',
          helps: () => {
            throw new Error('no luck');
          },
        },
      ],
      Taints: [{ event: 'node-updated' }],
    };
    const queue = queueWith(['a', 'b', 'c'], { requeueHints: (plugin) => hints[plugin] });
    refuse(queue, 'Fit', 0);
    queue.apply([added], 5000);
    expect(asked).toEqual([]);
    queue.apply([removed('x')], 5000);
    expect(asked).toEqual(['a']);
    expect(queue.counts().unschedulable).toBe(3);
    queue.apply([removed('x')], 5000);
    expect(asked).toEqual(['a', 'a']);
    expect(names(refuse(queue, 'Taints', 5000))).toEqual(['a', 'b', 'c']);
    queue.apply([removed('x')], 50_000);
    expect(queue.counts().unschedulable).toBe(3);
    queue.retryAll(50_000);
    refuse(queue, 'Broken', 50_000);
    queue.apply([removed('x')], 100_000);
    expect(queue.counts().active).toBe(3);
  });

  it('does not look at 10,000 waiting pods for an event that concerns none of them', () => {
    let asked = 0;
    const hints: readonly RequeueHint[] = [{ event: 'pod-removed', helps: () => (asked += 1) < 0 }];
    const queue = new PodQueue({ ...rules, requeueHints: () => hints });
    for (let index = 0; index < 10_000; index++) queue.put(aPodInfo(`p${index}`), 0);
    while (refuse(queue, 'Fit', 0).length > 0);
    const bound: ClusterEvent = { kind: 'pod-bound', pod: aPodInfo('x'), nodeName: 'n' };
    for (let time = 0; time < 1000; time++) queue.apply([bound], 0);
    expect(asked).toBe(0);
    queue.apply([removed('x'), removed('y')], 0);
    expect(asked).toBe(2);
    expect(queue.counts().unschedulable).toBe(10_000);
  });

  it('counts events that come while a pod is being decided', () => {
    const hints: readonly RequeueHint[] = [{ event: 'node-added' }];
    const queue = queueWith(['p', 'q'], { requeueHints: () => hints });
    const [first, second] = queue.take(2, 0);
    if (first === undefined || second === undefined) throw new Error('nothing to take');
    queue.apply([removed('x')], 10);
    queue.failed(first, { why: 'unschedulable', plugins: ['Fit'] }, 10);
    expect(queue.counts()).toMatchObject({ unschedulable: 1 });
    queue.apply([added], 20);
    queue.failed(second, { why: 'unschedulable', plugins: ['Fit'] }, 20);
    expect(queue.counts()).toEqual({ active: 0, backoff: 2, unschedulable: 0, gated: 0 });
    // What came before a decision began does not count for it.
    const [again] = queue.take(1, 5000);
    if (again === undefined) throw new Error('nothing to take');
    queue.failed(again, { why: 'unschedulable', plugins: ['Fit'] }, 5000);
    expect(queue.counts()).toMatchObject({ unschedulable: 1 });
  });

  it('takes every event for helpful when nobody in particular refused the pod', () => {
    const queue = queueWith(['p'], { requeueHints: () => [] });
    const [waiting] = queue.take(1, 0);
    if (waiting === undefined) throw new Error('nothing to take');
    queue.failed(waiting, { why: 'unschedulable', plugins: [] }, 0);
    queue.apply([{ kind: 'object-changed', resource: 'persistentvolumeclaims' }], 9000);
    expect(queue.counts().active).toBe(1);
  });

  it('keeps gated pods out until their gates go', () => {
    const queue = new PodQueue(rules);
    const gated = aPodInfo('p', { schedulingGates: [{ name: 'wait' }] });
    expect(queue.put(gated, 0).gate?.reasonCode).toBe('scheduling-gates');
    queue.apply([added], 0);
    queue.activate('uid-p');
    expect(queue.take(1, 10_000_000)).toEqual([]);
    expect(queue.nextInMs(0)).toBeUndefined();
    queue.put(aPodInfo('p'), 1);
    expect(names(queue.take(1, 1))).toEqual(['p']);
  });

  it('asks a gate of a scheduler again after 30 s, and when a member of the group comes', () => {
    let seen = 0;
    const queue = new PodQueue({
      ...rules,
      preEnqueue: () => (++seen > 2 ? { code: 'success' } : { code: 'pending', reason: 'not yet' }),
    });
    const member = (name: string) => aPodInfo(name, {}, { labels: { 'scheduling.timonel.dev/pod-group': 'g' } });
    queue.put(member('a'), 0);
    expect(queue.nextInMs(0)).toBe(30_000);
    expect(queue.take(5, 30_000)).toEqual([]);
    expect(queue.put(member('b'), 30_001).place).toBe('active');
    expect(names(queue.take(5, 30_001))).toEqual(['a', 'b']);
  });

  it('lets the pods of a group leave together, those that back off included', () => {
    const queue = new PodQueue(rules);
    const member = (name: string) => aPodInfo(name, {}, { labels: { 'scheduling.timonel.dev/pod-group': 'g' } });
    queue.put(aPodInfo('first'), 0);
    for (const name of ['g1', 'g2']) queue.put(member(name), 0);
    queue.put(aPodInfo('last'), 0);
    expect(names(queue.take(2, 0))).toEqual(['first']);
    const group = queue.take(1, 0);
    expect(names(group)).toEqual(['g1', 'g2']);
    for (const waiting of group) queue.failed(waiting, { why: 'error' }, 0);
    queue.put(member('g3'), 1);
    expect(names(queue.take(3, 1))).toEqual(['last']);
    expect(names(queue.take(3, 1))).toEqual(['g1', 'g2', 'g3']);
  });

  it('makes an unschedulable pod active when what decides about it changed, not when its status did', () => {
    const queue = queueWith(['p']);
    refuse(queue, 'Fit', 0);
    const same = aPodInfo('p');
    queue.put({ ...same, pod: { ...same.pod, status: { phase: 'Pending' } } }, 1);
    expect(queue.take(1, 1)).toEqual([]);
    queue.put(aPodInfo('p', { priority: 7 }), 1);
    expect(names(queue.take(1, 1))).toEqual(['p']);
  });

  it('never hands out a pod that is being decided or is gone, and ignores the failure of one that is', () => {
    const queue = queueWith(['p', 'q']);
    const [waiting] = queue.take(1, 0);
    if (waiting === undefined) throw new Error('nothing to take');
    queue.put(aPodInfo('p', { priority: 7 }), 0);
    expect(names(queue.take(5, 0))).toEqual(['q']);
    queue.delete('uid-p');
    queue.failed(waiting, { why: 'error' }, 0);
    queue.put(aPodInfo('p'), 0);
    queue.failed(waiting, { why: 'error' }, 0);
    expect(names(queue.take(5, 0))).toEqual(['p']);
    expect(queue.nextInMs(0)).toBeUndefined();
  });

  it('takes a pod back that was not decided about, as if it had not been taken', () => {
    const queue = queueWith(['p', 'q']);
    const [waiting] = queue.take(1, 0);
    if (waiting === undefined) throw new Error('nothing to take');
    queue.giveBack(waiting);
    queue.giveBack(waiting);
    expect(queue.take(2, 0).map(({ pod, attempts }) => [pod.name, attempts])).toEqual([
      ['p', 1],
      ['q', 1],
    ]);
    queue.delete('uid-p');
    queue.giveBack(waiting);
    expect(queue.counts().active).toBe(0);
  });

  it('activates at once, and remembers it for a pod that is being decided', () => {
    const queue = queueWith(['p']);
    const [waiting] = refuse(queue, 'Fit', 0);
    queue.activate('uid-p');
    expect(names(queue.take(1, 0))).toEqual(['p']);
    queue.activate('uid-p');
    if (waiting === undefined) throw new Error('nothing to take');
    queue.failed(waiting, { why: 'unschedulable', plugins: ['Fit'] }, 0);
    expect(queue.counts()).toMatchObject({ backoff: 1, unschedulable: 0 });
  });

  it('does not keep a pod that is gone because its class was forgotten and made anew', () => {
    const queue = queueWith(['p', 'other']);
    refuse(queue, 'Fit', 0);
    const info = aPodInfo('p');
    queue.put({ ...info, class: { ...info.class, id: -1 } }, 0);
    queue.delete('uid-p');
    queue.apply([added], 100_000);
    expect(names(queue.take(10, 100_000))).toEqual(['other']);
  });

  it('asks the gates of the next scheduler about pods that are active already', () => {
    const queue = queueWith(['p']);
    queue.setRules({ ...rules, preEnqueue: () => ({ code: 'unschedulable', reason: 'no quota' }) }, 0);
    expect(queue.counts()).toMatchObject({ active: 0, gated: 1 });
  });
});
