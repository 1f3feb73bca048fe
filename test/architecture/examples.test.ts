/** The example plugins at work, and an example of how plugins are tested. */
import { expect, it } from '@jest/globals';
import { definePlugin } from '@timonel/sdk';
import { apiHooks, type AdmissionContext, type AdmissionObject } from '@timonel/sdk/contracts/api-server';
import { scheduler, schedulerHooks } from '@timonel/sdk/contracts/scheduler';
import { listSnapshot } from '@timonel/sdk/scheduling';
import { manualEnv, pluginSuite, startTestKernel } from '@timonel/testkit';
import { aNode, aPod, schedulerContract } from '@timonel/testkit/contracts/scheduler';
import countBindings from '../../examples/plugins/count-bindings.ts';
import defaultLabels from '../../examples/plugins/default-labels.ts';
import firstFit from '../../examples/plugins/scheduler-firstfit.ts';
import roundRobin from '../../examples/plugins/scheduler-roundrobin.ts';

const creation: AdmissionContext = {
  operation: 'CREATE',
  group: 'apps',
  version: 'v1',
  resource: 'deployments',
  kind: 'Deployment',
  subresource: '',
  namespace: 'default',
  name: 'web',
  user: { username: 'test', uid: '', groups: [], extra: {} },
  oldObject: undefined,
  dryRun: false,
};

it('default-labels adds what is missing and keeps what is there', async () => {
  let mutate: ((object: AdmissionObject) => Promise<AdmissionObject>) | undefined;
  // Stands for the API server: it owns the hooks and calls them.
  const owner = definePlugin({
    name: 'hook-owner',
    version: '1.0.0',
    apiVersion: 1,
    hooks: apiHooks,
    setup: (ctx) => {
      mutate = (object) => ctx.hooks.objectMutate.call(object, creation);
    },
  });
  const kernel = await startTestKernel({
    plugins: [owner, defaultLabels],
    config: { 'default-labels': { labels: { team: 'web', tier: 'front' } } },
  });
  const object = { kind: 'Deployment', apiVersion: 'apps/v1', metadata: { name: 'web', labels: { team: 'shop' } } };
  expect((await mutate?.(object))?.metadata.labels).toEqual({ team: 'shop', tier: 'front' });
  await kernel.stop();
});

it('count-bindings logs once a minute', async () => {
  const env = manualEnv();
  let bound: ((nodeName: string) => Promise<void>) | undefined;
  const owner = definePlugin({
    name: 'hook-owner',
    version: '1.0.0',
    apiVersion: 1,
    hooks: schedulerHooks,
    setup: (ctx) => {
      bound = (nodeName) =>
        ctx.hooks.podBound.call({ namespace: 'default', name: 'a', uid: 'u', nodeName }, { scheduler: 'test' });
    },
  });
  const kernel = await startTestKernel({ plugins: [owner, countBindings], env });
  await bound?.('node-1');
  await bound?.('node-1');
  await env.advance(60_000);
  expect(kernel.log.lines).toContainEqual(
    expect.objectContaining({
      message: 'pods bound so far',
      fields: expect.objectContaining({ bindings: { 'node-1': 2 } }),
    }),
  );
  await kernel.stop();
});

for (const plugin of [firstFit, roundRobin]) {
  schedulerContract(plugin.name, { definition: plugin, source: 'built-in' });
  pluginSuite(plugin.name, () => ({
    entry: { definition: plugin, source: 'built-in' },
    dependencies: [],
    load: async (kernel) => {
      const decisions = await kernel.service(scheduler).decide([aPod()], listSnapshot([aNode('a')]));
      expect(decisions).toMatchObject([{ outcome: 'bind', nodeName: 'a' }]);
    },
  }));
}
