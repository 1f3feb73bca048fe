import { describe, expect, it } from '@jest/globals';
import { definePlugin, defineService, waterfallHook, type AnyPlugin } from '@timonel/sdk';
import { createRealEnv } from '../env/index.ts';
import { manualEnv, settle, startTestKernel, until } from '@timonel/testkit';

const hook = waterfallHook<object, null>('sup.object.mutate', { description: 'for tests' });
const service = defineService<{ work(): Promise<string> }>('sup.service', { major: 1, cardinality: 'one' });
const caller = defineService<{ call(): Promise<object>; size(): number }>('sup.caller', {
  major: 1,
  cardinality: 'one',
  sync: ['size'],
});

const owner: AnyPlugin = definePlugin({
  name: 'owner',
  version: '1.0.0',
  apiVersion: 1,
  provides: { caller },
  hooks: { hook },
  setup: (ctx) => ({
    provides: { caller: { call: () => ctx.hooks.hook.call({}, null), size: () => ctx.hooks.hook.size } },
  }),
});

/** A plugin whose tap throws while `broken`. */
function faulty(broken: () => boolean, criticality: 'optional' | 'required' = 'optional'): AnyPlugin {
  return definePlugin({
    name: 'faulty',
    version: '1.0.0',
    apiVersion: 1,
    criticality,
    provides: { service },
    setup: (ctx) => {
      ctx.tap(hook, () => {
        if (broken()) throw new Error('boom');
      });
      return {
        provides: { service: { work: () => Promise.reject(new Error('expected')) } },
        start: () => {
          if (broken() && ctx.env.clock.monotonic() > 0) throw new Error('still broken');
        },
      };
    },
  });
}

const fail = (call: Promise<unknown>): Promise<void> =>
  call.then(
    () => undefined,
    () => undefined,
  );

describe('supervision', () => {
  it('quarantines an optional plugin over its budget and restarts it', async () => {
    let broken = true;
    const env = manualEnv();
    const kernel = await startTestKernel({ plugins: [owner, faulty(() => broken)], env, limits: { faultLimit: 3 } });
    const calls = kernel.service(caller);
    for (let i = 0; i < 4; i++) {
      expect(calls.size()).toBe(1);
      expect(kernel.control.info('faulty').breaker).toMatchObject({ state: 'closed', faults: i });
      await fail(calls.call());
    }
    expect(calls.size()).toBe(0);
    expect(await calls.call()).toEqual({});
    await expect(kernel.service(service).work()).rejects.toMatchObject({ code: 'ERR_SERVICE_UNAVAILABLE' });
    await settle();
    expect(kernel.control.info('faulty')).toMatchObject({
      state: 'quarantined',
      reason: expect.stringContaining('more than 3 faults within 60000 ms; the last: the tap of plugin'),
      faults: 4,
      breaker: { state: 'open', faults: 0, limit: 3, windowMs: 60_000, retryInMs: 1000 },
    });
    broken = false;
    await env.advance(1000);
    expect(kernel.control.info('faulty')).toMatchObject({ state: 'running', restarts: 1, reason: undefined });
    expect(calls.size()).toBe(1);
    await kernel.stop();
    expect(env.pendingTimers).toBe(0);
  });

  it('backs off, gives up after some restarts, and starts again when enabled', async () => {
    let broken = true;
    const env = manualEnv();
    const limits = { faultLimit: 0, restartLimit: 3, restartBackoffMs: 1000, restartBackoffMaxMs: 3000 };
    const kernel = await startTestKernel({ plugins: [owner, faulty(() => broken)], env, limits });
    await fail(kernel.service(caller).call());
    await settle();
    const restartsAt: number[] = [];
    for (let at = 500; at <= 20_000; at += 500) {
      const before = kernel.control.info('faulty').restarts;
      await env.advance(500);
      if (kernel.control.info('faulty').restarts > before) restartsAt.push(at);
    }
    expect(restartsAt).toEqual([1000, 3000, 6000]);
    expect(kernel.control.info('faulty')).toMatchObject({
      state: 'quarantined',
      reason: expect.stringMatching(/still broken.*gave up after 3 restarts: enable it again/),
    });
    broken = false;
    expect(await kernel.control.enable('faulty')).toMatchObject({ state: 'running', reason: undefined });
    await kernel.stop();
  });

  it('does not count what a service throws to its callers, nor faults that are far apart', async () => {
    const env = manualEnv();
    const kernel = await startTestKernel({ plugins: [owner, faulty(() => true)], env, limits: { faultLimit: 1 } });
    for (let i = 0; i < 20; i++) await expect(kernel.service(service).work()).rejects.toThrow('expected');
    expect(kernel.control.info('faulty').faults).toBe(0);
    for (let i = 0; i < 5; i++) {
      await fail(kernel.service(caller).call());
      await env.advance(60_000);
    }
    expect(kernel.control.info('faulty')).toMatchObject({ state: 'running', faults: 5 });
    await kernel.stop();
  });

  it('reports a required plugin that failed for good, which goes on until the embedder stops', async () => {
    const env = manualEnv();
    const plugins = [owner, faulty(() => env.clock.monotonic() === 0, 'required')];
    const kernel = await startTestKernel({ plugins, env, limits: { faultLimit: 0 } });
    await fail(kernel.service(caller).call());
    expect(await kernel.kernel.failed).toMatchObject({ code: 'ERR_PLUGIN_QUARANTINED', plugin: 'faulty' });
    expect(kernel.control.info('faulty').state).toBe('failed');
    await expect(kernel.service(service).work()).rejects.toThrow('expected');
    expect((await kernel.stop()).problems).toEqual([]);
  });

  it('counts what a plugin reports itself', async () => {
    const env = manualEnv();
    const honest = definePlugin({
      name: 'honest',
      version: '1.0.0',
      apiVersion: 1,
      setup: (ctx) => ({ start: () => ctx.reportFault(new Error('loop died')) }),
    });
    const kernel = await startTestKernel({ plugins: [honest], env });
    expect(kernel.control.info('honest').faults).toBe(1);
    expect(kernel.log.lines.map(({ message }) => message)).toContain('fault: loop died');
    await kernel.stop();
  });

  it('names the plugin that blocks the event loop, and counts a long block as a fault', async () => {
    const real = createRealEnv();
    let nowMs = 0;
    const env = { ...real, clock: { ...real.clock, monotonic: () => nowMs } };
    const block = (ms: number): void => {
      nowMs += ms;
    };
    const blocking = definePlugin({
      name: 'blocking',
      version: '1.0.0',
      apiVersion: 1,
      requires: { caller },
      setup: (ctx) => ({
        start: async () => {
          block(30);
          ctx.env.timers.after(1, () => block(60));
          await ctx.deps.caller.call();
          block(60);
        },
      }),
    });
    const limits = { stallWarnMs: 20, stallFaultMs: 50, stallCheckMs: 10 };
    const kernel = await startTestKernel({ plugins: [owner, blocking], limits, env });
    const blamed = (text: string): number =>
      kernel.log.lines.filter(({ fields, message }) => fields['plugin'] === 'blocking' && message.includes(text))
        .length;
    await until(() => blamed('blocked the event loop') >= 2 && blamed('was active last') >= 1, {
      what: 'stall reports',
    });
    expect(kernel.control.info('blocking').faults).toBe(1);
    await kernel.stop();
  });
});
