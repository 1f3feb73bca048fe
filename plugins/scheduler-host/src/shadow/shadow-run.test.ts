import { describe, expect, it } from '@jest/globals';
import type { Decision, PodInfo, Scheduler, SchedulerSnapshot } from '@timonel/sdk/contracts/scheduler';
import { manualEnv, type SimulatedEnv } from '@timonel/testkit';
import { aPodInfo } from '../testing/stand-ins.ts';
import { shadowDefaults, ShadowRun, type ShadowConfig } from './shadow-run.ts';
import { aClusterOf, asks, bindTo, liveBatch, podsOf, toNode } from './testing/live-cluster.ts';

interface Bench {
  readonly env: SimulatedEnv;
  readonly run: ShadowRun;
  readonly ended: string[];
  inCharge: string;
}

function bench(scheduler: Scheduler, config: Partial<ShadowConfig> = {}): Bench {
  const env = manualEnv();
  const ended: string[] = [];
  const parts = { env, ended, inCharge: 'live' };
  const run = new ShadowRun(
    { env, name: 'candidate', scheduler, inCharge: () => parts.inCharge, onEnd: (reason) => ended.push(reason) },
    { ...shadowDefaults, ...config },
  );
  return Object.assign(parts, { run });
}

/** The pods of each node, as the snapshot shows them. */
const seenIn = (snapshot: SchedulerSnapshot): Record<string, readonly string[]> =>
  Object.fromEntries(snapshot.rows.map(({ name, pods }) => [name, pods.map((pod) => pod.name)]));

describe('a candidate in shadow', () => {
  it('decides on what the one in charge saw, not on what became of it', async () => {
    const seen: unknown[] = [];
    const { env, run } = bench({
      decide(pods, snapshot) {
        seen.push(seenIn(snapshot));
        return toNode('b').decide(pods, snapshot);
      },
    });
    const parts = { state: aClusterOf('a', 'b'), live: toNode('a'), run };
    await liveBatch(env, parts, [aPodInfo('p1', asks('1'))]);
    await liveBatch(env, parts, [aPodInfo('p2', asks('1'))]);
    parts.state.removeNode('b');
    expect(seen).toEqual([]);
    await env.advance(1000);
    expect(seen).toEqual([
      { a: [], b: [] },
      { a: ['p1'], b: [] },
    ]);
    expect(run.report()).toMatchObject({
      batches: { compared: 2, skipped: 0, waiting: 0 },
      agreement: { decisions: 2, same: 0, otherNode: 2, share: 0 },
      live: { scheduler: 'live', bound: 2 },
      candidate: { scheduler: 'candidate', bound: 2 },
      differences: [{ name: 'p2' }, { name: 'p1', live: { nodeName: 'a' }, candidate: { nodeName: 'b' } }],
    });
  });

  it('does not hold up the one in charge, and gets its share of the time', async () => {
    let busyMs = 0;
    const { env, run } = bench(
      {
        async decide(pods, snapshot) {
          await env.timers.sleep(50);
          busyMs += 50;
          return toNode('a').decide(pods, snapshot);
        },
      },
      { timeShare: 0.1 },
    );
    const parts = { state: aClusterOf('a'), live: toNode('a'), run };
    const began = env.clock.monotonic();
    for (let batch = 0; batch < 1000; batch += 1) {
      const before = env.clock.monotonic();
      await liveBatch(env, parts, podsOf(`b${batch}-`, 2));
      expect(env.clock.monotonic()).toBe(before);
      await env.advance(20);
    }
    const { batches, pods, timeShare, candidate } = run.report();
    expect(timeShare).toBe(0.1);
    expect(busyMs / (env.clock.monotonic() - began)).toBeCloseTo(0.1, 2);
    expect(batches.compared).toBe(40);
    expect(batches.waiting).toBeLessThanOrEqual(shadowDefaults.maxBatches);
    expect(batches.compared + batches.skipped + batches.waiting).toBeGreaterThanOrEqual(999);
    expect(pods.skipped).toBe(batches.skipped * 2);
    expect(candidate.decisionTimes).toMatchObject({ p50Ms: 50, p99Ms: 50, perPodP50Ms: 25 });
  });

  it('is shown what happened during skipped batches', async () => {
    let last: unknown;
    const { env, run } = bench(
      {
        decide(pods, snapshot) {
          last = seenIn(snapshot);
          return toNode('a').decide(pods, snapshot);
        },
      },
      { maxBatches: 1 },
    );
    const parts = { state: aClusterOf('a'), live: toNode('a'), run };
    for (const name of ['p1', 'p2', 'p3']) await liveBatch(env, parts, [aPodInfo(name)]);
    await env.advance(1);
    await liveBatch(env, parts, [aPodInfo('p4')]);
    await env.advance(1);
    expect(last).toEqual({ a: ['p1', 'p2', 'p3'] });
    expect(run.report().batches).toMatchObject({ compared: 2, skipped: 2 });
  });

  it('is not compared about batches that came to nothing, or were answered by another scheduler', async () => {
    const those = bench(toNode('a'));
    const { env, run } = those;
    const cluster = aClusterOf('a');
    const [lost, held, seen] = ['lost', 'held', 'seen'].map((name) => [aPodInfo(name)]);
    const answer = [bindTo(aPodInfo('held'), 'a')];
    run.deciding(lost ?? [], cluster);
    const open = run.deciding(held ?? [], cluster);
    run.decided(undefined, answer, 0);
    those.inCharge = 'other';
    run.decided(open, answer, 0);
    run.decided(open, answer, 0);
    await liveBatch(env, { state: cluster, live: toNode('a'), run }, seen ?? []);
    await env.advance(1000);
    expect(run.report().pods).toMatchObject({ compared: 1, skipped: 1 });
  });

  it('is asked about its own pods alone', async () => {
    const asked: string[] = [];
    const { env, run } = bench({
      decide(pods, snapshot) {
        asked.push(...pods.map(({ name }) => name));
        return toNode('a').decide(pods, snapshot);
      },
      traits: { profiles: () => ['mine'] },
    });
    const parts = { state: aClusterOf('a'), live: toNode('a'), run };
    await liveBatch(env, parts, [aPodInfo('other'), aPodInfo('own', { schedulerName: 'mine' })]);
    await env.advance(1000);
    expect(asked).toEqual(['own']);
    expect(run.report()).toMatchObject({ pods: { compared: 1, foreign: 1 }, agreement: { same: 1 } });
  });

  it('counts preemptions, and pods that wait under one of them', async () => {
    const victim = aPodInfo('victim', asks('2'));
    const urgent = aPodInfo('urgent', { ...asks('1'), priority: 10 });
    const { env, run } = bench({
      decide: () =>
        Promise.resolve([
          {
            outcome: 'preempt',
            podUid: urgent.uid,
            nodeName: 'a',
            victims: [{ ...victim, priority: 0 }],
            rejections: [],
          },
        ]),
    });
    const state = aClusterOf('a');
    state.place(victim, 'a');
    const live: Scheduler = {
      decide: () => Promise.resolve([{ outcome: 'unschedulable', podUid: urgent.uid, rejections: [] }]),
    };
    await liveBatch(env, { state, live, run }, [urgent]);
    await env.advance(10);
    expect(run.report()).toMatchObject({
      agreement: { otherOutcome: 1 },
      live: { unschedulable: 1, preemptions: 0, pending: { waiting: 1 } },
      candidate: { preemptions: 1, victims: 1, pending: { waiting: 1 } },
    });
    run.podGone(urgent.uid);
    expect(run.report().live.pending.waiting).toBe(0);
  });

  it('keeps the last differences', async () => {
    const { env, run } = bench(toNode('b'), { differences: 3 });
    const parts = { state: aClusterOf('a', 'b'), live: toNode('a'), run };
    await liveBatch(env, parts, podsOf('p', 9));
    await env.advance(1);
    expect(run.report().differences.map(({ name }) => name)).toEqual(['p8', 'p7', 'p6']);
  });
});

describe('faults of a candidate', () => {
  const faulty: readonly (readonly [string, string, (pods: readonly PodInfo[]) => unknown])[] = [
    ['throws', 'threw: boom', () => Promise.reject(new Error('boom'))],
    [
      'throws at once',
      'threw: boom',
      () => {
        throw new Error('boom');
      },
    ],
    ['hangs', 'did not decide within 10000 ms', () => new Promise(() => undefined)],
    ['answers no list', 'no list', () => Promise.resolve('bind')],
    ['answers too little', 'made 0 decisions for 1 pods', () => Promise.resolve([])],
    ['decides about another pod', 'about another pod', () => Promise.resolve([bindTo(aPodInfo('other'), 'a')])],
    [
      'chooses a node that is not there',
      'node "z", which does not exist',
      (pods) => Promise.resolve(pods.map((pod) => bindTo(pod, 'z'))),
    ],
    ['scores NaN', 'no number', (pods) => Promise.resolve(pods.map((pod) => bindTo(pod, 'a', [Number.NaN])))],
    [
      'has an outcome of its own',
      'unknown outcome "x"',
      ([pod]) => Promise.resolve([{ outcome: 'x', podUid: pod?.uid }]),
    ],
    [
      'gives no reasons',
      'reasons that are no list',
      ([pod]) => Promise.resolve([{ outcome: 'unschedulable', podUid: pod?.uid }]),
    ],
    [
      'preempts somebody elsewhere',
      'preempts x/v, which is not on a',
      ([pod]) =>
        Promise.resolve([
          {
            outcome: 'preempt',
            podUid: pod?.uid,
            nodeName: 'a',
            victims: [{ namespace: 'x', name: 'v', uid: 'v' }],
            rejections: [],
          },
        ]),
    ],
  ];

  it.each(faulty)('one that %s is left alone after ten of them', async (_what, message, decide) => {
    const { env, run, ended } = bench({ decide: decide as Scheduler['decide'] });
    const parts = { state: aClusterOf('a'), live: toNode('a'), run };
    for (let batch = 0; batch < 9; batch += 1) {
      await liveBatch(env, parts, podsOf(`b${batch}-`, 1));
      await env.advance(200_000);
    }
    expect(run.report()).toMatchObject({
      state: 'running',
      faults: { count: 9, limit: 10 },
      agreement: { decisions: 0 },
    });
    expect(run.report().faults.last[0]).toContain(message);
    for (const name of ['last', 'further']) {
      await liveBatch(env, parts, [aPodInfo(name)]);
      await env.advance(200_000);
    }
    const report = run.report();
    expect(report).toMatchObject({ state: 'ended', faults: { count: 10 } });
    expect(report.reason).toContain(`it had 10 faults, the last one: it ${report.faults.last[0]}`);
    expect(ended).toEqual([report.reason]);
    expect(env.pendingTimers).toBe(0);
  });

  it('are those of one pod when the others are answered well', async () => {
    const { env, run } = bench({
      decide: (pods) => Promise.resolve(pods.map((pod, at): Decision => bindTo(pod, at === 1 ? 'z' : 'a'))),
    });
    await liveBatch(env, { state: aClusterOf('a'), live: toNode('a'), run }, podsOf('p', 3));
    await env.advance(1);
    expect(run.report()).toMatchObject({ faults: { count: 1 }, agreement: { decisions: 2, same: 2 } });
  });

  it('a candidate that cannot tell its profiles has one fault for each batch', async () => {
    const profiles = (): never => {
      throw new Error('boom');
    };
    const { env, run } = bench({ ...toNode('a'), traits: { profiles } });
    await liveBatch(env, { state: aClusterOf('a'), live: toNode('a'), run }, podsOf('p', 9));
    await env.advance(1);
    expect(run.report()).toMatchObject({ faults: { count: 1 }, pods: { compared: 0, foreign: 9 } });
  });

  it('loops are cut off where that is possible', async () => {
    const env = manualEnv();
    const limits: number[] = [];
    const run = new ShadowRun({
      env,
      name: 'candidate',
      scheduler: toNode('a'),
      inCharge: () => 'live',
      onEnd: () => undefined,
      within: (limitMs) => {
        limits.push(limitMs);
        throw new Error('it did not return');
      },
    });
    await liveBatch(env, { state: aClusterOf('a'), live: toNode('a'), run }, podsOf('p', 1));
    await env.advance(1);
    expect(limits).toEqual([10_000]);
    expect(run.report().faults.last).toEqual(['threw: it did not return']);
  });

  it('a candidate that the kernel took away ends the run', async () => {
    const gone = Object.assign(new Error('plugin candidate was disabled'), { code: 'ERR_SERVICE_UNAVAILABLE' });
    const { env, run, ended } = bench({ decide: () => Promise.reject(gone) });
    await liveBatch(env, { state: aClusterOf('a'), live: toNode('a'), run }, podsOf('p', 1));
    await env.advance(1);
    expect(ended).toEqual(['it is gone: plugin candidate was disabled']);
    expect(run.report().faults.count).toBe(0);
  });

  it('a run that was ended does nothing any more', async () => {
    const { env, run, ended } = bench(toNode('a'));
    const parts = { state: aClusterOf('a'), live: toNode('a'), run };
    await liveBatch(env, parts, podsOf('p', 1));
    run.end('enough');
    run.end('again');
    await liveBatch(env, parts, podsOf('q', 1));
    await env.advance(1000);
    expect(run.report()).toMatchObject({ state: 'ended', reason: 'enough', batches: { compared: 0, waiting: 0 } });
    expect(ended).toEqual(['enough']);
    expect(env.pendingTimers).toBe(0);
  });
});
