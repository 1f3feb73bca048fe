import { createSocket } from 'node:dgram';
import { Resolver } from 'node:dns/promises';
import { connect, createServer } from 'node:net';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { decode } from 'dns-packet';
import { createSimulatedEnv } from '@timonel/core/env';
import { apiClient, type ApiClient } from '@timonel/sdk/contracts/api';
import { clusterDns, type DnsStatus } from '@timonel/sdk/contracts/dns';
import { podNetwork } from '@timonel/sdk/contracts/network';
import { fakeService, pluginSuite, silentWatch, startTestKernel, until, type TestKernel } from '@timonel/testkit';
import { freePort } from '@timonel/testkit/free-port';
import { queryBytes } from './testing/query.ts';
import { serviceOf, sliceOf } from './testing/objects.ts';
import { startUpstream, type Upstream } from './testing/upstream.ts';
import plugin from './index.ts';

let upstream: Upstream;
let suitePort = 0;
let kernel: TestKernel | undefined;
const ends: (() => unknown)[] = [];

beforeAll(async () => {
  suitePort = await freePort();
  upstream = await startUpstream((name) =>
    name.endsWith('example.com') ? { answers: [{ name, type: 'A', ttl: 60, data: '192.0.2.80' }] } : { flags: 3 },
  );
});
afterAll(() => upstream.close());
afterEach(async () => {
  await kernel?.stop();
  kernel = undefined;
  for (const end of ends.splice(0)) await end();
});

const endpoints = Array.from({ length: 70 }, (_, index) => ({ address: `10.244.0.${index + 1}` }));
const objects: Record<string, readonly object[]> = {
  namespaces: [{ metadata: { name: 'default', uid: 'ns', resourceVersion: '1' } }],
  services: [
    serviceOf('default/web', { clusterIP: '10.96.0.7', ports: [{ name: 'http', port: 80 }] }),
    serviceOf('default/many', { clusterIP: 'None' }),
    serviceOf('default/out', { type: 'ExternalName', externalName: 'www.example.com' }),
    serviceOf('default/other', { type: 'ExternalName', externalName: 'web.default.svc.cluster.local' }),
    serviceOf('default/loop', { type: 'ExternalName', externalName: 'loop.default.svc.cluster.local' }),
  ],
  endpointslices: [sliceOf('default/many', [], ...endpoints)],
};

const fakeApi = (away = false): ReturnType<typeof fakeService> =>
  fakeService(apiClient, {
    list: async ({ resource }: { resource: string }) => {
      if (away) throw new Error('the API is away');
      return { metadata: { resourceVersion: '1' }, items: objects[resource] };
    },
    watch: (_: unknown, { signal }: { signal: AbortSignal }) => silentWatch(signal),
  } as unknown as Partial<ApiClient>);

const network = fakeService(podNetwork, {
  nodeNetwork: async () => ({ podCidr: '10.244.0.0/24', nodeAddress: '127.0.0.1' }),
});

/** Undefined only while the suites are collected. */
function upstreamPort(): number {
  return (upstream as Upstream | undefined)?.port ?? 1;
}

function entry(port: number, more: object = {}) {
  const config = { port, upstreams: [`127.0.0.1:${upstreamPort()}`], ...more };
  return { definition: plugin, source: 'built-in', config } as const;
}

async function start(
  port: number,
  options: { away?: boolean; dataDir?: string; config?: object } = {},
): Promise<Resolver> {
  const { away = false, dataDir, config } = options;
  const plugins = [fakeApi(away), network, entry(port, config)];
  kernel = await startTestKernel({ plugins, ...(dataDir === undefined ? {} : { dataDir }) });
  return client(port);
}

function client(port: number): Resolver {
  const resolver = new Resolver({ timeout: 2000, tries: 2 });
  resolver.setServers([`127.0.0.1:${port}`]);
  return resolver;
}

pluginSuite('dns-node', () => ({
  entry: entry(suitePort),
  dependencies: [fakeApi(), network],
  async load(running) {
    const dns = running.service(clusterDns);
    expect(dns.resolver()).toEqual({ nameservers: ['127.0.0.1'], domain: 'cluster.local' });
    expect(await client(suitePort).resolve4('web.default.svc.cluster.local')).toEqual(['10.96.0.7']);
  },
}));

describe('dns-node, asked by another resolver', () => {
  it('answers names of the cluster, their aliases, and all others by other servers', async () => {
    const resolver = await start(await freePort());
    const names = ['web', 'other', 'out'].map((name) => `${name}.default.svc.cluster.local`);
    const found = await Promise.all([...names, 'www.example.com'].map((name) => resolver.resolve4(name)));
    expect(found).toEqual([['10.96.0.7'], ['10.96.0.7'], ['192.0.2.80'], ['192.0.2.80']]);
    expect(await resolver.resolveSrv('_http._tcp.web.default.svc.cluster.local')).toMatchObject([
      { name: names[0], port: 80 },
    ]);
    expect(await resolver.reverse('10.96.0.7')).toEqual([names[0]]);
    expect(await resolver.resolveCname(names[2] ?? '')).toEqual(['www.example.com']);
    const wrong = ['absent.default.svc.cluster.local', 'www.nowhere', 'loop.default.svc.cluster.local'];
    const codes = await Promise.all(
      wrong.map((name) => resolver.resolve4(name).catch(({ code }: { code: string }) => code)),
    );
    expect(codes).toEqual(['ENOTFOUND', 'ENOTFOUND', 'ESERVFAIL']);
    expect(await resolver.resolve6(names[0] ?? '').catch(({ code }: { code: string }) => code)).toBe('ENODATA');
    expect(upstream.asked.filter((each) => each.includes('cluster.local'))).toEqual([]);
  });

  it('gives many addresses over TCP, and each client another one first', async () => {
    const resolver = await start(await freePort());
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => resolver.resolve4('many.default.svc.cluster.local')),
    );
    for (const answer of answers) expect(new Set(answer)).toEqual(new Set(endpoints.map(({ address }) => address)));
    expect(new Set(answers.map(([first]) => first)).size).toBeGreaterThan(3);
  });

  it('answers datagrams that repeat themselves with the id of each', async () => {
    const port = await freePort();
    await start(port);
    const socket = createSocket('udp4');
    ends.push(() => socket.close());
    const ids = new Set<number>();
    socket.on('message', (message) => ids.add(decode(message).id ?? -1));
    for (const id of [5, 6, 7])
      socket.send(queryBytes('web.default.svc.cluster.local', 'A', { id }), port, '127.0.0.1');
    await until(() => ids.size === 3, { what: 'three answers' });
    expect([...ids].sort((one, other) => one - other)).toEqual([5, 6, 7]);
  });

  it('is not impressed by garbage of any size', async () => {
    const port = await freePort();
    const resolver = await start(port);
    const { random } = createSimulatedEnv({ seed: 5 });
    const garbage = [0, 1, 11, 12, 13, 512, 1500, 9000, 65_507].flatMap((size) => [
      Buffer.from(random.bytes(size)),
      // Begins as a query.
      Buffer.concat([queryBytes('web.default.svc.cluster.local', 'A'), random.bytes(size)]).subarray(0, size),
    ]);
    const socket = createSocket('udp4');
    ends.push(() => socket.close());
    const sizes: number[] = [];
    socket.on('message', (message) => sizes.push(message.length));
    for (const bytes of garbage) {
      await new Promise<void>((resolve, reject) => {
        socket.send(bytes, port, '127.0.0.1', (error) => (error === null ? resolve() : reject(error)));
      });
    }
    const framed = (bytes: Buffer): Buffer => {
      const length = Buffer.alloc(2);
      length.writeUInt16BE(bytes.length);
      return Buffer.concat([length, bytes]);
    };
    const closed = [Buffer.from(random.bytes(65_535)), Buffer.alloc(65_535), Buffer.alloc(3)].map((bytes) => {
      const connection = connect(port, '127.0.0.1', () => connection.end(framed(bytes)));
      ends.push(() => connection.destroy());
      return new Promise((resolve) => connection.on('error', resolve).on('close', resolve).resume());
    });
    await Promise.all(closed);
    expect(await resolver.resolve4('web.default.svc.cluster.local')).toEqual(['10.96.0.7']);
    await until(() => sizes.length > 0, { what: 'an answer that says what is wrong' });
    // Nobody is flooded by way of it.
    expect(Math.max(...sizes)).toBeLessThanOrEqual(512);
  });

  it('ends connections that send garbage, and serves the others', async () => {
    const port = await freePort();
    const resolver = await start(port);
    const socket = connect(port, '127.0.0.1');
    ends.push(() => socket.destroy());
    const closed = new Promise((resolve) => socket.on('error', resolve).on('close', resolve));
    socket.write(Buffer.from([0, 4, 1, 2, 3, 4]));
    await closed;
    expect(await resolver.resolve4('web.default.svc.cluster.local')).toEqual(['10.96.0.7']);
  });

  it('says that a port is taken, and answers when it is free', async () => {
    const port = await freePort();
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(port, '127.0.0.1', resolve));
    await start(port);
    const status = (): DnsStatus | undefined => kernel?.service(clusterDns).status();
    expect(status()?.lastError).toMatch(/another program has it/);
    await new Promise((resolve) => other.close(resolve));
    await until(() => status()?.listening.length === 2, { what: 'both sockets' });
    expect(status()?.lastError).toBeUndefined();
  });

  it('knows the names of before while the API is away', async () => {
    const dataDir = await mkdtemp(join(tmpdir(), 'timonel-dns-'));
    ends.push(() => rm(dataDir, { recursive: true, force: true }));
    const port = await freePort();
    const nothing = await start(port, { away: true, dataDir });
    const code = await nothing.resolve4('web.default.svc.cluster.local').catch((error: { code: string }) => error.code);
    expect(code).toBe('ESERVFAIL');
    await kernel?.stop();
    await start(port, { dataDir });
    await kernel?.stop();
    const resolver = await start(port, { away: true, dataDir });
    expect(await resolver.resolve4('web.default.svc.cluster.local')).toEqual(['10.96.0.7']);
    expect(await resolver.resolve4('many.default.svc.cluster.local')).toHaveLength(70);
  }, 20_000);
});
