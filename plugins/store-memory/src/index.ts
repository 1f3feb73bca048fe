import { definePlugin, type PluginDefinition } from '@timonel/sdk';
import { store } from '@timonel/sdk/contracts/store';
import { MemoryStore } from './memory-store.ts';

const plugin: PluginDefinition<{ readonly store: typeof store }, {}, {}, {}> = definePlugin({
  name: 'store-memory',
  version: '0.1.0',
  apiVersion: 1,
  description: 'Keeps the cluster state in memory. For tests: everything is lost when the process ends.',
  provides: { store },
  swap: 'never',
  criticality: 'required',
  setup(ctx) {
    const memory = new MemoryStore(ctx.env);
    ctx.dispose(() => memory.close());
    return { provides: { store: memory } };
  },
});

export default plugin;
