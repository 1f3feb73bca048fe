/** A real haproxy: it fails where none is installed (Debian: apt install haproxy). */
import { describe, expect, it } from '@jest/globals';
import { apiClient, type ApiClient } from '@timonel/sdk/contracts/api';
import type { KubeObject } from '@timonel/sdk/kube';
import { fakeService, pluginSuite, silentWatch, startTestKernel, until } from '@timonel/testkit';
import { freePort } from '@timonel/testkit/free-port';
import plugin from './index.ts';
import { ask } from './testing/bed.ts';

const emptyApi: Partial<ApiClient> = {
  list: () => Promise.resolve({ metadata: { resourceVersion: '1' }, items: [] }),
  watch: (_, { signal }) => silentWatch(signal ?? new AbortController().signal),
  create: <T extends KubeObject>(_: unknown, object: T) => Promise.resolve(object),
  patch: <T extends KubeObject>() => Promise.resolve({ metadata: {} } as T),
  delete: <T extends KubeObject>() => Promise.resolve({ metadata: {} } as T),
};

const ports = { http: await freePort(), https: await freePort() };

function entry(more: object = {}): Parameters<typeof pluginSuite>[1] extends () => infer R ? R : never {
  const config = {
    nodeName: '',
    httpPort: ports.http,
    httpsPort: ports.https,
    listenAddresses: ['127.0.0.1'],
    threads: 1,
    reloadPauseMs: 0,
    ...more,
  };
  return {
    entry: { definition: plugin, source: 'built-in', config },
    dependencies: [fakeService(apiClient, emptyApi)],
    load: async () => {
      await until(async () => (await ask(ports.http)).status === 404, { what: 'haproxy to answer' });
    },
  };
}

pluginSuite('ingress-haproxy', entry);

describe('ingress-haproxy', () => {
  it('says what to install where there is no haproxy', async () => {
    const made = entry({ program: '/nowhere/haproxy' });
    const kernel = await startTestKernel({ plugins: [...made.dependencies, made.entry] });
    expect(kernel.control.info('ingress-haproxy')).toMatchObject({ state: 'failed' });
    expect(kernel.control.info('ingress-haproxy').reason).toContain('apt install haproxy');
    await kernel.stop();
  });
});
