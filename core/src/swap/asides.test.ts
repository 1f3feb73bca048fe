import { afterEach, describe, expect, it } from '@jest/globals';
import {
  counterMetric,
  definePlugin,
  defineService,
  kernelControl,
  kernelMetrics,
  notifyHook,
  type AnyPlugin,
  type AsideProvider,
  type PluginContext,
  type PluginInstance,
} from '@timonel/sdk';
import type { PluginEntry } from '@timonel/core';
import { manualEnv, settle, startTestKernel } from '@timonel/testkit';
import { z } from 'zod';

interface Chooser {
  choose(): Promise<string>;
}
interface Watcher {
  watch(plugin: string, config?: unknown): Promise<AsideProvider>;
  choose(limitMs?: number): Promise<string>;
  tell(): Promise<void>;
}
const chooser = defineService<Chooser>('aside.chooser', { major: 1, cardinality: 'one' });
const watcher = defineService<Watcher>('aside.watcher', { major: 1, cardinality: 'one' });
const other = defineService<object>('aside.other', { major: 1, cardinality: 'one' });
const many = defineService<object, 'many'>('aside.many', { major: 1, cardinality: 'many' });
const happened = notifyHook<object, null>('aside.happened', { description: 'for tests' });
const made = { made: counterMetric('aside_made_total', { help: 'for tests' }) };
const boom = (): never => {
  throw new Error('boom');
};
const never = (): Promise<never> => new Promise(() => undefined);

type Parts = Omit<PluginInstance, 'provides'> & { readonly choose?: () => Promise<string> };

function chooserPlugin(name: string, parts: (ctx: PluginContext) => Parts = () => ({}), more: Partial<AnyPlugin> = {}) {
  const base = definePlugin({
    name,
    version: '1.0.0',
    apiVersion: 1,
    provides: { chooser },
    config: z.strictObject({ by: z.string().default('chance') }),
    setup: (ctx) => {
      const { choose, ...own } = parts(ctx);
      const byConfig = (): Promise<string> => Promise.resolve(`${name} by ${ctx.config.by}`);
      return { provides: { chooser: { choose: choose ?? byConfig } }, ...own };
    },
  });
  return { ...base, ...more } as AnyPlugin;
}

/** Holds a candidate, and calls it. */
function watcherPlugin(stop: (held: AsideProvider | undefined) => Promise<void> | void = () => undefined): AnyPlugin {
  return definePlugin({
    name: 'watcher',
    version: '1.0.0',
    apiVersion: 1,
    provides: { watcher },
    requires: { control: kernelControl },
    hooks: { happened },
    setup: (ctx) => {
      let held: AsideProvider | undefined;
      const service = (): Chooser | undefined => held?.service as Chooser | undefined;
      const choose = (): Promise<string> => service()?.choose() ?? Promise.resolve('nobody');
      return {
        provides: {
          watcher: {
            watch: async (plugin, config) => (held = await ctx.deps.control.aside('aside.chooser', plugin, config)),
            tell: () => ctx.hooks.happened.call({}, null),
            choose: async (limitMs) => (limitMs === undefined ? choose() : ctx.within(limitMs, choose)),
          },
        },
        stop: () => stop(held),
      };
    },
  });
}
const entry = (definition: AnyPlugin, source = 'built-in'): PluginEntry => ({ definition, source });

describe('aside', () => {
  let stop: () => Promise<unknown> = async () => undefined;
  const kernelWith = async (candidate: AnyPlugin, options: { limits?: object; watcher?: AnyPlugin } = {}) => {
    const env = manualEnv();
    const kernel = await startTestKernel({
      plugins: [chooserPlugin('old'), options.watcher ?? watcherPlugin()],
      available: [entry(candidate)],
      env,
      limits: options.limits ?? {},
    });
    stop = async () => {
      await kernel.stop();
      expect(env.pendingTimers).toBe(0);
    };
    return { ...kernel, env, chooser: kernel.service(chooser), watcher: kernel.service(watcher) };
  };
  afterEach(() => stop());

  it('gives the service to its watcher alone, and nobody else notices the plugin', async () => {
    let told = 0;
    const candidate = chooserPlugin('new', (ctx) => {
      ctx.tap(happened, () => void told++);
      ctx.metrics(made).made.of().add();
      return {};
    });
    const test = await kernelWith(candidate);
    const aside = await test.watcher.watch('new', { by: 'age' });
    expect(aside).toMatchObject({ plugin: 'new' });
    expect(await test.watcher.choose()).toBe('new by age');
    expect(await test.chooser.choose()).toBe('old by chance');
    expect(test.control.providerOf('aside.chooser')).toBe('old');
    expect(test.control.list().find(({ name }) => name === 'new')).toMatchObject({
      state: 'running',
      reason: `aside of service 'aside.chooser'`,
    });
    const names = test
      .service(kernelMetrics)
      .collect()
      .map(({ name }) => name);
    expect(names.filter((name) => name.includes('made'))).toEqual([]);
    expect(test.control.info('new').taps).toMatchObject([{ hook: 'aside.happened' }]);
    await test.watcher.tell();
    expect(told).toBe(0);
    await test.control.swap('aside.chooser', 'new');
    await test.watcher.tell();
    expect(told).toBe(1);
  });

  it('comes from a file, too', async () => {
    const loadPlugin = (file: string): Promise<PluginEntry> => Promise.resolve(entry(chooserPlugin('from-file'), file));
    const kernel = await startTestKernel({ plugins: [chooserPlugin('old')], loadPlugin });
    stop = () => kernel.stop();
    const aside = await kernel.control.aside('aside.chooser', '/plugins/from-file.ts', { by: 'name' });
    expect(await (aside.service as Chooser).choose()).toBe('from-file by name');
    await aside.close();
    await expect(kernel.control.aside('aside.chooser', '/plugins/from-file.ts', { yb: 1 })).rejects.toMatchObject({
      code: 'ERR_CONFIG_INVALID',
    });
  });

  it.each<[string, string, string, AnyPlugin, string, string]>([
    ['no such plugin', 'ERR_PLUGIN_UNKNOWN', `did you mean 'new'?`, chooserPlugin('new'), 'aside.chooser', 'nwe'],
    ['no such service', 'ERR_SERVICE_MISSING', `did you mean`, chooserPlugin('new'), 'aside.choser', 'new'],
    ['the provider itself', 'ERR_PLUGIN_STATE', 'already', chooserPlugin('new'), 'aside.chooser', 'old'],
    ['a plugin that runs', 'ERR_PLUGIN_STATE', 'runs already', chooserPlugin('new'), 'aside.chooser', 'watcher'],
    [
      'a plugin without the service',
      'ERR_PLUGIN_STATE',
      'does not provide',
      chooserPlugin('new', undefined, { provides: { other } }),
      'aside.chooser',
      'new',
    ],
    [
      'a plugin whose own needs are not met',
      'ERR_SERVICE_MISSING',
      `requires service 'aside.other'`,
      chooserPlugin('new', undefined, { requires: { other } }),
      'aside.chooser',
      'new',
    ],
  ])('refuses %s', async (_what, code, message, candidate, service, name) => {
    const test = await kernelWith(candidate);
    await expect(test.control.aside(service, name)).rejects.toMatchObject({
      code,
      message: expect.stringContaining(message),
    });
    expect(test.control.info('new').state).toBe('disabled');
    expect(await test.chooser.choose()).toBe('old by chance');
  });

  it('refuses a service that has many providers', async () => {
    const plugin = (name: string): AnyPlugin =>
      definePlugin({
        name,
        version: '1.0.0',
        apiVersion: 1,
        provides: { many },
        setup: () => ({ provides: { many: {} } }),
      });
    const kernel = await startTestKernel({ plugins: [plugin('one')], available: [entry(plugin('two'))] });
    stop = () => kernel.stop();
    await expect(kernel.control.aside('aside.many', 'two')).rejects.toThrow('has many providers');
  });

  it.each<[string, string, (ctx: PluginContext) => Parts]>([
    ['setup', 'ERR_PLUGIN_SETUP', boom],
    ['probe', 'ERR_PLUGIN_PROBE', (ctx) => ({ probe: boom, start: () => ctx.reportFault('never started') })],
    ['start', 'ERR_PLUGIN_START', () => ({ start: boom })],
  ])('says why when the plugin fails in %s, of which nothing is left', async (phase, code, parts) => {
    const test = await kernelWith(chooserPlugin('new', parts));
    const message = `${phase} of plugin 'new' threw: boom`;
    await expect(test.watcher.watch('new')).rejects.toMatchObject({ code, message });
    expect(test.control.info('new')).toMatchObject({ state: 'failed', reason: `${code}: ${message}`, faults: 0 });
    await expect(test.watcher.watch('new')).rejects.toMatchObject({ code });
    expect(await test.chooser.choose()).toBe('old by chance');
  });

  it('runs once, and is not enabled meanwhile', async () => {
    const test = await kernelWith(chooserPlugin('new'));
    const aside = await test.watcher.watch('new');
    await expect(test.watcher.watch('new')).rejects.toThrow(
      `plugin 'new' runs aside of service 'aside.chooser' already`,
    );
    await expect(test.control.enable('new')).rejects.toMatchObject({
      code: 'ERR_PLUGIN_STATE',
      message: expect.stringContaining('swap the service'),
    });
    expect(await test.watcher.choose()).toBe('new by chance');
    await aside.close();
    await test.watcher.watch('new');
    expect(await test.watcher.choose()).toBe('new by chance');
  });

  it('ends by close: calls under way fail, and the reason is shown', async () => {
    const stops: string[] = [];
    const test = await kernelWith(
      chooserPlugin('new', (ctx) => {
        ctx.env.timers.every(1000, () => undefined);
        return { choose: never, stop: (why) => void stops.push(why) };
      }),
    );
    const aside = await test.watcher.watch('new');
    const call = test.watcher.choose();
    const failed = expect(call).rejects.toMatchObject({ code: 'ERR_SERVICE_UNAVAILABLE' });
    await Promise.all([aside.close('slower than the old one'), aside.close('twice')]);
    await failed;
    await expect(test.watcher.choose()).rejects.toMatchObject({ code: 'ERR_SERVICE_UNAVAILABLE' });
    expect(aside.signal.aborted).toBe(true);
    expect(stops).toEqual(['disable']);
    expect(test.control.info('new')).toMatchObject({ state: 'disabled', reason: 'slower than the old one' });
    expect(test.log.lines.map(({ message }) => message)).toContain('runs aside no more: slower than the old one');
  });

  it.each<[string, Parameters<typeof watcherPlugin>[0]]>([
    ['leaves that to the kernel', undefined],
    ['waits for it itself', (held) => held?.close()],
  ])('ends with its watcher, who %s', async (_how, stopping) => {
    const test = await kernelWith(chooserPlugin('new'), { watcher: watcherPlugin(stopping) });
    const aside = await test.watcher.watch('new');
    await test.control.disable('watcher');
    expect(aside.signal.aborted).toBe(true);
    expect(test.control.info('new').state).toBe('disabled');
    expect(test.control.info('old').state).toBe('running');
    await aside.close();
    // Nothing is left that a second life of the watcher would stumble over.
    await test.control.enable('watcher');
    await test.watcher.watch('new');
    expect(await test.watcher.choose()).toBe('new by chance');
  });

  it('ends when it is disabled', async () => {
    const test = await kernelWith(chooserPlugin('new'));
    const aside = await test.watcher.watch('new');
    expect(await test.control.disable('new')).toMatchObject({ state: 'disabled', reason: undefined });
    expect(aside.signal.aborted).toBe(true);
    await expect(test.watcher.choose()).rejects.toMatchObject({ code: 'ERR_SERVICE_UNAVAILABLE' });
    await aside.close();
    expect(test.control.info('new').state).toBe('disabled');
  });

  it.each(['optional', 'required'] as const)('ends for good when it used up its budget (%s)', async (criticality) => {
    const faulty = (ctx: PluginContext): Parts => {
      ctx.env.timers.every(100, boom);
      return {};
    };
    const candidate = chooserPlugin('new', faulty, { criticality });
    const test = await kernelWith(candidate, { limits: { faultLimit: 2 } });
    let shutdown = false;
    void test.kernel.failed.then(() => (shutdown = true));
    const aside = await test.watcher.watch('new');
    await test.env.advance(100);
    expect(test.control.info('new')).toMatchObject({ state: 'running', faults: 1 });
    await test.env.advance(200);
    const info = { state: 'quarantined', reason: expect.stringContaining('more than 2 faults'), restarts: 0 };
    expect(test.control.info('new')).toMatchObject(info);
    expect(aside.signal.aborted).toBe(true);
    await test.env.advance(120_000);
    expect(test.control.info('new')).toMatchObject(info);
    expect(test.control.providerOf('aside.chooser')).toBe('old');
    expect(await test.chooser.choose()).toBe('old by chance');
    expect([shutdown, test.control.info('old').faults, test.control.info('watcher').faults]).toEqual([false, 0, 0]);
  });

  it('is blamed for loops of its service, and for exceptions outside of the kernel', async () => {
    const loop = (): never => {
      for (;;);
    };
    const test = await kernelWith(chooserPlugin('new', () => ({ choose: loop })));
    await test.watcher.watch('new');
    await expect(test.watcher.choose(10)).rejects.toMatchObject({ code: 'ERR_PLUGIN_TIMEOUT', plugin: 'new' });
    expect(test.control.info('new').faults).toBe(1);
    expect(test.kernel.reportFault('new', new Error('stray'))).toBe(true);
    expect(test.control.info('new').faults).toBe(2);
  });

  it('ends when a service is swapped to it, which builds it anew as it was tried', async () => {
    let lives = 0;
    const stops: string[] = [];
    const test = await kernelWith(
      chooserPlugin('new', () => {
        lives++;
        return { stop: (why) => void stops.push(why) };
      }),
    );
    const aside = await test.watcher.watch('new', { by: 'age' });
    await test.control.swap('aside.chooser', 'new');
    expect(aside.signal.aborted).toBe(true);
    expect([lives, stops]).toEqual([2, ['swap']]);
    await expect(test.watcher.choose()).rejects.toMatchObject({ code: 'ERR_SERVICE_UNAVAILABLE' });
    expect(await test.chooser.choose()).toBe('new by age');
    expect(test.control.info('new')).toMatchObject({ state: 'running', reason: undefined });
    await aside.close('too late');
    expect(await test.chooser.choose()).toBe('new by age');
    // The one before may be watched now; when the kernel swaps back it serves again.
    const former = await test.control.aside('aside.chooser', 'old');
    expect(test.control.unfit('aside.chooser', 'worse')).toBe(true);
    await settle();
    expect(former.signal.aborted).toBe(true);
    expect(await test.chooser.choose()).toBe('old by chance');
  });

  it('stops with the kernel', async () => {
    const test = await kernelWith(chooserPlugin('new'));
    const aside = await test.watcher.watch('new');
    const late = test.control.aside('aside.chooser', 'new');
    const refused = expect(late).rejects.toMatchObject({ code: 'ERR_PLUGIN_STATE' });
    expect((await test.stop()).problems).toEqual([]);
    await refused;
    expect(test.control.info('new').state).toBe('disposed');
    await aside.close();
    expect(test.control.info('new').state).toBe('disposed');
    await expect(test.control.aside('aside.chooser', 'new')).rejects.toThrow('the kernel does not run');
  });
});
