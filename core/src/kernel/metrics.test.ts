import { describe, expect, it } from '@jest/globals';
import {
  counterMetric,
  definePlugin,
  defineService,
  gaugeMetric,
  histogramMetric,
  kernelMetrics,
  waterfallHook,
  type AnyPlugin,
  type MetricRecord,
} from '@timonel/sdk';
import { startTestKernel, type TestKernel } from '@timonel/testkit';

const calls = counterMetric('test_calls_total', { help: 'Calls.', labels: ['from'] });
const words = waterfallHook<{ text: string }, undefined>('test.word.mutate', { description: 'for tests' });
const speaker = defineService<{ say(text: string): Promise<string> }>('test.speaker', { major: 1, cardinality: 'one' });

function counting(name: string, more: MetricRecord = {}, refresh?: () => void): AnyPlugin {
  return definePlugin({
    name,
    version: '1.0.0',
    apiVersion: 1,
    setup(ctx) {
      const metrics = ctx.metrics({ calls, ...more }, refresh);
      metrics.calls.of('same').add();
      metrics.calls.of(name).add(5);
    },
  });
}

const owner: AnyPlugin = definePlugin({
  name: 'owner',
  version: '1.0.0',
  apiVersion: 1,
  provides: { speaker },
  hooks: { words },
  setup: (ctx) => ({
    provides: { speaker: { say: async (text) => (await ctx.hooks.words.call({ text }, undefined)).text } },
  }),
});

function tapping(name: string): AnyPlugin {
  return definePlugin({
    name,
    version: '1.0.0',
    apiVersion: 1,
    setup: (ctx) => ctx.tap(words, ({ text }) => (text === 'bad' ? Promise.reject(new Error('bad')) : { text })),
  });
}

function value(kernel: TestKernel, name: string, ...labels: string[]): number | undefined {
  const family = kernel
    .service(kernelMetrics)
    .collect()
    .find((one) => one.name === name);
  return family?.samples.find((sample) => labels.every((text) => sample.labels.some(([, own]) => own === text)))?.value;
}

describe('metrics of a kernel', () => {
  it('adds up what plugins count, and forgets it with the plugin', async () => {
    await using kernel = await startTestKernel({ plugins: [counting('a'), counting('b')] });
    expect(value(kernel, 'test_calls_total', 'same')).toBe(2);
    expect(value(kernel, 'test_calls_total', 'b')).toBe(5);
    await kernel.control.disable('b');
    expect(value(kernel, 'test_calls_total', 'same')).toBe(1);
    expect(value(kernel, 'test_calls_total', 'b')).toBeUndefined();
    await kernel.control.enable('b');
    expect(value(kernel, 'test_calls_total', 'same')).toBe(2);
  });

  it('refuses one name for two things, and what is no metric', async () => {
    const other = gaugeMetric('test_calls_total', { help: 'Something else.' });
    await using kernel = await startTestKernel({
      plugins: [counting('a'), counting('b', { other }), counting('c', { no: {} as never })],
    });
    expect(kernel.control.info('a').state).toBe('running');
    const reasons = ['b', 'c'].map((name) => kernel.control.info(name).reason);
    expect(reasons[0]).toContain('known as a counter with the labels [from]: give it another name');
    expect(reasons[1]).toContain('ctx.metrics takes a record of metrics');
    expect(value(kernel, 'test_calls_total', 'same')).toBe(1);
  });

  it('blames a plugin whose figures cannot be read, and shows the others', async () => {
    const broken = (): never => {
      throw new Error('no figures');
    };
    await using kernel = await startTestKernel({ plugins: [counting('a', {}, broken), counting('b')] });
    expect(value(kernel, 'test_calls_total', 'b')).toBe(5);
    expect(value(kernel, 'test_calls_total', 'a')).toBeUndefined();
    expect(kernel.control.info('a').faults).toBeGreaterThan(0);
  });

  it('tells the time of taps and their failures by hook and plugin, calls of services, and states of plugins', async () => {
    await using kernel = await startTestKernel({ plugins: [owner, tapping('t')] });
    const service = kernel.service(speaker);
    await service.say('good');
    await expect(service.say('bad')).rejects.toThrow('bad');
    const timed = kernel
      .service(kernelMetrics)
      .collect()
      .find(({ name }) => name === 'timonel_hook_duration_seconds');
    const count = timed?.samples.find(({ suffix }) => suffix === '_count');
    expect(count).toMatchObject({
      value: 2,
      labels: [
        ['hook', 'test.word.mutate'],
        ['plugin', 't'],
      ],
    });
    expect(value(kernel, 'timonel_hook_failures_total', 't', 'error')).toBe(1);
    expect(value(kernel, 'timonel_service_calls_total', 'test.speaker', 'say')).toBe(2);
    expect(value(kernel, 'timonel_service_errors_total', 'test.speaker', 'say')).toBe(1);
    expect(value(kernel, 'timonel_plugin_state', 'owner', 'running')).toBe(1);
    await kernel.control.disable('t');
    expect(value(kernel, 'timonel_plugin_state', 't')).toBeUndefined();
  });

  it('adds up the calls of all providers of a service', async () => {
    const voices = defineService<{ say(): Promise<void> }, 'many'>('test.voices', { major: 1, cardinality: 'many' });
    const voice = (name: string): AnyPlugin =>
      definePlugin({
        name,
        version: '1.0.0',
        apiVersion: 1,
        provides: { voices },
        setup: () => ({ provides: { voices: { say: () => Promise.resolve() } } }),
      });
    const listener = definePlugin({
      name: 'listener',
      version: '1.0.0',
      apiVersion: 1,
      requires: { voices },
      setup: (ctx) => ({
        start: async () => {
          for (const { service } of ctx.deps.voices.all()) await service.say();
        },
      }),
    });
    await using kernel = await startTestKernel({ plugins: [voice('x'), voice('y'), voice('z'), listener] });
    expect(value(kernel, 'timonel_service_calls_total', 'test.voices', 'say')).toBe(3);
    expect(value(kernel, 'timonel_service_calls_total', 'test.voices', 'say')).toBe(3);
  });

  it('refuses one histogram with two sets of buckets', async () => {
    const times = (buckets: number[]): MetricRecord => ({
      times: histogramMetric('test_seconds', { help: 'Time.', buckets }),
    });
    await using kernel = await startTestKernel({ plugins: [counting('a', times([1])), counting('b', times([1, 2]))] });
    expect(kernel.control.info('b').reason).toContain('and the buckets [1]');
  });

  it('counts swaps, done and failed', async () => {
    const twin = {
      ...owner,
      name: 'twin',
      hooks: {},
      setup: () => ({ provides: { speaker: { say: () => Promise.resolve('') } } }),
    };
    const broken = { ...twin, name: 'broken', setup: () => Promise.reject(new Error('no')) };
    const available = [twin, broken].map((definition) => ({ definition, source: 'built-in' }));
    await using kernel = await startTestKernel({ plugins: [owner], available });
    await kernel.control.swap('test.speaker', 'twin');
    await expect(kernel.control.swap('test.speaker', 'broken')).rejects.toThrow('was not swapped');
    expect(value(kernel, 'timonel_swaps_total', 'test.speaker', 'done')).toBe(1);
    expect(value(kernel, 'timonel_swaps_total', 'test.speaker', 'failed')).toBe(1);
  });
});
