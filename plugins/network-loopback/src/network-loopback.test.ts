import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect, createServer, type AddressInfo, type Server } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { podNetwork } from '@timonel/sdk/contracts/network';
import { pluginSuite } from '@timonel/testkit';
import { networkContract } from '@timonel/testkit/contracts/network';
import plugin from './index.ts';
import { LoopbackNetwork } from './loopback-network.ts';

networkContract('network-loopback', async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'timonel-lo-'));
  const restart = async (): Promise<LoopbackNetwork> => {
    const network = new LoopbackNetwork(dataDir, '127.80.0.0/16');
    await network.start();
    return network;
  };
  return {
    network: await restart(),
    makeNamespace: async () => undefined,
    removeNamespace: async () => undefined,
    restart,
    close: () => rm(dataDir, { recursive: true, force: true }),
  };
});

pluginSuite('network-loopback', () => ({
  entry: { definition: plugin, source: 'built-in' },
  dependencies: [],
  load: async (kernel) => {
    const network = kernel.service(podNetwork);
    await network.attach({ sandboxId: 'a', podUid: 'a', podNamespace: 'b', podName: 'a', networkNamespace: undefined });
    await network.detach('a');
  },
}));

describe('network-loopback', () => {
  let dataDir: string;
  beforeEach(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'timonel-lo-'));
  });
  afterEach(() => rm(dataDir, { recursive: true, force: true }));

  const request = (sandboxId: string) => ({
    sandboxId,
    podUid: sandboxId,
    podNamespace: 'default',
    podName: sandboxId,
    networkNamespace: undefined,
  });

  it('gives addresses on which two pods can use the same port', async () => {
    const network = new LoopbackNetwork(dataDir, '127.80.0.0/16');
    const hosts = [];
    for (const id of ['a', 'b']) hosts.push((await network.attach(request(id))).addresses[0] ?? '');
    const listen = async (host: string, port: number): Promise<Server> => {
      const server = createServer((socket) => socket.end(host)).listen(port, host);
      await once(server, 'listening');
      return server;
    };
    const first = await listen(hosts[0] ?? '', 0);
    const { port } = first.address() as AddressInfo;
    const servers = [first, await listen(hosts[1] ?? '', port)];
    for (const host of hosts) {
      const socket = connect(port, host);
      const [data] = (await once(socket, 'data')) as [Buffer];
      expect(data.toString()).toBe(host);
      socket.destroy();
    }
    await Promise.all(servers.map((server) => new Promise((done) => server.close(done))));
  });

  it('says that it has no host ports and no limits, once', async () => {
    const network = new LoopbackNetwork(dataDir, '127.80.0.0/16');
    const hostPorts = [{ protocol: 'TCP', hostIP: '', hostPort: 80, containerPort: 80 }] as const;
    const asked = { ...request('a'), hostPorts, bandwidth: { egress: 1000 } };
    const reasons = (await network.attach(asked)).warnings?.map(({ reason }) => reason);
    expect(reasons).toEqual(['HostPortNotSupported', 'BandwidthNotLimited']);
    expect((await network.attach(asked)).warnings).toBeUndefined();
  });

  it('says when all addresses are in use', async () => {
    const network = new LoopbackNetwork(dataDir, '127.80.0.0/29');
    for (let i = 0; i < 6; i++) await network.attach(request(`p${i}`));
    await expect(network.attach(request('p6'))).rejects.toMatchObject({ code: 'ADDRESSES_EXHAUSTED' });
  });

  it('refuses a damaged file', async () => {
    await writeFile(join(dataDir, 'addresses.json'), '{"version":2}');
    await expect(new LoopbackNetwork(dataDir, '127.80.0.0/16').start()).rejects.toThrow(/is damaged/);
  });

  it('takes only ranges of the loopback', async () => {
    const validate = (podCidr: unknown) => plugin.config?.['~standard'].validate({ podCidr });
    expect(await validate('127.80.0.0/16')).toEqual({ value: { podCidr: '127.80.0.0/16' } });
    for (const bad of ['10.0.0.0/16', '127.0.0.0/24', '127.80.0.0/30', 'x', 7]) {
      expect((await validate(bad))?.issues).toHaveLength(1);
    }
  });
});
