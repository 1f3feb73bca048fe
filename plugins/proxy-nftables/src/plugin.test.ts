import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { connect, createServer, type AddressInfo, type Server } from 'node:net';
import { networkInterfaces, tmpdir } from 'node:os';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { apiClient, type ApiClient } from '@timonel/sdk/contracts/api';
import { serviceProxy } from '@timonel/sdk/contracts/proxy';
import { ApiError } from '@timonel/sdk/kube';
import { fakeService, pluginSuite, silentWatch, startTestKernel, type TestKernel } from '@timonel/testkit';
import { namesOf } from './data-plane.ts';
import plugin from './index.ts';

// Addresses that nothing else on this machine uses; the plugin's table and link are named after its data directory.
const serviceCidr = '10.215.77.0/24';
const serviceAddress = '10.215.77.1';
const ownAddress = Object.values(networkInterfaces())
  .flatMap((addresses) => addresses ?? [])
  .find(({ family, internal }) => family === 'IPv4' && !internal)?.address;

const isRoot = process.getuid?.() === 0;
const hasNft = spawnSync('nft', ['--version']).status === 0;
let backend: Server;

function objects(resource: string): object[] {
  const labels = { 'kubernetes.io/service-name': 'web' };
  const metadata = { namespace: 'default', name: 'web', uid: `web-${resource}`, resourceVersion: '1', labels };
  if (resource === 'services') return [{ metadata, spec: { clusterIP: serviceAddress, ports: [{ port: 80 }] } }];
  const { port } = backend.address() as AddressInfo;
  const endpoints = [{ addresses: [ownAddress ?? '192.0.2.200'] }];
  return [{ metadata, addressType: 'IPv4', ports: [{ port }], endpoints }];
}

const fakeApi = (isAway = false): ReturnType<typeof fakeService> =>
  fakeService(apiClient, {
    list: async ({ resource }: { resource: string }) => {
      if (isAway) throw new ApiError('ServiceUnavailable', 'the API is away');
      return { metadata: { resourceVersion: '1' }, items: objects(resource) };
    },
    watch: (_: unknown, { signal }: { signal: AbortSignal }) => silentWatch(signal),
  } as unknown as Partial<ApiClient>);

/** What the backend says through the service. */
function ask(): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    connect(80, serviceAddress)
      .setEncoding('utf8')
      .on('data', (chunk: string) => {
        text += chunk;
      })
      .on('error', reject)
      .on('close', () => resolve(text));
  });
}

async function load(kernel: TestKernel): Promise<void> {
  const proxy = kernel.service(serviceProxy);
  expect(await proxy.status()).toMatchObject({
    implementation: 'nftables',
    rules: 1,
    backends: 1,
    lastError: undefined,
  });
  // Without an address of its own the machine has nothing to serve on.
  if (ownAddress !== undefined) expect(await ask()).toBe('hello');
}

/** The table and the link that are there of one data directory. Other clusters of this machine have theirs. */
function traces(dataDir: string): string[] {
  const { table, link } = namesOf(join(dataDir, 'proxy-nftables'));
  const tables = execFileSync('nft', ['list', 'tables']).toString().split('\n');
  const links = JSON.parse(execFileSync('ip', ['-json', 'link']).toString()) as { ifname: string }[];
  const found = links.some(({ ifname }) => ifname === link);
  return [...tables.filter((line) => line === `table ip ${table}`), ...(found ? [link] : [])];
}

const entry = { definition: plugin, source: 'built-in', config: { serviceCidr } } as const;

if (!isRoot || !hasNft) {
  describe('proxy-nftables', () => {
    it.skip(`skipped: it needs ${isRoot ? 'the program nft (apt-get install nftables)' : 'root'}`, () => undefined);
  });
} else {
  beforeAll(async () => {
    backend = createServer((socket) => socket.on('error', () => undefined).end('hello'));
    await new Promise<void>((resolve) => {
      backend.listen(0, () => resolve());
    });
  });

  afterAll(
    () =>
      new Promise((resolve) => {
        backend.close(resolve);
      }),
  );

  pluginSuite('proxy-nftables', () => ({ entry, dependencies: [fakeApi()], load }));

  describe('proxy-nftables in a kernel', () => {
    let dataDir: string;
    beforeEach(() => {
      dataDir = mkdtempSync(join(tmpdir(), 'timonel-nft-'));
    });
    afterEach(() => {
      const { table, link } = namesOf(join(dataDir, 'proxy-nftables'));
      spawnSync('nft', ['delete', 'table', 'ip', table]);
      spawnSync('ip', ['link', 'delete', link]);
      rmSync(dataDir, { recursive: true, force: true });
    });

    it('owns one table while it runs, writes it anew on resync, and leaves none', async () => {
      const kernel = await startTestKernel({ plugins: [fakeApi(), entry], dataDir });
      const own = `table ip ${namesOf(join(dataDir, 'proxy-nftables')).table}`;
      expect(traces(dataDir)).toContain(own);
      execFileSync('nft', `delete ${own}`.split(' '));
      await kernel.service(serviceProxy).resync();
      expect(traces(dataDir)).toContain(own);
      await load(kernel);
      await kernel.stop();
      expect(traces(dataDir)).toEqual([]);
    });

    it('with onShutdown keep: services outlive it, and a start without the API, until it is disabled', async () => {
      const keeping = { ...entry, config: { serviceCidr, onShutdown: 'keep' } };
      const isServed = async (): Promise<void> => {
        if (ownAddress !== undefined) expect(await ask()).toBe('hello');
      };
      const first = await startTestKernel({ plugins: [fakeApi(), keeping], dataDir });
      await load(first);
      await first.stop();
      await isServed();
      const before = traces(dataDir);
      expect(before).not.toEqual([]);
      const second = await startTestKernel({ plugins: [fakeApi(true), keeping], dataDir });
      expect(await second.service(serviceProxy).status()).toMatchObject({ rules: 1, lastSyncAt: 0 });
      await isServed();
      await second.stop('failure');
      expect(traces(dataDir)).toEqual(before);
      // As after a reboot: what is remembered is enough.
      execFileSync('nft', ['delete', 'table', 'ip', namesOf(join(dataDir, 'proxy-nftables')).table]);
      const third = await startTestKernel({ plugins: [fakeApi(true), keeping], dataDir });
      await isServed();
      await third.control.disable('proxy-nftables');
      await third.stop();
      expect(traces(dataDir)).toEqual([]);
    }, 60_000);
  });
}
