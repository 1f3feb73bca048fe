/** The API that the nodes under test speak to. It stays. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { AnyPlugin } from '@timonel/sdk';
import { apiClient, type ApiClient } from '@timonel/sdk/contracts/api';
import { apiEndpoint } from '@timonel/sdk/contracts/api-server';
import { configMaps, namespaces } from '@timonel/sdk/kube';
// Not by the package: this also runs outside of the test runner, which that needs.
import { startTestKernel } from '../../sdk/testkit/src/test-kernel.ts';

const plugins = ['store-memory', 'api-resources', 'auth-token', 'apiserver'];

export interface Server {
  readonly api: ApiClient;
  readonly url: string;
  readonly ca: string;
  readonly token: string;
  stop(): Promise<void>;
}

export async function startServer(): Promise<Server> {
  const loaded = await Promise.all(
    plugins.map(async (name) => (await import(`@timonel/plugin-${name}`)) as { default: AnyPlugin }),
  );
  const kernel = await startTestKernel({
    plugins: loaded.map((module) => module.default),
    config: { apiserver: { listen: { port: 0 } } },
  });
  const api = kernel.service(apiClient);
  const endpoint = kernel.service(apiEndpoint);
  await api.create(namespaces, { metadata: { name: 'default' } }).catch(() => undefined);
  await api.create(configMaps, { metadata: { name: 'settings', namespace: 'default' }, data: { key: 'value' } });
  return {
    api,
    url: endpoint.url(),
    ca: endpoint.caCertificate(),
    token: readFileSync(join(kernel.dataDir, 'auth-token', 'admin.token'), 'utf8').trim(),
    stop: async () => void (await kernel.stop()),
  };
}
