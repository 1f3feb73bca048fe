import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll } from '@jest/globals';
import { createRealEnv } from '@timonel/core';
import { issueIdentity, makeAuthority, nodeProfile, writeCertificateFile, writeIdentity } from '@timonel/sdk/pki';
import { pluginSuite } from '@timonel/testkit';
import plugin from './index.ts';

const pkiDirectory = mkdtempSync(join(tmpdir(), 'timonel-node-certificate-'));
const env = createRealEnv();

beforeAll(async () => {
  const authority = await makeAuthority(env);
  await writeCertificateFile(pkiDirectory, 'ca', authority.certificatePem);
  await writeIdentity(pkiDirectory, 'node', await issueIdentity(env, authority, nodeProfile('n1', [])));
});
afterAll(() => rmSync(pkiDirectory, { recursive: true, force: true }));

// Nobody listens there: what happens with servers is tested against real ones.
const config = { servers: ['https://127.0.0.1:1'], pkiDirectory };

pluginSuite('node-certificate', () => ({
  entry: { definition: plugin, source: 'built-in', config },
  dependencies: [],
}));
