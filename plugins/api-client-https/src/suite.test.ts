import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll } from '@jest/globals';
import { apiClient } from '@timonel/sdk/contracts/api';
import { configMaps } from '@timonel/sdk/kube';
import { pluginSuite } from '@timonel/testkit';
import plugin from './index.ts';
import { FakeMaster, makePki, sendJson } from './testing/fake-masters.ts';

const directory = mkdtempSync(join(tmpdir(), 'timonel-client-'));
const file = (name: string): string => join(directory, name);
const config = { servers: ['https://127.0.0.1:1'], caFile: file('ca'), certFile: file('crt'), keyFile: file('key') };
let master: FakeMaster;

beforeAll(async () => {
  const pki = await makePki('system:node:a');
  writeFileSync(config.caFile, pki.authority.certificatePem);
  writeFileSync(config.certFile, pki.client.certificatePem);
  writeFileSync(config.keyFile, pki.client.keyPem);
  master = await new FakeMaster(pki.server, pki.authority, (_request, response) => {
    sendJson(response, 200, { metadata: { name: 'x' } });
  }).open();
  config.servers = [master.url];
});
afterAll(async () => {
  await master.close();
  rmSync(directory, { recursive: true, force: true });
});

pluginSuite('api-client-https', () => ({
  entry: { definition: plugin, source: 'built-in', config },
  dependencies: [],
  async load(kernel) {
    const object = await kernel.service(apiClient).get(configMaps, { namespace: 'default', name: 'x' });
    if (object.metadata.name !== 'x') throw new Error('another object came');
  },
}));
