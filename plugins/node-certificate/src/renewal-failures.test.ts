/** What a node says when nobody renews its certificate: an event of the node, a metric, and what to do. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createRealEnv } from '@timonel/core';
import type { Env } from '@timonel/sdk';
import { apiClient, type ApiClient } from '@timonel/sdk/contracts/api';
import { JoinError } from '@timonel/sdk/join';
import type { CoreEvent } from '@timonel/sdk/kube';
import {
  issueIdentity,
  makeAuthority,
  nodeProfile,
  writeCertificateFile,
  writeIdentity,
  type Identity,
} from '@timonel/sdk/pki';
import { createRecordingLogger, fakeService, startTestKernel, until } from '@timonel/testkit';
import { CertificateKeeper, type RenewalProblem } from './certificate-keeper.ts';
import plugin from './index.ts';

const env = createRealEnv();
const dayMs = 86_400_000;
const later = (ms: number): Env => ({ ...env, clock: { ...env.clock, now: () => env.clock.now() + ms } });
let pkiDirectory: string;
let authority: Identity;

beforeEach(async () => {
  pkiDirectory = mkdtempSync(join(tmpdir(), 'timonel-node-certificate-'));
  authority = await makeAuthority(env);
  await writeCertificateFile(pkiDirectory, 'ca', authority.certificatePem);
});
afterEach(() => rmSync(pkiDirectory, { recursive: true, force: true }));

async function problemAt(env_: Env, error: Error): Promise<RenewalProblem | undefined> {
  const seen: (RenewalProblem | undefined)[] = [];
  const keeper = new CertificateKeeper({
    servers: ['https://127.0.0.1:1'],
    pkiDirectory,
    addresses: [],
    checkPeriodMs: 3_600_000,
    retryMs: 60_000,
    requestTimeoutMs: 1000,
    file: join(pkiDirectory, 'servers.json'),
    env: env_,
    log: createRecordingLogger(),
    signal: new AbortController().signal,
    onOutcome: (problem) => seen.push(problem),
    call: () => Promise.reject(error),
  });
  expect(await keeper.look()).toBe(60_000);
  return seen[0];
}

describe('a certificate that nobody renews', () => {
  it('is of no concern as long as it is not due, and then is', async () => {
    await writeIdentity(pkiDirectory, 'node', await issueIdentity(env, authority, nodeProfile('n1', [])));
    const away = new JoinError('ERR_JOIN_UNREACHABLE', 'nobody answers');
    expect(await problemAt(env, away)).toMatchObject({ isDue: false, nodeName: 'n1', message: 'nobody answers' });
    expect(await problemAt(later(300 * dayMs), away)).toMatchObject({ isDue: true, message: 'nobody answers' });
    const over = await problemAt(later(366 * dayMs), away);
    expect(over?.message).toMatch(/^the certificate of this node has expired at .*timonel agent --token TOKEN/);
    const unknown = new JoinError('ERR_JOIN_REFUSED', 'Unauthorized', { status: 401 });
    expect((await problemAt(env, unknown))?.message).toMatch(/replaced the authority .*timonel agent --token TOKEN/);
  });

  it('is told by an event of the node', async () => {
    const stranger = await makeAuthority(env);
    // As good as due: the authority that is believed has not signed it.
    await writeIdentity(pkiDirectory, 'node', await issueIdentity(env, stranger, nodeProfile('n1', [])));
    const events: CoreEvent[] = [];
    const api: Partial<ApiClient> = {
      create: (_type, object) => {
        events.push(object as unknown as CoreEvent);
        return Promise.resolve(object);
      },
    };
    const kernel = await startTestKernel({
      plugins: [plugin, fakeService(apiClient, api)],
      config: { 'node-certificate': { servers: ['https://127.0.0.1:1'], pkiDirectory } },
    });
    try {
      await until(() => events.length > 0, { what: 'the event' });
      expect(events[0]).toMatchObject({
        type: 'Warning',
        reason: 'CertificateRenewalFailed',
        involvedObject: { kind: 'Node', name: 'n1' },
        message: expect.stringMatching(
          /^the certificate of this node ends at 20.*could not be renewed: .*ECONNREFUSED/,
        ),
      });
    } finally {
      await kernel.stop();
    }
  });
});
