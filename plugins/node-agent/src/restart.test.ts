import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createRealEnv } from '@timonel/core';
import { definePlugin, type AnyPlugin } from '@timonel/sdk';
import { images } from '@timonel/sdk/contracts/images';
import { podNetwork } from '@timonel/sdk/contracts/network';
import { containerRuntime, type ContainerRuntime, type SandboxConfig } from '@timonel/sdk/contracts/runtime';
import type { Pod } from '@timonel/sdk/kube';
import { fakeService, startTestKernel, until } from '@timonel/testkit';
import { encodeCheckpoint, type Checkpoint } from './checkpoint/checkpoint-file.ts';
import { SourceSeal } from './checkpoint/source-seal.ts';
import plugin from './index.ts';
import { container, podWith, sandbox } from './plan/testing.ts';
import { apiAway, away } from './testing/api-away.ts';

function runtimeNamed(name: string, made: SandboxConfig[]): AnyPlugin {
  const runtime: Partial<ContainerRuntime> = {
    info: async () => ({ name, version: '1', isolation: 'full', ready: true, reason: '', userNamespaces: true }),
    listSandboxes: async () => [],
    listContainers: async () => [],
    onEvent: () => () => undefined,
    runSandbox: async (config) => {
      made.push(config);
      return sandbox({ id: config.id, podUid: config.podUid, labels: config.labels });
    },
  };
  return definePlugin({
    name: `runtime-${name}`,
    version: '0.0.0',
    apiVersion: 1,
    description: `the runtime ${name}`,
    provides: { runtime: containerRuntime },
    setup: () => ({ provides: { runtime: runtime as ContainerRuntime } }),
  });
}

const podOf = (uid: string, spec: Partial<Pod['spec']>): Pod =>
  podWith({ containers: [container('app', { imagePullPolicy: 'Never' })], ...spec }, { name: uid, uid });

// Nothing of it is sealed.
const seal = new SourceSeal(Buffer.alloc(32), createRealEnv().random);
let dataDir: string;
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'timonel-restart-'));
});
afterEach(() => rmSync(dataDir, { recursive: true, force: true }));

describe('an agent that starts while the API is away', () => {
  it('gives pods the runtimes and ids they had, and asks nobody for their classes', async () => {
    const checkpoint: Checkpoint = {
      nodeName: 'node-1',
      resourceVersion: '7',
      pods: [
        podOf('kept', { runtimeClassName: 'deleted', hostUsers: false }),
        podOf('fresh', { runtimeClassName: 'known', hostUsers: false }),
        podOf('left', {}),
      ],
      assignments: new Map([
        ['kept', { handler: 'second', firstId: 131_072, sandboxes: [] }],
        ['left', { handler: 'gone', sandboxes: ['sandbox-of-left'] }],
      ]),
      sources: new Map([['runtimeclasses//known', { metadata: { name: 'known' }, handler: 'first' }]]),
    };
    mkdirSync(join(dataDir, 'node-agent'), { recursive: true });
    writeFileSync(
      join(dataDir, 'node-agent', 'checkpoint.json'),
      encodeCheckpoint(checkpoint, { limitBytes: 1e6, seal }).text,
    );
    const first: SandboxConfig[] = [];
    const second: SandboxConfig[] = [];
    const retained: (readonly string[])[] = [];
    const kernel = await startTestKernel({
      dataDir,
      plugins: [
        plugin,
        runtimeNamed('first', first),
        runtimeNamed('second', second),
        apiAway(),
        fakeService(images, { list: async () => [], find: async () => undefined, ensure: away }),
        fakeService(podNetwork, {
          nodeNetwork: async () => ({ podCidr: '10.1.0.0/24', nodeAddress: '192.0.2.1' }),
          attach: async ({ sandboxId }) => ({ sandboxId, addresses: [], interfaceName: 'eth0', gateway: undefined }),
          retain: async (ids) => (retained.push(ids), 0),
          list: async () => [],
        }),
      ],
      config: {
        'node-agent': {
          nodeName: 'node-1',
          runtime: 'first',
          checkpointDelayMs: 0,
          userNamespaceFirstId: 65_536,
        },
      },
    });
    try {
      await until(() => first.length + second.length === 2, { what: 'the sandboxes' });
      expect(second).toMatchObject([{ podUid: 'kept', userNamespace: { firstUid: 131_072, length: 65_536 } }]);
      expect(first).toMatchObject([{ podUid: 'fresh', userNamespace: { firstUid: 65_536 } }]);
      // What a runtime that is not there may still run keeps its network.
      expect(retained).toEqual([['sandbox-of-left']]);
    } finally {
      await kernel.stop();
    }
  });
});
