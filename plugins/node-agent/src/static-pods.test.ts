import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { definePlugin, type AnyPlugin } from '@timonel/sdk';
import { images } from '@timonel/sdk/contracts/images';
import { podNetwork } from '@timonel/sdk/contracts/network';
import {
  containerRuntime,
  type ContainerRuntime,
  type SandboxConfig,
  type SandboxStatus,
} from '@timonel/sdk/contracts/runtime';
import { fakeService, startTestKernel, until, type TestKernel } from '@timonel/testkit';
import plugin from './index.ts';
import { sandbox } from './plan/testing.ts';
import { apiAway, away } from './testing/api-away.ts';

const manifest = (name: string) =>
  JSON.stringify({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name },
    spec: { containers: [{ name: 'c', image: 'i' }] },
  });

let root: string;
/** Stopped at the end, whatever came of the test. */
let kernel: TestKernel | undefined;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'timonel-static-'));
});
afterEach(async () => {
  await kernel?.stop();
  kernel = undefined;
  rmSync(root, { recursive: true, force: true });
});

function runtimeOf(runtime: Partial<ContainerRuntime>): AnyPlugin {
  return definePlugin({
    name: 'runtime-fake',
    version: '0.0.0',
    apiVersion: 1,
    description: 'a runtime that forgets nothing',
    provides: { runtime: containerRuntime },
    setup: () => ({ provides: { runtime: runtime as ContainerRuntime } }),
  });
}

/** An agent whose API never answers; what the runtime holds outlives it. */
async function agentWith(held: Map<string, SandboxStatus>) {
  const made: SandboxConfig[] = [];
  kernel = await startTestKernel({
    dataDir: join(root, 'data'),
    plugins: [
      plugin,
      apiAway(),
      runtimeOf({
        info: async () => ({ name: 'fake', version: '1', isolation: 'full', ready: true, reason: '' }),
        listSandboxes: async () => [...held.values()],
        listContainers: async () => [],
        onEvent: () => () => undefined,
        stats: async () => [],
        runSandbox: async (config: SandboxConfig) => {
          made.push(config);
          const { id, podUid, podName, labels } = config;
          const status = sandbox({ id, podUid, podName, labels });
          held.set(id, status);
          return status;
        },
        removeSandbox: async (id: string) => void held.delete(id),
      }),
      fakeService(images, { list: async () => [], find: async () => undefined, ensure: away }),
      fakeService(podNetwork, {
        nodeNetwork: async () => ({ podCidr: '10.1.0.0/24', nodeAddress: '192.0.2.1' }),
        attach: async ({ sandboxId }) => ({ sandboxId, addresses: [], interfaceName: 'eth0', gateway: undefined }),
        detach: async () => undefined,
        retain: async () => 0,
        list: async () => [],
      }),
    ],
    config: { 'node-agent': { nodeName: 'n', runtime: 'fake', staticPodPath: join(root, 'manifests') } },
  });
  return made;
}

describe('the static pods of a node whose API is never there', () => {
  it('run, go on when the agent is another, and end with their file', async () => {
    mkdirSync(join(root, 'manifests'));
    for (const name of ['stays', 'goes']) writeFileSync(join(root, 'manifests', `${name}.json`), manifest(name));
    const held = new Map<string, SandboxStatus>();
    const names = () => [...held.values()].map(({ podName }) => podName).toSorted();
    await agentWith(held);
    await until(() => held.size === 2, { what: 'both pods' });
    expect(names()).toEqual(['goes-n', 'stays-n']);
    await kernel?.stop();

    rmSync(join(root, 'manifests', 'goes.json'));
    writeFileSync(join(root, 'manifests', 'new.json'), manifest('new'));
    const made = await agentWith(held);
    await until(() => names().join() === 'new-n,stays-n', { what: 'the pods of the files' });
    // The one that stayed was not touched.
    expect(made.map(({ podName }) => podName)).toEqual(['new-n']);
  });
});
