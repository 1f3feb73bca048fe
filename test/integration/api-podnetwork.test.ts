/** The API at a further address: who comes in, with which certificate, and what the endpoints of default/kubernetes say. */
import { createServer, type Server } from 'node:net';
import { request } from 'node:https';
import { afterEach, describe, expect, it } from '@jest/globals';
import apiPodNetwork from '@timonel/plugin-api-podnetwork';
import { apiEndpoint } from '@timonel/sdk/contracts/api-server';
import { podNetwork, type NodeNetwork } from '@timonel/sdk/contracts/network';
import { endpoints, endpointSlices } from '@timonel/sdk/kube';
import { fakeService } from '@timonel/testkit';
import { startApiServer, type TestApiServer, type TestApiServerOptions } from '../support/api-server.ts';
import { until } from '../support/until.ts';

/** Pods have 127.0.9.8 to 127.0.9.15, and reach the node at 127.0.9.1. */
const network: NodeNetwork = { podCidr: '127.0.9.8/29', nodeAddress: '127.0.9.1' };
const kubernetes = { namespace: 'default', name: 'kubernetes' } as const;

let server: TestApiServer | undefined;
let squatter: Server | undefined;
afterEach(async () => {
  await server?.stop();
  server = undefined;
  squatter?.close();
  squatter = undefined;
});

async function start(
  options: TestApiServerOptions = {},
  nodeNetwork: () => Promise<NodeNetwork> = async () => network,
): Promise<TestApiServer> {
  const fake = fakeService(podNetwork, { nodeNetwork });
  server = await startApiServer({ ...options, plugins: [fake.definition, apiPodNetwork] });
  return server;
}

async function place({ api }: TestApiServer): Promise<{ address: string; port: number }> {
  const slice = await until(() => api.get(endpointSlices, kubernetes), { what: 'the slice' });
  return { address: slice.endpoints[0]?.addresses[0] ?? '', port: slice.ports?.[0]?.port ?? 0 };
}

/** The status of GET /version, as a pod with this address asks; or why there is none. */
function ask({ kernel, token }: TestApiServer, to: { address: string; port: number }, from: string): Promise<unknown> {
  return new Promise((resolve) => {
    const asked = request({
      host: to.address,
      port: to.port,
      path: '/version',
      localAddress: from,
      ca: kernel.service(apiEndpoint).caCertificate(),
      servername: 'kubernetes.default.svc',
      headers: { authorization: `Bearer ${token}` },
      agent: false,
    });
    asked.once('response', (response) => {
      response.resume();
      resolve(response.statusCode);
    });
    asked.once('error', (error: NodeJS.ErrnoException) => resolve(error.code));
    asked.end();
  });
}

describe('the API at the address of the pod network', () => {
  it('answers pods of the node and the machine itself, cuts others off, and ends with the plugin', async () => {
    const cluster = await start();
    const to = await place(cluster);
    expect(to).toEqual({ address: '127.0.9.1', port: Number(new URL(cluster.url).port) });
    const { subsets } = await cluster.api.get(endpoints, kubernetes);
    expect(subsets?.[0]?.addresses).toEqual([{ ip: '127.0.9.1' }]);
    expect(await ask(cluster, to, '127.0.9.10')).toBe(200);
    expect(await ask(cluster, to, '127.0.0.1')).toBe(200);
    expect(await ask(cluster, to, '127.0.9.77')).toBe('ECONNRESET');
    await cluster.kernel.control.disable('api-podnetwork');
    expect(await ask(cluster, to, '127.0.9.10')).toBe('ECONNREFUSED');
    expect(await ask(cluster, { address: '127.0.0.1', port: to.port }, '127.0.9.10')).toBe(200);
  });

  it('has another port when the one of the server is taken there', async () => {
    const free = createServer();
    await new Promise<void>((resolve) => free.listen(0, '127.0.0.1', resolve));
    const { port } = free.address() as { port: number };
    await new Promise((resolve) => free.close(resolve));
    squatter = createServer((socket) => socket.destroy());
    await new Promise<void>((resolve) => squatter?.listen(port, '127.0.9.1', resolve));
    const cluster = await start({ apiserver: { listen: { port } } });
    const to = await place(cluster);
    expect(to.address).toBe('127.0.9.1');
    expect(to.port).not.toBe(port);
    expect(await ask(cluster, to, '127.0.9.10')).toBe(200);
  });

  it('opens nothing where the server listens everywhere, but says where pods find it', async () => {
    const cluster = await start({ apiserver: { listen: { address: '0.0.0.0', port: 0 } } });
    const to = await place(cluster);
    expect(to).toEqual({ address: '127.0.9.1', port: Number(new URL(cluster.url).port) });
    expect(await ask(cluster, to, '127.0.9.77')).toBe(200);
  });

  it('comes when the address does', async () => {
    let asked = 0;
    const cluster = await start({}, async () => {
      asked += 1;
      return asked < 3 ? { ...network, nodeAddress: '192.0.2.254' } : network;
    });
    expect(await ask(cluster, await place(cluster), '127.0.9.10')).toBe(200);
    expect(asked).toBe(3);
  });
});
