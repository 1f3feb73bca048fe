import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { apiClient, type ApiClient } from '@timonel/sdk/contracts/api';
import { leases, namespaces, nodes, pods } from '@timonel/sdk/kube';
import { startTestKernel, until, type TestKernel } from '@timonel/testkit';
import apiResources from '@timonel/plugin-api-resources';
import apiserver from '@timonel/plugin-apiserver';
import authToken from '@timonel/plugin-auth-token';
import runtimeFake from '@timonel/plugin-runtime-fake';
import storeMemory from '@timonel/plugin-store-memory';

describe('fake nodes', () => {
  let kernel: TestKernel;
  let api: ApiClient;
  beforeAll(async () => {
    kernel = await startTestKernel({
      plugins: [storeMemory, apiResources, apiserver, authToken, runtimeFake],
      config: { apiserver: { listen: { port: 0 } }, 'runtime-fake': { nodes: 20, heartbeatIntervalMs: 200 } },
    });
    api = kernel.service(apiClient);
    const metadata = { name: 'default' };
    await api.create(namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata }).catch(() => undefined);
  }, 30_000);
  afterAll(() => kernel?.stop());

  it('are registered and Ready', async () => {
    const all = await until(
      async () => {
        const { items } = await api.list(nodes);
        const isReady = (status: unknown): boolean => JSON.stringify(status).includes('"type":"Ready","status":"True"');
        return items.length === 20 && items.every((node) => isReady(node.status)) ? items : undefined;
      },
      { what: '20 ready nodes', timeoutMs: 10_000 },
    );
    expect(all[0]?.status?.allocatable).toMatchObject({ cpu: '32', pods: '110' });
  });

  it('renew their leases', async () => {
    const renewals = async (): Promise<Map<string, string>> => {
      const { items } = await api.list(leases, { namespace: 'kube-node-lease' });
      return new Map(items.map(({ metadata, spec }) => [metadata.name ?? '', spec?.renewTime ?? '']));
    };
    const first = await until(
      async () => {
        const found = await renewals();
        return found.size === 20 ? found : undefined;
      },
      { what: '20 leases' },
    );
    const renewed = async (): Promise<boolean> =>
      [...(await renewals())].every(([name, time]) => time > (first.get(name) ?? ''));
    await until(renewed, { what: 'the next renewal' });
  });

  it('run 200 pods that are bound to them, at 50 a second or more, and let them go', async () => {
    const begin = performance.now();
    for (let index = 0; index < 200; index += 1) {
      const nodeName = `fake-${String(index % 20).padStart(3, '0')}`;
      await api.create(pods, {
        metadata: { name: `p-${index}`, namespace: 'default' },
        spec: { nodeName, containers: [{ name: 'app', image: 'img:1' }] },
      });
    }
    const running = async (): Promise<boolean> => {
      const { items } = await api.list(pods, { namespace: 'default' });
      return items.filter(({ status }) => status?.phase === 'Running' && status.podIP !== undefined).length === 200;
    };
    await until(running, { what: '200 running pods', timeoutMs: 20_000 });
    expect((200 * 1000) / (performance.now() - begin)).toBeGreaterThan(50);
    for (let index = 0; index < 200; index += 1) await api.delete(pods, { namespace: 'default', name: `p-${index}` });
    const gone = async (): Promise<boolean> => (await api.list(pods, { namespace: 'default' })).items.length === 0;
    await until(gone, { what: 'no pods', timeoutMs: 20_000 });
  }, 60_000);
});
