import { describe, expect, it } from '@jest/globals';
import { definePlugin, defineService, kernelControl, waterfallHook, type StopReason } from '@timonel/sdk';
import { startTestKernel } from '@timonel/testkit';

interface Greeter {
  greet(name: string): Promise<string>;
  count(): number;
}
const greeter = defineService<Greeter>('test.greeter', { major: 1, cardinality: 'one', sync: ['count'] });
const words = waterfallHook<{ text: string }, { who: string }>('test.word.mutate', { description: 'for tests' });

class Polite implements Greeter {
  #count = 0;
  greet(name: string): Promise<string> {
    this.#count++;
    return Promise.resolve(`hello ${name}`);
  }
  count(): number {
    return this.#count;
  }
}

describe('createKernel', () => {
  it('boots and stops with no plugin', async () => {
    const kernel = await startTestKernel({ plugins: [] });
    expect(kernel.report.plugins).toEqual([]);
    const report = await kernel.stop();
    expect(report.problems).toEqual([]);
    expect(await kernel.kernel.stop()).toBe(report);
  });

  it('starts providers before consumers and stops them after', async () => {
    const steps: string[] = [];
    const record = (name: string) => ({
      start: () => void steps.push(`start ${name}`),
      stop: (reason: StopReason) => void steps.push(`stop ${name} ${reason}`),
    });
    const consumer = definePlugin({
      name: 'consumer',
      version: '1.0.0',
      apiVersion: 1,
      requires: { greeter },
      setup: (ctx) => {
        steps.push('setup consumer');
        return {
          ...record('consumer'),
          start: async () => {
            steps.push(`start consumer: ${await ctx.deps.greeter.greet('bob')} ${ctx.deps.greeter.count()}`);
          },
        };
      },
    });
    const provider = definePlugin({
      name: 'provider',
      version: '1.0.0',
      apiVersion: 1,
      provides: { greeter },
      setup: () => {
        steps.push('setup provider');
        return { provides: { greeter: new Polite() }, ...record('provider') };
      },
    });
    const kernel = await startTestKernel({ plugins: [consumer, provider] });
    await kernel.stop();
    expect(steps).toEqual([
      'setup provider',
      'setup consumer',
      'start provider',
      'start consumer: hello bob 1',
      'stop consumer shutdown',
      'stop provider shutdown',
    ]);
  });

  it('lets one plugin change what another passes through its hook, until it is disabled', async () => {
    const owner = definePlugin({
      name: 'owner',
      version: '1.0.0',
      apiVersion: 1,
      provides: { greeter },
      hooks: { words },
      setup: (ctx) => ({
        provides: {
          greeter: {
            greet: async (who: string) => (await ctx.hooks.words.call({ text: 'hi' }, { who })).text,
            count: () => ctx.hooks.words.size,
          },
        },
      }),
    });
    const tapper = definePlugin({
      name: 'tapper',
      version: '1.0.0',
      apiVersion: 1,
      setup: (ctx) => {
        ctx.tap(words, (subject, { who }) => ({ text: `${subject.text}, ${who}` }));
      },
    });
    const kernel = await startTestKernel({ plugins: [tapper, owner] });
    const service = kernel.service(greeter);
    expect(await service.greet('ann')).toBe('hi, ann');
    expect(service.count()).toBe(1);
    expect(kernel.service(kernelControl).info('tapper').taps).toMatchObject([{ hook: 'test.word.mutate', calls: 1 }]);
    await kernel.control.disable('tapper');
    expect(await service.greet('ann')).toBe('hi');
    expect(service.count()).toBe(0);
    await kernel.control.enable('tapper');
    expect(await service.greet('eve')).toBe('hi, eve');
    await kernel.stop();
  });
});
