import { beforeEach, describe, expect, it } from '@jest/globals';
import {
  bailHook,
  collectHook,
  notifyHook,
  waterfallHook,
  DeadlineWatch,
  type AnyHookToken,
  type HookCaller,
  type HookCallOptions,
  type KernelError,
  type TapOptions,
} from '@timonel/sdk';
import { createSimulatedEnv, type SimulatedEnv } from '../env/index.ts';
import { Activity } from '../supervision/activity.ts';
import { HookRegistry } from './hook-registry.ts';
import type { Tap, UntypedTap } from './tap.ts';

const options = { description: 'for tests', deadlineMs: 100 };
const waterfall = waterfallHook<object, object>('t.object.mutate', options);
const lenient = waterfallHook<object, object>('t.object.skip', { ...options, onError: 'skip' });
const collect = collectHook<object, object, string>('t.object.validate', options);
const bail = bailHook<object, object, string>('t.object.decide', options);
const notify = notifyHook<object, object>('t.object.done', options);

let env: SimulatedEnv;
let hooks: HookRegistry;
let faults: KernelError[];

beforeEach(() => {
  env = createSimulatedEnv({ seed: 1 });
  const activity = new Activity(env.clock, 0, () => undefined);
  hooks = new HookRegistry({ clock: env.clock, activity, deadlines: new DeadlineWatch(env.clock, env.timers) });
  faults = [];
});

function tap(token: AnyHookToken, fn: UntypedTap, tapOptions: TapOptions = {}, plugin = 'p'): Tap {
  const owner = {
    plugin,
    fn,
    limited: false,
    builtIn: plugin !== 'outside',
    onFault: (error: KernelError) => faults.push(error),
  };
  const owned = hooks.add(token, owner, tapOptions);
  owned.live = true;
  return owned;
}

function caller(token: AnyHookToken): HookCaller<AnyHookToken> {
  const { it: found } = hooks.callersOf({ it: token });
  if (found === undefined) throw new Error('no caller');
  return found;
}

describe('hooks', () => {
  it('without taps answer at once with what the kind says', async () => {
    const subject = { a: 1 };
    expect(await caller(waterfall).call(subject, {})).toBe(subject);
    expect(await caller(collect).call(subject, {})).toEqual([]);
    expect(await caller(bail).call(subject, {})).toBeUndefined();
    expect(await caller(notify).call(subject, {})).toBeUndefined();
  });

  it('waterfall: each tap may change the subject, in order of stage', async () => {
    const step =
      (name: string): UntypedTap =>
      (subject) => ({ at: `${(subject as { at: string }).at}${name}` });
    tap(waterfall, step('c'), { stage: 10 });
    tap(waterfall, (subject) => Promise.resolve(step('a')(subject, {})));
    tap(waterfall, () => undefined);
    tap(waterfall, step('b'));
    tap(waterfall, step('0'), { stage: -1 });
    expect(await caller(waterfall).call({ at: '' }, {})).toEqual({ at: '0abc' });
  });

  it('collect: all findings; bail: the first answer; notify: nothing', async () => {
    tap(collect, () => ['one']);
    tap(collect, () => undefined);
    tap(collect, () => Promise.resolve(['two', 'three']));
    expect(await caller(collect).call({}, {})).toEqual(['one', 'two', 'three']);
    const asked: string[] = [];
    const answer =
      (name: string, value: string | undefined): UntypedTap =>
      () => {
        asked.push(name);
        return value;
      };
    tap(bail, answer('a', undefined));
    tap(bail, answer('b', 'yes'));
    tap(bail, answer('c', 'no'));
    expect(await caller(bail).call({}, {})).toBe('yes');
    expect(asked).toEqual(['a', 'b']);
    tap(notify, () => 'ignored');
    expect(await caller(notify).call({}, {})).toBeUndefined();
  });

  it('blames a tap that throws: fail rejects, skip and notify go on', async () => {
    tap(waterfall, () => Promise.reject(new Error('boom')), {}, 'culprit');
    const failed = { code: 'ERR_TAP_FAILED', plugin: 'culprit', message: expect.stringContaining('boom') };
    await expect(caller(waterfall).call({}, {})).rejects.toMatchObject(failed);
    const boom = (): never => {
      throw new Error('boom');
    };
    tap(lenient, boom);
    tap(lenient, () => ({ ok: true }));
    expect(await caller(lenient).call({}, {})).toEqual({ ok: true });
    let told = 0;
    tap(notify, boom);
    tap(notify, () => void told++);
    await caller(notify).call({}, {});
    expect(told).toBe(1);
    expect(faults.map(({ code }) => code)).toEqual(['ERR_TAP_FAILED', 'ERR_TAP_FAILED', 'ERR_TAP_FAILED']);
  });

  it('cuts off a tap that never answers, at the shorter of both deadlines', async () => {
    const owned = tap(waterfall, () => new Promise(() => undefined), { deadlineMs: 30 });
    const call = caller(waterfall).call({}, {});
    const failed = expect(call).rejects.toMatchObject({ code: 'ERR_TAP_TIMEOUT', plugin: 'p' });
    await env.advance(30);
    await failed;
    expect(owned.info()).toMatchObject({ calls: 1, timeouts: 1, errors: 0, p50Us: 30_000 });
    expect(faults).toHaveLength(1);
  });

  it('gives all taps of a call one budget: later ones get what is left, and are not blamed for others', async () => {
    const budgeted = waterfallHook<object, object>('test.budgeted', { description: 'x', deadlineMs: 50, budgetMs: 70 });
    const slow = (): Promise<undefined> => env.timers.sleep(40).then(() => undefined);
    const first = tap(budgeted, slow);
    const second = tap(budgeted, () => new Promise(() => undefined), { onError: 'skip' });
    const third = tap(budgeted, () => ({}), { onError: 'skip' }, 'third');
    const call = caller(budgeted).call({ kept: true }, {});
    await env.advance(40);
    await env.advance(30);
    expect(await call).toEqual({ kept: true });
    expect(second.info()).toMatchObject({ calls: 1, timeouts: 1 });
    expect([first.info().timeouts, third.info().calls]).toEqual([0, 0]);
    expect(faults.map(({ message }) => message)).toEqual([expect.stringContaining('did not answer within 30 ms')]);
    tap(budgeted, () => ({}), {}, 'strict');
    const refused = caller(budgeted).call({}, {});
    const failed = expect(refused).rejects.toMatchObject({
      code: 'ERR_TAP_TIMEOUT',
      message: expect.stringContaining(
        "'strict' on hook 'test.budgeted' was not asked: those before it took all of the 70 ms",
      ),
    });
    await env.advance(40);
    await env.advance(30);
    await failed;
    expect(faults).toHaveLength(2);
  });

  it('need no budget: that of a token which was carried over as JSON is none', async () => {
    const carried = JSON.parse(JSON.stringify(waterfallHook('test.carried', { description: 'x' }))) as AnyHookToken;
    tap(carried, () => ({ done: true }));
    expect(await caller(carried).call({}, {})).toEqual({ done: true });
  });

  it('counts refusals of a hook that collects findings', async () => {
    const owned = tap(collect, (subject) => ((subject as { bad?: boolean }).bad === true ? ['bad'] : []));
    await caller(collect).call({ bad: true }, {});
    await caller(collect).call({}, {});
    expect(owned.info()).toMatchObject({ calls: 2, refusals: 1 });
  });

  it('pass by the taps of the plugin that asks, and those from outside where all depends on it', async () => {
    const told: string[] = [];
    const hear =
      (name: string): UntypedTap =>
      () =>
        void told.push(name);
    tap(bail, hear('own'), {}, 'own');
    tap(bail, hear('own too'), { ownToo: true }, 'own');
    tap(bail, hear('outside'), {}, 'outside');
    tap(bail, hear('other'), {}, 'other');
    const askedFor = async (options: HookCallOptions): Promise<string[]> => {
      await caller(bail).call({}, {}, options);
      return told.splice(0);
    };
    expect(await askedFor({})).toEqual(['own', 'own too', 'outside', 'other']);
    expect(await askedFor({ by: 'own' })).toEqual(['own too', 'outside', 'other']);
    expect(await askedFor({ by: 'outside' })).toEqual(['own', 'own too', 'other']);
    expect(await askedFor({ essential: true })).toEqual(['own', 'own too', 'other']);
  });

  it('arms no timer for taps that answer at once', async () => {
    tap(waterfall, () => ({}));
    await caller(waterfall).call({}, {});
    expect(env.pendingTimers).toBe(0);
  });

  it('refuses results of a wrong shape', async () => {
    for (const bad of ['text', null, []]) {
      const owned = tap(waterfall, () => bad);
      await expect(caller(waterfall).call({}, {})).rejects.toMatchObject({ code: 'ERR_TAP_RESULT', plugin: 'p' });
      owned.remove();
    }
    tap(collect, () => 'not a list');
    await expect(caller(collect).call({}, {})).rejects.toMatchObject({ code: 'ERR_TAP_RESULT' });
  });

  it('removes taps for good, also after calls, and counts the live ones', async () => {
    const hook = caller(waterfall);
    const taps = ['a', 'b', 'c'].map((name) => tap(waterfall, () => ({ name })));
    expect(hook.size).toBe(3);
    expect(await hook.call({}, {})).toEqual({ name: 'c' });
    taps[2]?.remove();
    taps[2]?.remove();
    expect(await hook.call({}, {})).toEqual({ name: 'b' });
    if (taps[1] !== undefined) taps[1].live = false;
    expect(await hook.call({}, {})).toEqual({ name: 'a' });
    expect(hook.size).toBe(1);
  });

  it('answers a call whose tap goes while it works', async () => {
    const owned = tap(waterfall, () => new Promise(() => undefined));
    const call = caller(waterfall).call({ kept: true }, {});
    owned.remove();
    expect(await call).toEqual({ kept: true });
    expect(faults).toEqual([]);
  });

  it('keeps taps bound to the id when the hook gets a new owner', async () => {
    tap(waterfall, () => ({ tapped: true }));
    expect(hooks.isOwned(waterfall)).toBe(false);
    const twin = waterfallHook<object, object>(waterfall.id, options);
    expect(await caller(twin).call({}, {})).toEqual({ tapped: true });
    expect(hooks.isOwned(waterfall)).toBe(true);
    const other = bailHook<object, object, string>(waterfall.id, options);
    expect(() => tap(other, () => undefined)).toThrow(expect.objectContaining({ code: 'ERR_PLUGIN_CONTRACT' }));
  });
});
