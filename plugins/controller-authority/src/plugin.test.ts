import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect } from '@jest/globals';
import { createRealEnv } from '@timonel/core';
import { apiClient, type ApiClient } from '@timonel/sdk/contracts/api';
import { routeProvider } from '@timonel/sdk/contracts/api-server';
import { store, type Store } from '@timonel/sdk/contracts/store';
import { keepAuthority } from '@timonel/sdk/pki';
import { fakeService, pluginSuite } from '@timonel/testkit';
import plugin from './index.ts';

const pkiDirectory = mkdtempSync(join(tmpdir(), 'timonel-authority-'));
beforeAll(() => keepAuthority(createRealEnv(), pkiDirectory));
afterAll(() => rmSync(pkiDirectory, { recursive: true, force: true }));

const emptyApi: Partial<ApiClient> = {
  list: () => Promise.resolve({ metadata: { resourceVersion: '1' }, items: [] }),
};
const emptyStore: Partial<Store> = {
  get: () => Promise.resolve({ kv: undefined, revision: 1 }),
  range: () => Promise.resolve({ kvs: [], more: false, count: 0, revision: 1 }),
  txn: () => Promise.resolve({ succeeded: true, revision: 2, results: [] }),
};

pluginSuite('controller-authority', () => ({
  entry: { definition: plugin, source: 'built-in', config: { pkiDirectory } },
  dependencies: [fakeService(apiClient, emptyApi), fakeService(store, emptyStore)],
  load: (kernel) => {
    const paths = kernel
      .service(routeProvider)
      .all()
      .flatMap(({ service }) => service.routes())
      .map(({ method, path }) => `${method} ${path}`);
    expect(paths).toContain('POST /apis/certificates.timonel.dev/v1/rotate');
    return Promise.resolve();
  },
}));
