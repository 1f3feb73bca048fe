import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect } from '@jest/globals';
import { apiClient, type ApiClient } from '@timonel/sdk/contracts/api';
import { routeProvider } from '@timonel/sdk/contracts/api-server';
import { fakeService, pluginSuite } from '@timonel/testkit';
import plugin from './index.ts';

const pkiDirectory = mkdtempSync(join(tmpdir(), 'timonel-cluster-join-'));
afterAll(() => rmSync(pkiDirectory, { recursive: true, force: true }));

/** An API that takes everything and holds nothing: what the plugin does with objects is tested against the real one. */
const emptyApi: Partial<ApiClient> = {
  list: () => Promise.resolve({ metadata: { resourceVersion: '1' }, items: [] }),
  patch: (_type, { name }) => Promise.resolve({ metadata: { name } } as never),
  delete: (_type, { name }) => Promise.resolve({ metadata: { name } } as never),
};

const config = {
  name: 'a',
  memberId: 'm1',
  url: 'https://127.0.0.1:6443',
  pkiDirectory,
  clusterCidr: '10.244.0.0/16',
  serviceCidr: '10.96.0.0/16',
};

pluginSuite('cluster-join', () => ({
  entry: { definition: plugin, source: 'built-in', config },
  dependencies: [fakeService(apiClient, emptyApi)],
  load: (kernel) => {
    const paths = kernel
      .service(routeProvider)
      .all()
      .flatMap(({ service }) => service.routes())
      .map(({ method, path }) => `${method} ${path}`);
    expect(paths).toContain('POST /join/v1/agents');
    return Promise.resolve();
  },
}));
