import { describe, expect, it } from '@jest/globals';
import {
  definePlugin,
  defineService,
  kernelHooks,
  notifyHook,
  type AnyPlugin,
  type PluginContext,
  type PluginInput,
  type PluginInstance,
  type PluginStateChange,
} from '@timonel/sdk';
import { manualEnv, settle, startTestKernel } from '@timonel/testkit';

const hook = notifyHook<number, null>('life.test.happened', { description: 'for tests' });
const service = defineService<{ ask(): Promise<string> }>('life.service', { major: 1, cardinality: 'one' });
const never = (): Promise<never> => new Promise(() => undefined);
const loop = (): never => {
  for (;;);
};

function plugin(
  name: string,
  // The plainest shape that definePlugin infers.
  setup: (ctx: PluginContext) => PluginInstance | void | Promise<PluginInstance | void>,
  more: Partial<AnyPlugin> = {},
): AnyPlugin {
  const input = { name, version: '1.0.0', apiVersion: 1, setup } as unknown as PluginInput<
    never,
    never,
    never,
    never,
    never
  >;
  return { ...definePlugin(input), ...more } as AnyPlugin;
}

describe('the life of a plugin', () => {
  it('undoes in reverse order what was registered, after stop', async () => {
    const steps: string[] = [];
    const test = plugin('p', (ctx) => {
      ctx.dispose(() => void steps.push('first'));
      ctx.dispose(async () => {
        await ctx.env.timers.sleep(1);
        steps.push('second');
      });
      ctx.signal.addEventListener('abort', () => steps.push('abort'));
      return {
        drain: () => void steps.push('drain'),
        stop: async () => {
          await ctx.env.timers.sleep(1);
          steps.push('stop');
        },
      };
    });
    const kernel = await startTestKernel({ plugins: [test] });
    await kernel.stop();
    expect(steps).toEqual(['drain', 'abort', 'stop', 'second', 'first']);
  });

  it('goes through its states and tells the kernel hook', async () => {
    const changes: string[] = [];
    const watcher = plugin('a-watcher', (ctx) => {
      ctx.tap(kernelHooks.pluginState, (change: PluginStateChange) => {
        if (change.plugin === 'p' && change.to !== 'built') changes.push(change.to);
      });
    });
    const kernel = await startTestKernel({ plugins: [watcher, plugin('p', () => undefined)] });
    await kernel.control.disable('p');
    await settle();
    expect(changes).toEqual(['starting', 'running', 'draining', 'stopped', 'disabled']);
    await kernel.stop();
  });

  it.each<[string, string, (steps: string[]) => AnyPlugin]>([
    [
      'setup throws',
      'ERR_PLUGIN_SETUP',
      (steps) =>
        plugin('bad', (ctx) => {
          ctx.dispose(() => void steps.push('disposed'));
          throw new Error('boom');
        }),
    ],
    [
      'start throws',
      'ERR_PLUGIN_START',
      (steps) =>
        plugin('bad', (ctx) => {
          ctx.dispose(() => void steps.push('disposed'));
          return { start: () => Promise.reject(new Error('boom')), stop: () => void steps.push('stopped') };
        }),
    ],
    [
      'start hangs',
      'ERR_PLUGIN_TIMEOUT',
      (steps) =>
        plugin('bad', (ctx) => {
          ctx.dispose(() => void steps.push('disposed'));
          return { start: never, stop: () => void steps.push('stopped') };
        }),
    ],
    [
      'setup hangs',
      'ERR_PLUGIN_TIMEOUT',
      (steps) =>
        plugin('bad', (ctx) => {
          ctx.dispose(() => void steps.push('disposed'));
          return never();
        }),
    ],
    [
      'a declared service is not returned',
      'ERR_PLUGIN_CONTRACT',
      (steps) =>
        plugin(
          'bad',
          (ctx) => {
            ctx.dispose(() => void steps.push('disposed'));
            return { stop: () => void steps.push('stopped') };
          },
          { provides: { service } },
        ),
    ],
  ])('%s: %s, cleaned up, and the others go on', async (_what, code, make) => {
    const steps: string[] = [];
    const env = manualEnv();
    const needy = plugin('needy', () => undefined, { requires: { service } });
    const provider = make(steps);
    const bad = { ...provider, provides: { service } } as AnyPlugin;
    const provides = { provides: { service: { ask: () => Promise.resolve('x') } } };
    const withService = {
      ...bad,
      setup: async (ctx: PluginContext) => {
        const instance = (await provider.setup(ctx)) ?? {};
        return code === 'ERR_PLUGIN_CONTRACT' ? instance : { ...instance, ...provides };
      },
    } as AnyPlugin;
    const starting = startTestKernel({ plugins: [needy, withService, plugin('good', () => undefined)], env });
    await env.advance(60_000);
    const kernel = await starting;
    const { control } = kernel;
    expect(control.info('bad')).toMatchObject({ state: 'failed', reason: expect.stringContaining(code) });
    expect(control.info('needy')).toMatchObject({
      state: 'failed',
      reason: expect.stringContaining(`requires service 'life.service' of 'bad', which failed`),
    });
    expect(control.info('good').state).toBe('running');
    expect(steps.at(-1)).toBe('disposed');
    await kernel.stop();
    expect(env.pendingTimers).toBe(0);
  });

  it.each<[string, (ctx: PluginContext) => PluginInstance | Promise<PluginInstance>]>([
    ['setup', loop],
    ['setup', async () => loop()],
    ['start', () => ({ start: loop })],
    ['start', () => ({ start: async () => loop() })],
  ])('cuts off a %s that loops for ever, and the others go on', async (phase, setup) => {
    const bad = plugin('bad', setup);
    const kernel = await startTestKernel({
      plugins: [plugin('good', () => undefined), bad],
      limits: { setupMs: 300, startMs: 300 },
    });
    const reason = `ERR_PLUGIN_TIMEOUT: ${phase} of plugin 'bad' did not end within 300 ms`;
    expect(kernel.control.info('bad')).toMatchObject({ state: 'failed', reason });
    expect(kernel.control.info('good').state).toBe('running');
    // The blocked event loop is reported as that of the plugin.
    const message = expect.stringMatching(/^plugin 'bad' blocked the event loop for \d+ ms$/);
    expect(kernel.log.lines).toContainEqual(expect.objectContaining({ level: 'warn', message }));
    await expect(kernel.control.enable('bad')).rejects.toMatchObject({ code: 'ERR_PLUGIN_TIMEOUT' });
    expect(Date.now() - Date.parse(kernel.control.info('bad').since)).toBeLessThan(5000);
    expect((await kernel.stop()).problems).toEqual([]);
  });

  it('cuts off calls on the way out that loop for ever', async () => {
    const bad = plugin('bad', (ctx) => {
      ctx.dispose(loop);
      return { drain: loop, stop: loop };
    });
    const limits = { drainMs: 100, stopMs: 100, disposeMs: 100 };
    const kernel = await startTestKernel({ plugins: [bad, plugin('good', () => undefined)], limits });
    const { problems } = await kernel.stop();
    expect(problems.map(({ message }) => message)).toEqual([
      `drain of plugin 'bad' did not end within 100 ms`,
      `stop of plugin 'bad' did not end within 100 ms`,
      `clean-up of plugin 'bad' did not end within 100 ms`,
    ]);
  });

  it('gives a stop the time that the plugin asks for', async () => {
    const slow = (stopMs: number) => (ctx: PluginContext) => ({
      stopMs,
      stop: () => new Promise<void>((resolve) => ctx.env.timers.after(200, resolve)),
    });
    const plugins = [plugin('patient', slow(60_000)), plugin('hasty', slow(20)), plugin('odd', slow(Number.NaN))];
    const kernel = await startTestKernel({ plugins, limits: { stopMs: 50 } });
    const { problems } = await kernel.stop();
    expect(problems.map(({ message }) => message).toSorted()).toEqual([
      `stop of plugin 'hasty' did not end within 50 ms`,
      `stop of plugin 'odd' did not end within 50 ms`,
    ]);
  });

  it('cuts off a tap that loops for ever, of a plugin from a file', async () => {
    let call = (_subject: number): Promise<void> => never();
    const owner = definePlugin({
      name: 'owner',
      version: '1.0.0',
      apiVersion: 1,
      hooks: { hook },
      setup(ctx) {
        call = (subject) => ctx.hooks.hook.call(subject, null);
      },
    });
    const calls: number[] = [];
    const file = plugin('file', (ctx) => {
      const tap = (subject: number): void => {
        calls.push(subject);
        if (subject < 0) loop();
      };
      ctx.tap(hook, tap, { deadlineMs: 100 });
      ctx.tap(hook, tap, { deadlineMs: 100, onError: 'fail' });
    });
    const kernel = await startTestKernel({ plugins: [owner, { definition: file, source: '/files/file.ts' }] });
    await call(1);
    const message = `the tap of plugin 'file' on hook 'life.test.happened' did not answer within 100 ms`;
    await expect(call(-1)).rejects.toMatchObject({ code: 'ERR_TAP_TIMEOUT', plugin: 'file', message });
    await call(2);
    expect(calls).toEqual([1, 1, -1, -1, 2, 2]);
    expect(kernel.control.info('file').taps).toMatchObject([
      { calls: 3, timeouts: 1 },
      { calls: 3, timeouts: 1 },
    ]);
    await kernel.stop();
  });

  it('aborts the boot and stops everything when a required plugin fails', async () => {
    const steps: string[] = [];
    const good = plugin('good', () => ({ stop: (reason) => void steps.push(`good ${reason}`) }), { provides: {} });
    const bad = plugin('bad', () => ({ start: () => Promise.reject(new Error('boom')) }), { criticality: 'required' });
    await expect(startTestKernel({ plugins: [good, bad] })).rejects.toMatchObject({
      code: 'ERR_PLUGIN_START',
      plugin: 'bad',
    });
    expect(steps).toEqual(['good failure']);
  });

  it('cleans up a setup that answers after its deadline', async () => {
    const env = manualEnv();
    const steps: string[] = [];
    const late = plugin('late', async (ctx) => {
      await new Promise<void>((resolve) => {
        env.timers.after(20_000, resolve);
      });
      ctx.dispose(() => void steps.push('disposed'));
      expect(() => ctx.tap(hook, () => undefined)).toThrow(expect.objectContaining({ code: 'ERR_PLUGIN_STATE' }));
      ctx.env.timers.after(1, () => void steps.push('timer'));
      return { stop: (reason) => void steps.push(`stop ${reason}`) };
    });
    const starting = startTestKernel({ plugins: [late], env });
    await env.advance(15_000);
    const kernel = await starting;
    expect(kernel.control.info('late').reason).toContain("setup of plugin 'late' did not end within 10000 ms");
    await env.advance(15_000);
    expect(steps).toEqual(['disposed', 'stop failure']);
    await kernel.stop();
  });

  it('reports what hangs and throws at stop, and goes on', async () => {
    const env = manualEnv();
    const bad = plugin('bad', (ctx) => {
      ctx.dispose(() => Promise.reject(new Error('undo')));
      ctx.dispose(never);
      return { drain: never, stop: () => Promise.reject(new Error('stop')) };
    });
    const kernel = await startTestKernel({ plugins: [bad, plugin('good', () => undefined)], env });
    const stopping = kernel.stop();
    await env.advance(60_000);
    const { problems } = await stopping;
    expect(problems.map(({ plugin, code }) => `${plugin} ${code}`)).toEqual([
      'bad ERR_PLUGIN_TIMEOUT',
      'bad ERR_PLUGIN_STOP',
      'bad ERR_PLUGIN_TIMEOUT',
      'bad ERR_PLUGIN_STOP',
    ]);
    expect(kernel.control.info('good').state).toBe('disposed');
  });

  it('owns timers: cancelled with the plugin, throws blamed on it', async () => {
    const env = manualEnv();
    let ticks = 0;
    const asynchronous: () => unknown = () => Promise.reject(new Error('async'));
    const timed = plugin('timed', (ctx) => {
      ctx.env.timers.every(10, () => void ticks++);
      ctx.env.timers.after(10, () => {
        throw new Error('sync');
      });
      ctx.env.timers.after(10, asynchronous);
      ctx.env.timers.after(1e9, () => undefined).cancel();
    });
    const kernel = await startTestKernel({ plugins: [timed], env });
    await env.advance(50);
    expect(kernel.control.info('timed')).toMatchObject({ state: 'running', faults: 2 });
    await kernel.control.disable('timed');
    await env.advance(1000);
    expect(ticks).toBe(5);
    await kernel.stop();
    expect(env.pendingTimers).toBe(0);
  });

  it('gives config with defaults, a data directory and a log of its own; warns of hooks without owner', async () => {
    const seen: unknown[] = [];
    const curious = plugin('curious', (ctx) => {
      seen.push(ctx.name, ctx.config, ctx.dataDir.endsWith('/curious'));
      ctx.log.info({ a: 1 }, 'hello');
      ctx.tap(hook, () => undefined);
    });
    const kernel = await startTestKernel({ plugins: [curious] });
    expect(seen).toEqual(['curious', {}, true]);
    expect(kernel.log.lines).toContainEqual({ level: 'info', fields: { plugin: 'curious', a: 1 }, message: 'hello' });
    const warning = expect.stringContaining(`no enabled plugin owns hook 'life.test.happened'`);
    expect(kernel.log.lines).toContainEqual(expect.objectContaining({ level: 'warn', message: warning }));
    await kernel.stop();
  });
});
