import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createRealEnv } from '@timonel/core';
import { issueIdentity, makeAuthority, nodeProfile, writeCertificateFile } from '@timonel/sdk/pki';
import { certificateChecks } from './certificates.ts';

const env = createRealEnv();
const dayMs = 86_400_000;
let dataDir: string;
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'timonel-doctor-'));
});
afterEach(() => rmSync(dataDir, { recursive: true, force: true }));

describe('certificates of a data directory', () => {
  it('are of no interest before there are any', () => {
    expect(certificateChecks(dataDir, Date.now())).toEqual([]);
  });

  it('are shown with their end; what should have been renewed, and what is over, with what to do', async () => {
    const authority = await makeAuthority(env);
    const node = await issueIdentity(env, authority, nodeProfile('n1', []));
    await writeCertificateFile(join(dataDir, 'pki'), 'ca', authority.certificatePem);
    await writeCertificateFile(join(dataDir, 'pki'), 'node', node.certificatePem);
    const at = (days: number) =>
      certificateChecks(dataDir, Date.now() + days * dayMs + 3_600_000).map(({ name, ok, optional, detail, fix }) => ({
        name,
        state: ok ? 'ok' : optional ? 'soon' : 'over',
        detail,
        fix,
      }));
    // Renewed when a third of a year is left, so that it is fine with 100 days, and not with 50.
    expect(at(265)).toMatchObject([
      { name: 'certificate ca', state: 'ok' },
      { name: 'certificate node', state: 'ok', detail: expect.stringMatching(/^until \d{4}-\d\d-\d\d, 99 days$/) },
    ]);
    expect(at(315)[1]).toMatchObject({ state: 'soon', fix: expect.stringContaining('events of the node') });
    expect(at(366)[1]).toMatchObject({ state: 'over', fix: expect.stringContaining('timonel agent --token') });
    expect(at(3300)[0]).toMatchObject({ state: 'soon', fix: expect.stringContaining('rotate-ca') });
    writeFileSync(join(dataDir, 'pki', 'ca.crt'), 'damaged');
    expect(at(0)[0]).toMatchObject({ state: 'over', detail: expect.stringContaining('ca.crt cannot be read') });
  });
});
