import { definePlugin, type AnyPlugin } from '@timonel/sdk';
import { apiClient } from '@timonel/sdk/contracts/api';
import { containerRuntime } from '@timonel/sdk/contracts/runtime';
import { configSchema } from './config.ts';
import { FakeNodes } from './fake-nodes.ts';
import { FakeRuntime } from './fake-runtime.ts';

const plugin: AnyPlugin = definePlugin({
  name: 'runtime-fake',
  version: '0.1.0',
  apiVersion: 1,
  description: 'Containers that only pretend to run, and whole nodes of them, for tests of scale',
  provides: { runtime: containerRuntime },
  optional: { api: apiClient },
  config: configSchema,
  swap: 'drain',
  criticality: 'optional',
  setup(ctx) {
    const runtime = new FakeRuntime(ctx.env, ctx.log, ctx.config.stages, undefined, ctx.config.usage);
    ctx.dispose(() => runtime.close());
    let fakeNodes: FakeNodes | undefined;
    const startNodes = (): void => {
      const api = ctx.deps.api.current;
      if (ctx.config.nodes === 0 || fakeNodes !== undefined || api === undefined) return;
      fakeNodes = new FakeNodes(ctx, api, ctx.config);
      fakeNodes.start();
    };
    return {
      provides: { runtime },
      start() {
        ctx.deps.api.onChange(startNodes);
        startNodes();
      },
      stop: () => fakeNodes?.stop(),
    };
  },
});

export default plugin;
