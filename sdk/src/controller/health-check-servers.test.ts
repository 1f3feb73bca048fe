import { createServer } from 'node:net';
import { afterEach, expect, it } from '@jest/globals';
import type { ServicePortRule } from '../contracts/proxy/index.ts';
import type { Logger } from '../kernel/index.ts';
import { HealthCheckServers } from './health-check-servers.ts';

const warnings: unknown[] = [];
const log = { warn: (fields: unknown) => void warnings.push(fields) } as unknown as Logger;
const servers = new HealthCheckServers(log);
afterEach(() => servers.close());

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => void server.listen(0, resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

function rule(port: number, localEndpoints: number): ServicePortRule {
  return {
    id: 'shop/web:http',
    protocol: 'TCP',
    port: 80,
    clusterIPs: [],
    externalIPs: [],
    nodePort: undefined,
    affinitySeconds: undefined,
    backends: [],
    healthCheck: { port, localEndpoints },
  };
}

async function ask(port: number): Promise<unknown> {
  try {
    const response = await fetch(`http://127.0.0.1:${port}/`);
    return [response.status, await response.json()];
  } catch {
    return 'refused';
  }
}

it('says how many endpoints of the service the node has, until the service is gone', async () => {
  const port = await freePort();
  const service = { namespace: 'shop', name: 'web' };
  await servers.apply([rule(port, 2), rule(port, 2)]);
  expect(await ask(port)).toEqual([200, { service, localEndpoints: 2, serviceProxyHealthy: true }]);
  await servers.apply([rule(port, 0)]);
  expect(await ask(port)).toEqual([503, { service, localEndpoints: 0, serviceProxyHealthy: true }]);
  await servers.apply([]);
  expect(await ask(port)).toBe('refused');
});

it('a port that is taken is said, does not stop the others, and is tried again', async () => {
  const [taken, free] = [await freePort(), await freePort()];
  const other = createServer();
  await new Promise<void>((resolve) => void other.listen(taken, resolve));
  await servers.apply([rule(taken, 1), rule(free, 1)]);
  expect(warnings).toMatchObject([{ port: taken, service: 'shop/web' }]);
  expect(await ask(free)).toMatchObject([200, {}]);
  await new Promise((resolve) => other.close(resolve));
  await servers.apply([rule(taken, 1), rule(free, 1)]);
  expect(await ask(taken)).toMatchObject([200, {}]);
});
