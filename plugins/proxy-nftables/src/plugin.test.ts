import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';

import { join } from 'node:path';
import { connect, createServer, type AddressInfo, type Server } from 'node:net';
import { networkInterfaces, tmpdir } from 'node:os';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { apiClient, type ApiClient } from '@timonel/sdk/contracts/api';
import { serviceProxy } from '@timonel/sdk/contracts/proxy';
import { ApiError } from '@timonel/sdk/kube';
import { fakeService, pluginSuite, startTestKernel, type TestKernel } from '@timonel/testkit';
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

/** A watch on which nothing happens. */
const silence = (signal: AbortSignal): AsyncIterable<never> => ({
  [Symbol.asyncIterator]: () => ({
    next: () =>
      new Promise((resolve) => {
        const end = (): void => resolve({ done: true, value: undefined });
        signal.addEventListener('abort', end, { once: true });
        if (signal.aborted) end();
      }),
  }),
});

const fakeApi = (isAway = false): ReturnType<typeof fakeService> =>
  fakeService(apiClient, {
    list: async ({ resource }: { resource: string }) => {
      if (isAway) throw new ApiError('ServiceUnavailable', 'the API is away');
      return { metadata: { resourceVersion: '1' }, items: objects(resource) };
    },
    watch: (_: unknown, { signal }: { signal: AbortSignal }) => silence(signal),
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

const tables = (): string => execFileSync('nft', ['list', 'tables']).toString();
const links = (): string[] =>
  (JSON.parse(execFileSync('ip', ['-json', 'link']).toString()) as { ifname: string }[])
    .map(({ ifname }) => ifname)
    .filter((name) => /^tn[0-9a-f]{8}$/.test(name));
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
    it('owns one table while it runs, writes it anew on resync, and leaves none', async () => {
      const [tablesBefore, linksBefore] = [tables(), links()];
      const kernel = await startTestKernel({ plugins: [fakeApi(), entry] });
      const own = tables()
        .split('\n')
        .filter((line) => /timonel_.*_svc$/.test(line) && !tablesBefore.includes(line));
      expect(own).toHaveLength(1);
      execFileSync('nft', `delete ${own[0]}`.split(' '));
      await kernel.service(serviceProxy).resync();
      expect(tables()).toContain(own[0]);
      await load(kernel);
      await kernel.stop();
      expect(tables()).not.toContain(own[0]);
      expect(links().filter((name) => !linksBefore.includes(name))).toEqual([]);
    });

    it('with onShutdown keep: services outlive it, and a start without the API, until it is disabled', async () => {
      const [tablesBefore, linksBefore] = [tables(), links()];
      const dataDir = mkdtempSync(join(tmpdir(), 'timonel-nft-'));
      const keeping = { ...entry, config: { serviceCidr, onShutdown: 'keep' } };
      const isServed = async (): Promise<void> => {
        if (ownAddress !== undefined) expect(await ask()).toBe('hello');
      };
      try {
        const first = await startTestKernel({ plugins: [fakeApi(), keeping], dataDir });
        await load(first);
        await first.stop();
        await isServed();
        const before = tables();
        const second = await startTestKernel({ plugins: [fakeApi(true), keeping], dataDir });
        expect(await second.service(serviceProxy).status()).toMatchObject({ rules: 1, lastSyncAt: 0 });
        await isServed();
        await second.stop('failure');
        expect(tables()).toBe(before);
        // As after a reboot: what is remembered is enough.
        const own = before.split('\n').filter((line) => !tablesBefore.includes(line));
        for (const line of own) execFileSync('nft', `delete ${line}`.split(' '));
        const third = await startTestKernel({ plugins: [fakeApi(true), keeping], dataDir });
        await isServed();
        await third.control.disable('proxy-nftables');
        await third.stop();
        expect(tables()).toBe(tablesBefore);
        expect(links().filter((name) => !linksBefore.includes(name))).toEqual([]);
      } finally {
        for (const line of tables()
          .split('\n')
          .filter((text) => text !== '' && !tablesBefore.includes(text)))
          spawnSync('nft', `delete ${line}`.split(' '));
        for (const name of links().filter((text) => !linksBefore.includes(text)))
          spawnSync('ip', ['link', 'delete', name]);
        rmSync(dataDir, { recursive: true, force: true });
      }
    }, 60_000);
  });
}
