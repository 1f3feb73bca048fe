/** A node whose certificate lives for seconds, on real API servers: it is renewed while connections are open. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, it } from '@jest/globals';
import { createRealEnv } from '@timonel/core';
import { callJoin, joinPaths, type ServersAnswer } from '@timonel/sdk/join';
import {
  issueIdentity,
  keepAuthority,
  nodeProfile,
  readCertificate,
  readIdentity,
  writeIdentity,
} from '@timonel/sdk/pki';
import { startTestKernel } from '@timonel/testkit';
import authCertificate from '@timonel/plugin-auth-certificate';
import clusterJoin from '@timonel/plugin-cluster-join';
import nodeCertificate from '@timonel/plugin-node-certificate';
import { startApiServer } from '../support/api-server.ts';
import { until } from '../support/until.ts';

const env = createRealEnv();
const ended: (() => Promise<unknown> | void)[] = [];
afterEach(async () => {
  for (const end of ended.splice(0).reverse()) await end();
});

it('is renewed in time, by whichever server answers, and goes on to be let in', async () => {
  const pki = mkdtempSync(join(tmpdir(), 'timonel-renew-'));
  ended.push(() => rmSync(pki, { recursive: true, force: true }));
  const authority = await keepAuthority(env, pki);
  const lifetimeMs = 10_000;
  const server = await startApiServer({
    plugins: [authCertificate, clusterJoin],
    apiserver: { pki: { directory: pki } },
    config: {
      'cluster-join': {
        name: 'a',
        memberId: 'm1',
        url: 'https://127.0.0.1:9',
        pkiDirectory: pki,
        clusterCidr: '10.244.0.0/16',
        serviceCidr: '10.96.0.0/16',
        certificateLifetimeMs: lifetimeMs,
      },
    },
  });
  ended.push(() => server.stop());
  const first = await issueIdentity(env, authority, nodeProfile('n1', ['10.0.0.9'], lifetimeMs));
  await writeIdentity(pki, 'node', first);
  const servers = ['https://127.0.0.1:1', server.url];
  const node = await startTestKernel({
    plugins: [nodeCertificate],
    config: {
      'node-certificate': { servers, pkiDirectory: pki, addresses: ['10.0.0.9'], checkPeriodMs: 200, retryMs: 100 },
    },
  });
  ended.push(() => node.stop());
  const seen = new Set<string>();
  // Longer than one certificate lives: all the while the file holds one that is let in.
  await until(
    async () => {
      const identity = await readIdentity(pki, 'node');
      if (identity === undefined) throw new Error('the certificate is gone');
      expect(identity.keyPem).toBe(first.keyPem);
      const peer = { server: server.url, ca: authority.certificatePem, env, timeoutMs: 5000, identity };
      const shape = { texts: [], lists: ['servers'] } as const;
      await callJoin<ServersAnswer>(peer, 'GET', joinPaths.servers, undefined, shape);
      seen.add(readCertificate(identity.certificatePem).fingerprint);
      return seen.size >= 3;
    },
    { what: 'two renewals', timeoutMs: 45_000, abortOnThrow: true },
  );
  expect(readCertificate((await readIdentity(pki, 'node'))?.certificatePem ?? '')).toMatchObject({
    commonName: 'system:node:n1',
    organizations: ['system:nodes'],
    names: ['n1', '10.0.0.9'],
  });
}, 60_000);
