import { describe, expect, it } from '@jest/globals';
import { apiClient } from '@timonel/sdk/contracts/api';
import { images } from '@timonel/sdk/contracts/images';
import { podNetwork } from '@timonel/sdk/contracts/network';
import { containerRuntime } from '@timonel/sdk/contracts/runtime';
import { fakeService, startTestKernel, until } from '@timonel/testkit';
import plugin from './index.ts';
import { podWith, running, sandbox } from './plan/testing.ts';
import { labelKeys } from './plan/identity.ts';
import { away } from './testing/api-away.ts';

const never = (): Promise<never> => new Promise(() => undefined);

describe('the end of the node agent', () => {
  it('comes, and with it that of the containers, while the API does not answer', async () => {
    const pod = podWith({});
    const uid = pod.metadata.uid ?? '';
    const held = sandbox({ podUid: uid, labels: { [labelKeys.nodeName]: 'node-1' } });
    const removed: string[] = [];
    let writes = 0;
    let deletions = 0;
    const kernel = await startTestKernel({
      plugins: [
        plugin,
        fakeService(apiClient, {
          get: never,
          create: never,
          patch: never,
          delete: () => ((deletions += 1), never()),
          updateStatus: () => ((writes += 1), never()),
          list: async () =>
            ({
              items: [
                { ...pod, metadata: { ...pod.metadata, deletionTimestamp: '2026-01-01T00:00:00Z' } },
                // Of a static pod that is no more: its removal is not answered either.
                podWith({}, { name: 'static', uid: 'uid-2', annotations: { 'kubernetes.io/config.mirror': 'hash' } }),
              ],
              metadata: { resourceVersion: '1' },
            }) as never,
          async *watch() {
            yield* [];
            await never();
          },
        }),
        fakeService(containerRuntime, {
          info: async () => ({ name: 'fake', version: '1', isolation: 'full', ready: true, reason: '' }),
          listSandboxes: async () => [held],
          listContainers: async () => [running('app', 0, { sandboxId: held.id })],
          containerStatus: async () => running('app', 0, { sandboxId: held.id, state: 'exited', exitCode: 0 }),
          stopContainer: async () => undefined,
          removeSandbox: async (id: string) => void removed.push(id),
          onEvent: () => () => undefined,
        }),
        fakeService(images, { list: async () => [] }),
        fakeService(podNetwork, {
          nodeNetwork: async () => ({ podCidr: '10.1.0.0/24', nodeAddress: '192.0.2.1' }),
          retain: async () => 0,
          detach: async () => undefined,
          list: async () => [],
        }),
      ],
      limits: { drainMs: 100 },
      config: { 'node-agent': { nodeName: 'node-1', runtime: 'fake', onShutdown: 'remove' } },
    });
    await until(() => writes > 0 && deletions > 0, { what: 'the calls that are not answered' });
    await kernel.stop();
    expect(removed).toEqual([held.id]);
  }, 15_000);

  it('takes containers along whose pods it does not know yet: the API has not answered', async () => {
    const held = sandbox({ labels: { [labelKeys.nodeName]: 'node-1' } });
    const stopped: string[] = [];
    const removed: string[] = [];
    const kernel = await startTestKernel({
      plugins: [
        plugin,
        fakeService(apiClient, { get: away, create: away, patch: away, list: away, updateStatus: away }),
        fakeService(containerRuntime, {
          info: async () => ({ name: 'fake', version: '1', isolation: 'full', ready: true, reason: '' }),
          listSandboxes: async () => [held],
          listContainers: async () => [running('app', 0, { sandboxId: held.id })],
          stopContainer: async (id: string) => void stopped.push(id),
          removeSandbox: async (id: string) => void removed.push(id),
          onEvent: () => () => undefined,
        }),
        fakeService(images, { list: async () => [] }),
        fakeService(podNetwork, {
          nodeNetwork: async () => ({ podCidr: '10.1.0.0/24', nodeAddress: '192.0.2.1' }),
          retain: async () => 0,
          detach: async () => undefined,
          list: async () => [],
        }),
      ],
      config: { 'node-agent': { nodeName: 'node-1', runtime: 'fake', onShutdown: 'remove' } },
    });
    await kernel.stop();
    expect([stopped, removed]).toEqual([['app-0'], [held.id]]);
  }, 15_000);
});
