import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from '@jest/globals';
import { apiClient, type ApiClient } from '@timonel/sdk/contracts/api';
import { nodeParts } from '@timonel/sdk/contracts/node-parts';
import { volumeDrivers, volumeKinds } from '@timonel/sdk/contracts/volume';
import { ApiError } from '@timonel/sdk/kube';
import { fakeService, pluginSuite } from '@timonel/testkit';
import plugin from './index.ts';

const noApi: Partial<ApiClient> = {
  get: () => Promise.reject(new ApiError('NotFound', 'there is nothing')),
  create: (_type, object) => Promise.resolve(object),
};
const kubeletDirectory = mkdtempSync(join(tmpdir(), 'timonel-csi-'));
afterAll(() => rmSync(kubeletDirectory, { recursive: true, force: true }));

pluginSuite('volumes-csi', () => ({
  entry: { definition: plugin, source: 'built-in', config: { nodeName: 'node-1', kubeletDirectory } },
  dependencies: [fakeService(apiClient, noApi)],
  load: async (kernel) => {
    const volume = { metadata: { name: 'v' }, spec: { csi: { driver: 'd', volumeHandle: 'h' } } };
    const drivers = kernel.service(volumeDrivers).all();
    if (!drivers.some(({ service }) => service.supports(volume))) throw new Error('it mounts no CSI volumes');
    const kinds = kernel.service(volumeKinds).all();
    if (!kinds.some(({ service }) => service.keys().includes('csi'))) throw new Error('it serves no inline volumes');
    if (kernel.service(nodeParts).all().length === 0) throw new Error('it does not say what is in use');
  },
}));
