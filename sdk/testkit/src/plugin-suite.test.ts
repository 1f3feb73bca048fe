import { definePlugin, defineService, notifyHook } from '@timonel/sdk';
import { expect } from '@jest/globals';
import { fakeService } from './fake-service.ts';
import { pluginSuite } from './plugin-suite.ts';

interface Clock {
  read(): Promise<string>;
}
const source = defineService<Clock>('suite.source', { major: 1, cardinality: 'one' });
const relay = defineService<Clock>('suite.relay', { major: 1, cardinality: 'one' });
const ticked = notifyHook<number, null>('suite.tick.done', { description: 'for tests' });

const plugin = definePlugin({
  name: 'relay-test',
  version: '1.0.0',
  apiVersion: 1,
  requires: { source },
  provides: { relay },
  hooks: { ticked },
  setup: (ctx) => {
    ctx.tap(ticked, () => undefined);
    return {
      provides: { relay: { read: async () => `relayed ${await ctx.deps.source.read()}` } },
      start: () => void ctx.env.timers.every(5, () => void ctx.hooks.ticked.call(1, null)),
    };
  },
});

pluginSuite('a relay', () => ({
  entry: { definition: plugin, source: 'built-in' },
  dependencies: [fakeService(source, { read: () => Promise.resolve('value') })],
  load: async (kernel) => {
    expect(await kernel.service(relay).read()).toBe('relayed value');
  },
}));
