import { describe, expect, it } from '@jest/globals';
import {
  definePlugin,
  defineService,
  kernelControl,
  type AnyPlugin,
  type PluginContext,
  type PluginInstance,
} from '@timonel/sdk';
import type { DesiredChange, PluginEntry } from '@timonel/core';
import { manualEnv, settle, startTestKernel } from '@timonel/testkit';

interface Counter {
  add(): Promise<string>;
  name(): string;
}
const counter = defineService<Counter>('swap.counter', { major: 1, cardinality: 'one', sync: ['name'] });
const other = defineService<object>('swap.other', { major: 1, cardinality: 'one' });

type Hooks = Omit<PluginInstance, 'provides'> & { readonly add?: (ctx: PluginContext) => Promise<string> };

/** A counter that hands its count over. */
function counterPlugin(
  name: string,
  hooks: (ctx: PluginContext) => Hooks = () => ({}),
  more: Partial<AnyPlugin> = {},
): AnyPlugin {
  const base = definePlugin({
    name,
    version: '1.0.0',
    apiVersion: 1,
    provides: { counter },
    swap: 'handover',
    setup: (ctx) => {
      let count = 0;
      const { add, ...own } = hooks(ctx);
      return {
        provides: {
          counter: {
            add: () => add?.(ctx) ?? Promise.resolve(`${name} ${++count}`),
            name: () => name,
          },
        },
        exportState: () => ({ count }),
        importState: (state) => {
          ({ count } = state as { count: number });
        },
        ...own,
      };
    },
  });
  return { ...base, ...more } as AnyPlugin;
}
const entry = (definition: AnyPlugin): PluginEntry => ({ definition, source: 'built-in' });
const never = (): Promise<never> => new Promise(() => undefined);
const boom = (): never => {
  throw new Error('boom');
};

async function kernelWith(old: AnyPlugin, candidate: AnyPlugin, changes: DesiredChange[] = []) {
  const env = manualEnv();
  const kernel = await startTestKernel({
    plugins: [old],
    available: [entry(candidate)],
    env,
    onDesiredChange: (change) => void changes.push(change),
  });
  return { ...kernel, env, counter: kernel.service(counter) };
}

describe('swap', () => {
  it('hands the state over, holds calls back meanwhile and serves them from the new provider', async () => {
    const slowDrain = counterPlugin('old', ({ env }) => ({ drain: () => env.timers.sleep(40) }));
    const test = await kernelWith(slowDrain, counterPlugin('new'));
    expect(await test.counter.add()).toBe('old 1');
    const swapping = test.control.swap('swap.counter', 'new');
    await settle();
    const held = [test.counter.add(), test.counter.add()];
    expect(test.counter.name()).toBe('old');
    await test.env.advance(40);
    expect(await swapping).toEqual({
      service: 'swap.counter',
      from: 'old',
      to: 'new',
      pauseMs: 40,
      heldCalls: 2,
      drainedCalls: 0,
    });
    expect(await Promise.all(held)).toEqual(['new 2', 'new 3']);
    expect(test.counter.name()).toBe('new');
    expect(test.control.info('old').state).toBe('disabled');
    await test.control.swap('swap.counter', 'old');
    expect(await test.counter.add()).toBe('old 4');
    const stopping = test.stop();
    await test.env.advance(40);
    expect((await stopping).problems).toEqual([]);
  });

  it('lets calls in flight end with the old provider', async () => {
    const slow = counterPlugin('old', () => ({ add: (ctx) => ctx.env.timers.sleep(100).then(() => 'old, late') }));
    const test = await kernelWith(slow, counterPlugin('new'));
    const call = test.counter.add();
    const swapping = test.control.swap('swap.counter', 'new');
    await test.env.advance(100);
    expect(await swapping).toMatchObject({ drainedCalls: 1, pauseMs: 100 });
    expect(await call).toBe('old, late');
    await test.stop();
  });

  it('replaces a provider that hangs: its calls fail when the drain deadline is over', async () => {
    const hanging = counterPlugin('old', () => ({
      add: never,
      drain: never,
      stop: never,
      exportState: () => ({ count: 0 }),
    }));
    const test = await kernelWith(hanging, counterPlugin('new'));
    const failed = expect(test.counter.add()).rejects.toMatchObject({
      code: 'ERR_SERVICE_UNAVAILABLE',
      retryable: true,
    });
    const swapping = test.control.swap('swap.counter', 'new');
    await test.env.advance(30_000);
    expect(await swapping).toMatchObject({ pauseMs: 10_000, drainedCalls: 0 });
    await failed;
    expect(await test.counter.add()).toBe('new 1');
    await test.stop();
  });

  it.each<[string, string, () => Hooks]>([
    ['setup', 'setup', boom],
    ['probe', 'probe', () => ({ probe: boom })],
    ['import', 'import', () => ({ importState: boom })],
    ['start', 'start', () => ({ start: boom })],
    ['a start that hangs', 'start', () => ({ start: never })],
  ])('leaves the old provider serving when the candidate fails in %s', async (_what, phase, hooks) => {
    let stops = 0;
    const old = counterPlugin('old', () => ({ drain: () => undefined, stop: () => void stops++ }));
    const test = await kernelWith(old, counterPlugin('new', hooks));
    await test.counter.add();
    const swapping = test.control.swap('swap.counter', 'new');
    const refused = expect(swapping).rejects.toMatchObject({
      code: 'ERR_SERVICE_SWAP',
      plugin: 'new',
      message: expect.stringMatching(new RegExp(`'old' serves it on: ${phase} of plugin 'new'`)),
    });
    await test.env.advance(40_000);
    await refused;
    // It was told to drain only after the probe; then it is a new instance with its own state back.
    expect(stops).toBe(phase === 'setup' || phase === 'probe' ? 0 : 1);
    expect(await test.counter.add()).toBe('old 2');
    expect(test.control.info('old').state).toBe('running');
    expect(test.control.info('new')).toMatchObject({ state: 'failed', taps: [] });
    expect(test.control.providerOf('swap.counter')).toBe('old');
    await test.stop();
    expect(test.env.pendingTimers).toBe(0);
  });

  it('does not touch an old provider without drain when the export fails', async () => {
    const old = counterPlugin('old', () => ({ exportState: () => ({ notData: () => undefined }) }));
    const test = await kernelWith(old, counterPlugin('new'));
    await expect(test.control.swap('swap.counter', 'new')).rejects.toMatchObject({ code: 'ERR_SERVICE_SWAP' });
    expect(await test.counter.add()).toBe('old 1');
    await test.stop();
  });

  it.each<[string, string, AnyPlugin, AnyPlugin, string, string]>([
    [
      'never swaps',
      'cannot be swapped',
      counterPlugin('old', undefined, { swap: 'never' }),
      counterPlugin('new'),
      'swap.counter',
      'new',
    ],
    ['is itself', 'provides service', counterPlugin('old'), counterPlugin('new'), 'swap.counter', 'old'],
    [
      'does not provide it',
      'does not provide',
      counterPlugin('old'),
      counterPlugin('new', undefined, { provides: { o: other } }),
      'swap.counter',
      'new',
    ],
    [
      'no such service',
      `did you mean 'swap.counter'?`,
      counterPlugin('old'),
      counterPlugin('new'),
      'swap.countre',
      'new',
    ],
    ['no such plugin', `did you mean 'new'?`, counterPlugin('old'), counterPlugin('new'), 'swap.counter', 'nwe'],
  ])('refuses when it %s', async (_what, message, old, candidate, service, name) => {
    const test = await kernelWith(old, candidate);
    await expect(test.control.swap(service, name)).rejects.toMatchObject({ message: expect.stringContaining(message) });
    expect(await test.counter.add()).toBe('old 1');
    await test.stop();
  });

  it('refuses a candidate that would leave another plugin without its service', async () => {
    const old = counterPlugin('old', undefined, { provides: { counter, other } });
    const both = {
      ...old,
      setup: async (ctx: PluginContext) => {
        const instance = (await counterPlugin('old').setup(ctx)) as PluginInstance;
        return { ...instance, provides: { ...instance.provides, other: {} } };
      },
    } as AnyPlugin;
    const user = definePlugin({
      name: 'user',
      version: '1.0.0',
      apiVersion: 1,
      requires: { other },
      setup: () => undefined,
    });
    const kernel = await startTestKernel({ plugins: [both, user], available: [entry(counterPlugin('new'))] });
    await expect(kernel.control.swap('swap.counter', 'new')).rejects.toMatchObject({ code: 'ERR_SERVICE_MISSING' });
    expect(await kernel.service(counter).add()).toBe('old 1');
    await kernel.stop();
  });

  it.each<[string, (ctx: PluginContext) => Hooks]>([
    [
      'its probe fails',
      ({ env }) => {
        const builtAt = env.clock.monotonic();
        return { probe: () => (env.clock.monotonic() > builtAt ? boom() : undefined) };
      },
    ],
    ['it has too many faults', (ctx) => ({ start: () => void ctx.env.timers.every(100, boom) })],
  ])('swaps back in probation when %s', async (_what, hooks) => {
    const changes: DesiredChange[] = [];
    const test = await kernelWith(counterPlugin('old'), counterPlugin('new', hooks), changes);
    await test.counter.add();
    await test.control.swap('swap.counter', 'new');
    expect(await test.counter.add()).toBe('new 2');
    await test.env.advance(2000);
    expect(test.control.providerOf('swap.counter')).toBe('old');
    expect(await test.counter.add()).toBe('old 3');
    expect(test.control.info('new')).toMatchObject({
      state: 'failed',
      reason: expect.stringContaining(`swapped back to 'old' in probation`),
    });
    expect(test.control.info('old').state).toBe('running');
    expect(changes).toEqual([
      { kind: 'swap', service: 'swap.counter', from: 'old', to: 'new' },
      { kind: 'swap', service: 'swap.counter', from: 'new', to: 'old' },
    ]);
    await test.stop();
    expect(test.env.pendingTimers).toBe(0);
  });

  it('swaps back at the word of a watcher, which is the reason that is shown', async () => {
    const changes: DesiredChange[] = [];
    const test = await kernelWith(counterPlugin('old'), counterPlugin('new'), changes);
    const control = test.service(kernelControl);
    expect(control.probation('swap.counter')).toBeUndefined();
    expect(control.unfit('swap.counter', 'too slow')).toBe(false);
    await test.counter.add();
    await control.swap('swap.counter', 'new');
    await test.env.advance(1000);
    expect(control.probation('swap.counter')).toEqual({ plugin: 'new', previous: 'old', endsInMs: 9000 });
    expect(control.probation('swap.other')).toBeUndefined();
    expect(control.unfit('swap.other', 'too slow')).toBe(false);
    expect(control.unfit('swap.counter', 'too slow')).toBe(true);
    expect(control.unfit('swap.counter', 'said twice')).toBe(true);
    await settle();
    const reason = `swapped back to 'old' in probation: too slow`;
    expect(control.info('new')).toMatchObject({ state: 'failed', reason });
    expect(test.log.lines).toContainEqual({
      level: 'warn',
      fields: { plugin: 'new', service: 'swap.counter' },
      message: reason,
    });
    expect(await test.counter.add()).toBe('old 2');
    expect(control.probation('swap.counter')).toBeUndefined();
    expect(control.unfit('swap.counter', 'too late')).toBe(false);
    expect(changes).toMatchObject([{ to: 'new' }, { to: 'old' }]);
    await test.stop();
    expect(test.env.pendingTimers).toBe(0);
  });

  it('takes as long for the probation as the swap says', async () => {
    const test = await kernelWith(counterPlugin('old'), counterPlugin('new'));
    for (const probationMs of [-1, Number.NaN]) {
      await expect(test.control.swap('swap.counter', 'new', { probationMs })).rejects.toThrow('is no duration');
    }
    await test.control.swap('swap.counter', 'new', { probationMs: 60_000 });
    await test.env.advance(59_000);
    expect(test.control.probation('swap.counter')).toMatchObject({ plugin: 'new', endsInMs: 1000 });
    await test.env.advance(1000);
    expect(test.control.probation('swap.counter')).toBeUndefined();
    await test.control.swap('swap.counter', 'old', { probationMs: 0 });
    expect(test.control.probation('swap.counter')).toBeUndefined();
    await test.stop();
    expect(test.env.pendingTimers).toBe(0);
  });

  it('ends the probation after its time', async () => {
    let probes = 0;
    const test = await kernelWith(
      counterPlugin('old'),
      counterPlugin('new', () => ({ probe: () => void probes++ })),
    );
    await test.control.swap('swap.counter', 'new');
    await test.env.advance(60_000);
    expect(probes).toBeGreaterThanOrEqual(10);
    expect(probes).toBeLessThanOrEqual(11);
    expect(test.control.info('new').state).toBe('running');
    await test.stop();
  });
});
