import { beforeEach, describe, expect, it } from '@jest/globals';
import type { Scheduler } from '@timonel/sdk/contracts/scheduler';
import type { RouteRequest } from '@timonel/sdk/contracts/api-server';
import { createRecordingLogger, manualEnv, type RecordingLogger, type SimulatedEnv } from '@timonel/testkit';
import { aPodInfo } from '../testing/stand-ins.ts';
import type { ClusterState } from '../state/cluster-state.ts';
import { SchedulerWatch } from './scheduler-watch.ts';
import { shadowRoutes } from './shadow-routes.ts';
import { KernelDouble } from './testing/kernel-double.ts';
import { aClusterOf, podsOf, toNode } from './testing/live-cluster.ts';

let env: SimulatedEnv;
let log: RecordingLogger;
let kernel: KernelDouble;
let watch: SchedulerWatch;
let state: ClusterState;
let schedulers: Record<string, Scheduler>;
let waiting: { uid: string; place: 'active'; attempts: number }[] = [];
let floors: ((bytes: number) => void)[] = [];
let batches = 0;

const slowed = (ms: number): Scheduler => ({
  async decide(pods, snapshot) {
    await env.timers.sleep(ms);
    return toNode('a').decide(pods, snapshot);
  },
});

beforeEach(() => {
  env = manualEnv();
  log = createRecordingLogger();
  schedulers = { old: slowed(5), fresh: slowed(5), slow: slowed(100), other: toNode('b') };
  kernel = new KernelDouble('old', schedulers);
  state = aClusterOf('a', 'b');
  waiting = [];
  floors = [];
  watch = new SchedulerWatch({
    env,
    log,
    control: kernel.control,
    active: () => true,
    waiting: () => waiting,
    watchHeapFloor: (tell) => {
      floors.push(tell);
      return () => void floors.splice(floors.indexOf(tell), 1);
    },
  });
  watch.start();
});

/** What the host does with one batch; its pods are gone again afterwards. */
async function batch(pods = 2): Promise<void> {
  const asked = podsOf(`b${(batches += 1)}-`, pods);
  const watched = watch.deciding(asked, state);
  const deciding = schedulers[kernel.current]?.decide(asked, state) ?? Promise.resolve([]);
  const answered = deciding.then((decisions) => watched.decided?.(decisions));
  await env.advance(200);
  await answered;
  for (const _pod of asked) watch.bound();
}

async function many(count: number): Promise<void> {
  for (let at = 0; at < count; at += 1) await batch();
}

const call = async (method: string, path: string, body?: unknown): Promise<Record<string, unknown>> => {
  const route = shadowRoutes(watch.shadow).find(
    (each) => each.method === method && each.path === `/apis/scheduling.timonel.dev/v1${path}`,
  );
  const answer = await route?.handle({ body } as RouteRequest);
  return (answer as { object: Record<string, unknown> }).object;
};

describe('a scheduler on probation', () => {
  it('stays in charge when it does its work', async () => {
    await many(40);
    await kernel.control.swap('scheduler', 'fresh');
    await many(40);
    expect([kernel.current, kernel.given]).toEqual(['fresh', []]);
  });

  it('is given up when it is much slower than the one before', async () => {
    await many(40);
    await kernel.control.swap('scheduler', 'slow');
    await many(40);
    expect(kernel.current).toBe('old');
    expect(kernel.given).toEqual([expect.stringMatching(/20 times as long as before/)]);
    expect(watch.shadow.status()).toMatchObject({
      inCharge: 'old',
      previous: null,
      probation: null,
      lastFallBack: { plugin: 'slow', reason: expect.stringContaining('20 times'), at: '2026-01-01T00:00:00Z' },
    });
    expect(log.lines.filter(({ level }) => level === 'warn')).toHaveLength(1);
  });

  it('is left alone when the probation is over, and when nobody is on probation', async () => {
    await many(40);
    await kernel.control.swap('scheduler', 'slow');
    kernel.underProbation = undefined;
    await many(40);
    for (let at = 0; at < 5; at += 1) watch.refused(aPodInfo('p'), 'chose the node "x"');
    expect([kernel.current, kernel.given]).toEqual(['slow', []]);
  });

  it('is given up at once for decisions that cannot be acted on', async () => {
    await kernel.control.swap('scheduler', 'fresh');
    kernel.hesitates = true;
    await batch();
    for (let at = 0; at < 3; at += 1) {
      expect(kernel.given).toEqual([]);
      watch.refused(aPodInfo('p'), 'chose the node "x", which does not exist');
    }
    expect(kernel.given).toHaveLength(1);
    for (let at = 0; at < 3; at += 1) watch.refused(aPodInfo('p'), 'chose the node "x", which does not exist');
    await env.advance(3000);
    expect([kernel.given.length, kernel.current]).toEqual([1, 'fresh']);
  });

  it('is given up for batches without an answer, but not for those that nobody answered', async () => {
    await kernel.control.swap('scheduler', 'fresh');
    const failed = (error: unknown): void => watch.deciding(podsOf('p', 1), state).failed?.(error);
    for (let at = 0; at < 5; at += 1) failed(Object.assign(new Error('gone'), { code: 'ERR_SERVICE_UNAVAILABLE' }));
    for (let at = 0; at < 2; at += 1) failed(new Error('boom'));
    expect(kernel.given).toEqual([]);
    failed(new Error('boom'));
    expect(kernel.given).toEqual(['3 batches of pods got no usable answer, the last one: boom']);
  });

  it('is not blamed for what the one before was asked', async () => {
    const watched = Array.from({ length: 3 }, () => watch.deciding(podsOf('p', 1), state));
    await kernel.control.swap('scheduler', 'fresh');
    for (const each of watched) each.failed?.(new Error('boom'));
    expect(kernel.given).toEqual([]);
  });

  it('is given up when it does not answer, before the host gives up waiting', async () => {
    await kernel.control.swap('scheduler', 'fresh');
    watch.deciding([aPodInfo('p')], state);
    await env.advance(5000);
    expect(kernel.given).toEqual([]);
    await env.advance(1000);
    expect(kernel.given).toEqual(['a batch of pods took 6000 ms, more than 5000 ms']);
  });

  it('is given up for bindings that fail, pods that wait, and a heap that grows', async () => {
    await kernel.control.swap('scheduler', 'fresh');
    watch.deciding([], state).decided?.([]);
    for (let at = 0; at < 5; at += 1)
      watch.bindingLost(aPodInfo('p'), 'a', { what: 'failed', error: new Error('forbidden') });
    await kernel.control.swap('scheduler', 'other');
    for (let at = 0; at < 9; at += 1) {
      watch.bindingLost(aPodInfo('p'), 'a', { what: 'refused', plugin: 'P', message: 'not now' });
    }
    waiting = [{ uid: 'u', place: 'active', attempts: 0 }];
    await env.advance(20_000);
    expect(kernel.given).toHaveLength(1);
    await env.advance(3000);
    waiting = [];
    await env.advance(3000);
    await kernel.control.swap('scheduler', 'fresh');
    await env.advance(1000);
    expect(floors).toHaveLength(1);
    for (let at = 0; at < 3; at += 1) floors[0]?.(at * 100 * 2 ** 20);
    await env.advance(1000);
    expect(kernel.given).toEqual([
      '5 of 5 bindings failed, the last one: forbidden',
      expect.stringContaining('for a decision'),
      'the heap has grown by 200 MiB over 3 full collections and 0 decided pods',
    ]);
    expect(floors).toEqual([]);
  });
});

describe('the routes', () => {
  it('put a scheduler into shadow, tell of it, and end it', async () => {
    await expect(call('GET', '/shadow')).rejects.toMatchObject({ reason: 'NotFound' });
    await expect(call('DELETE', '/shadow')).rejects.toMatchObject({ reason: 'NotFound' });
    await expect(call('POST', '/shadow/promote')).rejects.toMatchObject({ reason: 'Conflict' });
    expect(await call('GET', '/status')).toMatchObject({ kind: 'SchedulingStatus', inCharge: 'old', shadow: null });
    expect(await call('POST', '/shadow', { scheduler: 'other', timeShare: 0.5 })).toMatchObject({
      kind: 'ShadowReport',
      apiVersion: 'scheduling.timonel.dev/v1',
      state: 'running',
      timeShare: 0.5,
      candidate: { scheduler: 'other' },
    });
    await many(5);
    expect(await call('GET', '/shadow')).toMatchObject({
      agreement: { decisions: 10, otherNode: 10 },
      live: { scheduler: 'old' },
    });
    expect(await call('GET', '/status')).toMatchObject({ shadow: { scheduler: 'other', state: 'running' } });
    await expect(call('POST', '/shadow', { scheduler: 'fresh' })).rejects.toMatchObject({
      reason: 'Conflict',
      message: 'other is in shadow',
      status: { details: { causes: [{ reason: 'shadow-busy' }] } },
    });
    expect(await call('DELETE', '/shadow')).toMatchObject({ state: 'ended', reason: 'it was ended by request' });
    expect(kernel.asides).toEqual([]);
    expect(await call('GET', '/shadow')).toMatchObject({ state: 'ended', agreement: { decisions: 10 } });
    expect(await call('POST', '/shadow', { scheduler: 'fresh' })).toMatchObject({ state: 'running' });
  });

  it('refuse what cannot be', async () => {
    await expect(call('POST', '/shadow', { scheduler: 'nobody' })).rejects.toMatchObject({
      reason: 'NotFound',
      status: { code: 404, details: { causes: [{ reason: 'ERR_PLUGIN_UNKNOWN' }] } },
    });
    for (const body of [
      undefined,
      {},
      { scheduler: '' },
      { scheduler: 'other', timeShare: 2 },
      { scheduler: 'other', x: 1 },
    ]) {
      await expect(call('POST', '/shadow', body)).rejects.toMatchObject({ name: 'ApiError' });
    }
    await expect(call('POST', '/revert')).rejects.toMatchObject({ reason: 'Conflict' });
    const twice = [call('POST', '/shadow', { scheduler: 'other' }), call('POST', '/shadow', { scheduler: 'fresh' })];
    expect((await Promise.allSettled(twice)).map(({ status }) => status)).toEqual(['fulfilled', 'rejected']);
  });

  it('promote a candidate, and go back', async () => {
    await call('POST', '/shadow', { scheduler: 'other' });
    await many(2);
    expect(await call('POST', '/shadow/promote')).toMatchObject({ kind: 'SwapReport', from: 'old', to: 'other' });
    expect(kernel.swaps).toEqual([['other', { probationMs: 60_000 }]]);
    expect(await call('GET', '/shadow')).toMatchObject({ state: 'ended', reason: 'it was promoted' });
    expect(await call('GET', '/status')).toMatchObject({
      inCharge: 'other',
      previous: 'old',
      probation: { plugin: 'other', previous: 'old', endsInMs: 60_000 },
    });
    expect(await call('POST', '/revert')).toMatchObject({ from: 'other', to: 'old' });
    expect(kernel.swaps.at(-1)).toEqual(['old', { probationMs: 0 }]);
    await expect(call('POST', '/revert')).rejects.toMatchObject({ reason: 'Conflict' });
  });

  it('leave the candidate in shadow when it cannot be promoted', async () => {
    await call('POST', '/shadow', { scheduler: 'other' });
    delete schedulers['other'];
    await expect(call('POST', '/shadow/promote')).rejects.toMatchObject({ reason: 'NotFound' });
    expect(await call('GET', '/shadow')).toMatchObject({ state: 'running' });
  });

  it('tell that a candidate is gone', async () => {
    await call('POST', '/shadow', { scheduler: 'other' });
    kernel.take('other', 'ERR_PLUGIN_X: it had too many faults');
    expect(await call('GET', '/shadow')).toMatchObject({
      state: 'ended',
      reason: 'its plugin has ended: ERR_PLUGIN_X: it had too many faults',
    });
  });

  it('take the candidate away with the host', async () => {
    await call('POST', '/shadow', { scheduler: 'other' });
    watch.stop();
    expect(kernel.asides).toEqual([]);
    expect(env.pendingTimers).toBe(0);
  });
});
