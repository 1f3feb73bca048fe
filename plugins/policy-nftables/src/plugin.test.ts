import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { apiClient, type ApiClient } from '@timonel/sdk/contracts/api';
import { networkPolicyEnforcer } from '@timonel/sdk/contracts/network-policy';
import type { Pod } from '@timonel/sdk/kube';
import { fakeService, pluginSuite, silentWatch, startTestKernel, type TestKernel } from '@timonel/testkit';
import plugin from './index.ts';
import type { PolicyContent } from './table/content.ts';
import { PolicyTable, tablePrefix } from './table/policy-table.ts';

const isRoot = process.getuid?.() === 0;
const hasNft = spawnSync('nft', ['--version']).status === 0;
const labels = { app: 'web' };
/** For documentation: no packet of this machine has such. */
const documentationAddress = '192.0.2.10';
const policy = {
  metadata: { namespace: 'default', name: 'deny', uid: 'p', resourceVersion: '1' },
  spec: { podSelector: {}, policyTypes: ['Ingress'] },
};

function pod(name: string, ip?: string): Pod {
  return {
    metadata: { namespace: 'default', name, uid: name, labels, resourceVersion: '1' },
    spec: { nodeName: 'node-1', containers: [] },
    ...(ip === undefined ? {} : { status: { podIP: ip, podIPs: [{ ip }] } }),
  };
}

const objects: Record<string, readonly object[]> = {
  networkpolicies: [policy],
  namespaces: [{ metadata: { name: 'default', uid: 'n', resourceVersion: '1' } }],
  pods: [
    pod('here', documentationAddress),
    { ...pod('there', '192.0.2.11'), spec: { nodeName: 'node-2', containers: [] } },
  ],
};

const fakeApi = (away = false): ReturnType<typeof fakeService> =>
  fakeService(apiClient, {
    list: async ({ resource }: { resource: string }) => {
      if (away) throw new Error('the API is away');
      return { metadata: { resourceVersion: '1' }, items: objects[resource] };
    },
    watch: (_: unknown, { signal }: { signal: AbortSignal }) => silentWatch(signal),
  } as unknown as Partial<ApiClient>);

const entry = { definition: plugin, source: 'built-in', config: { nodeName: 'node-1' } } as const;

async function load(kernel: TestKernel): Promise<void> {
  const enforcer = kernel.service(networkPolicyEnforcer);
  await enforcer.admit(pod('new'), ['192.0.2.12']);
  expect(await enforcer.status()).toMatchObject({ policies: 1, lastError: undefined });
}

if (!isRoot || !hasNft) {
  describe('policy-nftables', () => {
    it.skip(`skipped: it needs ${isRoot ? 'the program nft (apt-get install nftables)' : 'root'}`, () => undefined);
  });
} else {
  // The rules of an instance that fails stay until the next one has its own; after the suite there is none.
  afterAll(() => {
    const names =
      execFileSync('nft', ['list', 'tables', 'ip'], { encoding: 'utf8' }).match(/timonel_\w+_policy_\w+/g) ?? [];
    for (const name of names) {
      const { stdout } = spawnSync('nft', ['list', 'table', 'ip', name], { encoding: 'utf8' });
      if (stdout.includes(documentationAddress)) spawnSync('nft', ['delete', 'table', 'ip', name]);
    }
  });

  pluginSuite('policy-nftables', () => ({ entry, dependencies: [fakeApi()], load }));

  describe('policy-nftables in a kernel', () => {
    let dataDir: string;
    beforeEach(() => {
      dataDir = mkdtempSync(join(tmpdir(), 'timonel-policy-'));
    });
    afterEach(() => {
      for (const table of tables()) spawnSync('nft', ['delete', 'table', 'ip', table]);
      rmSync(dataDir, { recursive: true, force: true });
    });

    function tables(): string[] {
      const prefix = tablePrefix(join(dataDir, 'policy-nftables'));
      const lines = execFileSync('nft', ['list', 'tables', 'ip'], { encoding: 'utf8' }).split('\n');
      return lines.map((line) => line.replace('table ip ', '').trim()).filter((name) => name.startsWith(prefix));
    }

    /** Addresses that have rules; undefined: there is no table. */
    function isolated(): string[] | undefined {
      const [table, ...others] = tables();
      expect(others).toEqual([]);
      if (table === undefined) return undefined;
      const text = execFileSync('nft', ['-j', 'list', 'map', 'ip', table, 'ingress'], { encoding: 'utf8' });
      const { nftables } = JSON.parse(text) as { nftables: { map?: { elem?: [string, unknown][] } }[] };
      return nftables
        .flatMap(({ map }) => map?.elem ?? [])
        .map(([address]) => address)
        .sort();
    }

    it('isolates pods of its node, and those that it admits before the API knows their address', async () => {
      const kernel = await startTestKernel({ plugins: [fakeApi(), entry], dataDir });
      const enforcer = kernel.service(networkPolicyEnforcer);
      await enforcer.admit(pod('new'), ['192.0.2.12']);
      expect(isolated()).toEqual(['192.0.2.10', '192.0.2.12']);
      expect(await enforcer.status()).toMatchObject({ isolatedPods: 2, policies: 1 });
      await kernel.stop();
      expect(isolated()).toBeUndefined();
    });

    it('isolates the new address of a pod whose network was made anew, while the API shows the one of before', async () => {
      const kernel = await startTestKernel({ plugins: [fakeApi(), entry], dataDir });
      await kernel.service(networkPolicyEnforcer).admit(pod('here', documentationAddress), ['192.0.2.20']);
      expect(isolated()).toEqual(['192.0.2.20']);
      await kernel.stop();
    });

    it('keeps the rules of before when nft refuses others in the middle, and goes on with the next', async () => {
      const own = join(dataDir, 'policy-nftables');
      const table = new PolicyTable(own, '00');
      const listed = (): string =>
        execFileSync('nft', ['list', 'table', 'ip', tables()[0] ?? ''], { encoding: 'utf8' });
      const content = (lines: readonly string[], ...addresses: string[]): PolicyContent => ({
        sets: new Map(),
        chains: new Map([['ingress_0', lines]]),
        ingress: new Map(addresses.map((address) => [address, 'jump ingress_0'])),
        egress: new Map(),
        own: new Map(),
      });
      await table.apply(content(['drop'], '192.0.2.10'));
      const before = listed();
      // Most of it could be done.
      const bad = {
        ...content(['drop'], '192.0.2.10', '192.0.2.11'),
        chains: new Map([['ingress_1', ['tcp dport 70000 drop']]]),
      };
      await expect(table.apply(bad)).rejects.toThrow(/^nft failed with status 1/);
      expect(listed()).toBe(before);
      await table.apply(content(['drop'], '192.0.2.12'));
      expect(isolated()).toEqual(['192.0.2.12']);
      await table.remove();
      expect(tables()).toEqual([]);
    });

    it('starts no pod before nft takes its rules, and tries again', async () => {
      const spec = { podSelector: {}, ingress: [{ ports: [{ port: 'http' }] }] };
      objects['networkpolicies'] = [{ metadata: { namespace: 'default', name: 'by-name', uid: 'q' }, spec }];
      const withPort = (containerPort: number): Pod => {
        const containers = [{ name: 'c', ports: [{ name: 'http', containerPort }] }];
        return { ...pod('named'), spec: { nodeName: 'node-1', containers } };
      };
      const kernel = await startTestKernel({ plugins: [fakeApi(), entry], dataDir });
      try {
        const enforcer = kernel.service(networkPolicyEnforcer);
        await expect(enforcer.admit(withPort(70_000), ['192.0.2.14'])).rejects.toThrow('are not in force: nft failed');
        expect(await enforcer.status()).toMatchObject({ lastError: expect.stringContaining('nft failed') });
        expect(isolated()).toEqual(['192.0.2.10']);
        await enforcer.admit(withPort(8080), ['192.0.2.14']);
        expect(await enforcer.status()).toMatchObject({ lastError: undefined });
        expect(isolated()).toEqual(['192.0.2.10', '192.0.2.14']);
      } finally {
        objects['networkpolicies'] = [policy];
        await kernel.stop();
      }
    });

    it('knows the policies of before while the API is away, and starts no pod when it knows none', async () => {
      const keeping = { ...entry, config: { nodeName: 'node-1', onShutdown: 'keep' } };
      const blind = await startTestKernel({ plugins: [fakeApi(true), keeping], dataDir });
      const refused = blind.service(networkPolicyEnforcer).admit(pod('new'), ['192.0.2.12']);
      await expect(refused).rejects.toThrow('the network policies are not known yet');
      await blind.stop();
      const first = await startTestKernel({ plugins: [fakeApi(), keeping], dataDir });
      await load(first);
      await first.stop();
      expect(isolated()).toEqual(['192.0.2.10', '192.0.2.12']);
      const second = await startTestKernel({ plugins: [fakeApi(true), keeping], dataDir });
      await second.service(networkPolicyEnforcer).admit(pod('newer'), ['192.0.2.13']);
      expect(isolated()).toContain('192.0.2.13');
      expect(isolated()).toContain('192.0.2.10');
      await second.stop();
      // What was admitted while the API was away is protected after a restart, too.
      const third = await startTestKernel({ plugins: [fakeApi(true), keeping], dataDir });
      expect(isolated()).toContain('192.0.2.13');
      await third.control.disable('policy-nftables');
      await third.stop();
      expect(isolated()).toBeUndefined();
    }, 20_000);
  });
}
