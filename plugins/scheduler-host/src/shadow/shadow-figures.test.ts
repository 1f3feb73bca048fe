import { describe, expect, it } from '@jest/globals';
import { aPodInfo } from '../testing/stand-ins.ts';
import { Backlog, type ObservedBatch } from './backlog.ts';
import { ShapesOfTwo } from './cluster-shapes.ts';
import { PendingTimesOfTwo } from './pending-times.ts';
import { RecentValues } from './recent-values.ts';
import { aClusterOf, asks, bindTo } from './testing/live-cluster.ts';
import { TimeBudget } from './time-budget.ts';

it('quantiles are those of the last values', () => {
  const values = new RecentValues(100);
  expect(values.quantiles(0.5)).toEqual([0]);
  for (let value = 1; value <= 1000; value += 1) values.add(value);
  expect([values.count, ...values.quantiles(0, 0.5, 0.99, 1)]).toEqual([1000, 901, 950, 999, 1000]);
});

it('a budget is earned after it was spent', () => {
  const budget = new TimeBudget(0.1);
  expect(budget.readyInMs(50)).toBe(0);
  budget.spend(60, 10);
  expect([budget.readyInMs(60), budget.readyInMs(100), budget.readyInMs(150)]).toEqual([90, 50, 0]);
  const all = new TimeBudget(1);
  all.spend(60, 10);
  expect(all.readyInMs(60)).toBe(0);
});

it('a backlog has bounds by batches and by pods, and takes any one batch', () => {
  const backlog = new Backlog({ maxBatches: 2, maxPods: 10 });
  const batch = (pods: number): ObservedBatch =>
    ({ pods: Array.from({ length: pods }, () => aPodInfo('p')) }) as unknown as ObservedBatch;
  expect(backlog.hasRoom(99)).toBe(true);
  backlog.push(batch(6));
  expect([backlog.hasRoom(4), backlog.hasRoom(5)]).toEqual([true, false]);
  backlog.push(batch(1));
  expect(backlog.hasRoom(1)).toBe(false);
  expect(backlog.shift()?.pods).toHaveLength(6);
  expect([backlog.hasRoom(9), backlog.size]).toEqual([true, 1]);
  backlog.clear();
  expect([backlog.size, backlog.shift(), backlog.hasRoom(11)]).toEqual([0, undefined, true]);
});

describe('pending times', () => {
  it('begin with the first look and end with the decision that binds', () => {
    const times = new PendingTimesOfTwo();
    times.decided('both', 0, 5, 7);
    times.decided('candidate-first', 0, undefined, 7);
    times.decided('candidate-first', 100, undefined, 109);
    expect(times.figures.live).toMatchObject({ bound: 1, waiting: 1 });
    expect(times.figures.candidate).toMatchObject({ bound: 2, waiting: 0 });
    times.decided('candidate-first', 200, 203, 204);
    times.decided('live-only', 200, 205, undefined);
    expect(times.figures).toEqual({
      live: { bound: 3, p50Ms: 5, p99Ms: 203, waiting: 0 },
      candidate: { bound: 2, p50Ms: 7, p99Ms: 7, waiting: 1 },
    });
  });

  it('forget pods that are gone, and the oldest of too many', () => {
    const times = new PendingTimesOfTwo(2);
    for (const uid of ['a', 'b', 'c']) times.decided(uid, 0, undefined, undefined);
    expect(times.figures.live.waiting).toBe(2);
    times.forget('c');
    expect([times.figures.live.waiting, times.figures.candidate.waiting]).toEqual([1, 1]);
  });
});

describe('shapes', () => {
  it('are of the cluster as it would be after the batch of each', () => {
    const state = aClusterOf('a', 'b');
    state.place(aPodInfo('there', asks('1', '1Gi')), 'a');
    const pods = ['p', 'q'].map((name) => aPodInfo(name, asks('500m', '1Gi')));
    const shapes = new ShapesOfTwo();
    shapes.add(pods, state, {
      live: pods.map((pod) => bindTo(pod, 'b')),
      candidate: pods.map((pod) => bindTo(pod, 'a')),
    });
    const { live, candidate } = shapes.shapes;
    expect(live).toMatchObject({ nodesInUse: 2, cpuUtilisation: 0.5, cpuDeviation: 0, fragmentation: 0 });
    expect(live.podsPerNode).toEqual({ mean: 1.5, deviation: 0.5, most: 2 });
    expect(candidate).toMatchObject({ nodesInUse: 1, cpuUtilisation: 1, memoryUtilisation: 0.75, cpuDeviation: 0.5 });
    expect(candidate.podsPerNode).toMatchObject({ most: 3 });
  });

  it('see free CPU that lies in pieces', () => {
    const state = aClusterOf('a', 'b');
    const pod = aPodInfo('p', asks('1500m'));
    const shapes = new ShapesOfTwo();
    const nowhere = { outcome: 'unschedulable' as const, podUid: pod.uid, rejections: [] };
    shapes.add([pod], state, { live: [bindTo(pod, 'a')], candidate: [nowhere] });
    // Left of 4 CPUs: 500m and 2, of which a pod of 1500m can use 1.5; or 2 and 2, of which it can use 3.
    expect(shapes.shapes.live.fragmentation).toBeCloseTo(1 - 1.5 / 2.5);
    expect(shapes.shapes.candidate.fragmentation).toBeCloseTo(0.25);
  });

  it('begin with what really is for each batch, and are means', () => {
    const state = aClusterOf('a', 'b');
    const shapes = new ShapesOfTwo();
    for (const name of ['p', 'q']) {
      const pod = aPodInfo(name, asks('1'));
      shapes.add([pod], state, { live: [bindTo(pod, 'a')], candidate: [bindTo(pod, 'b')] });
      state.place(pod, 'a');
    }
    expect(shapes.shapes.live.nodesInUse).toBe(1);
    expect(shapes.shapes.candidate.nodesInUse).toBe(1.5);
  });
});
