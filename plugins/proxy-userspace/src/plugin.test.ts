import { connect, createServer, type AddressInfo, type Server } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { apiClient, type ApiClient } from '@timonel/sdk/contracts/api';
import { serviceProxy } from '@timonel/sdk/contracts/proxy';
import { fakeService, pluginSuite, silentWatch, startTestKernel, type TestKernel } from '@timonel/testkit';
import plugin from './index.ts';

// Service addresses of 127.0.0.0/8 are local anyway: this suite needs neither root nor a link.
const serviceAddress = '127.214.0.1';
const servicePort = 18_214;

let backend: Server;

beforeAll(async () => {
  backend = createServer((socket) => socket.on('error', () => undefined).end('hello'));
  await new Promise<void>((resolve) => {
    backend.listen(0, '127.0.0.1', () => resolve());
  });
});

afterAll(
  () =>
    new Promise((resolve) => {
      backend.close(resolve);
    }),
);

function objects(resource: string): object[] {
  const labels = { 'kubernetes.io/service-name': 'web' };
  const metadata = { namespace: 'default', name: 'web', uid: `web-${resource}`, resourceVersion: '1', labels };
  if (resource === 'services') {
    return [{ metadata, spec: { clusterIP: serviceAddress, ports: [{ port: servicePort }] } }];
  }
  const { port } = backend.address() as AddressInfo;
  return [{ metadata, addressType: 'IPv4', ports: [{ port }], endpoints: [{ addresses: ['127.0.0.1'] }] }];
}

const fakeApi = (): ReturnType<typeof fakeService> =>
  fakeService(apiClient, {
    list: async ({ resource }: { resource: string }) => ({
      metadata: { resourceVersion: '1' },
      items: objects(resource),
    }),
    watch: (_: unknown, { signal }: { signal: AbortSignal }) => silentWatch(signal),
  } as unknown as Partial<ApiClient>);

/** What the backend says through the service. */
function ask(): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    connect(servicePort, serviceAddress)
      .setEncoding('utf8')
      .on('data', (chunk: string) => {
        text += chunk;
      })
      .on('error', reject)
      .on('close', () => resolve(text));
  });
}

async function load(kernel: TestKernel): Promise<void> {
  expect(await kernel.service(serviceProxy).status()).toMatchObject({
    implementation: 'userspace',
    rules: 1,
    backends: 1,
  });
  expect(await ask()).toBe('hello');
}

const entry = { definition: plugin, source: 'built-in', config: { assignAddresses: false } } as const;
pluginSuite('proxy-userspace', () => ({ entry, dependencies: [fakeApi()], load }));

describe('proxy-userspace in a kernel', () => {
  it('serves, writes anew on request, and refuses after it stopped', async () => {
    const kernel = await startTestKernel({ plugins: [fakeApi(), entry] });
    await load(kernel);
    await kernel.service(serviceProxy).resync();
    await load(kernel);
    await kernel.stop();
    await expect(ask()).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });

  it('says which address it cannot take, serves when it can, and is running all the while', async () => {
    const other = createServer();
    await new Promise<void>((resolve) => {
      other.listen(servicePort, serviceAddress, () => resolve());
    });
    const kernel = await startTestKernel({ plugins: [fakeApi(), entry] });
    const proxy = kernel.service(serviceProxy);
    expect((await proxy.status()).lastError).toMatch(
      /^1 service addresses cannot be served: TCP 127.214.0.1:18214: .*EADDRINUSE/,
    );
    await expect(proxy.resync()).rejects.toThrow('EADDRINUSE');
    await new Promise((resolve) => {
      other.close(resolve);
    });
    await proxy.resync();
    await load(kernel);
    await kernel.stop();
  });
});
