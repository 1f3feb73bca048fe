import { X509Certificate } from 'node:crypto';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createRealEnv } from '@timonel/core';
import type { Env } from '@timonel/sdk';
import { certificateLifetimeMs } from '@timonel/sdk/pki';
import { authorityIn } from './authority.ts';
import { renewedCertificate, servingCertificate, type ServingCertificate } from './certificates.ts';

const env = createRealEnv();
let directory: string;

beforeEach(async () => {
  directory = join(await mkdtemp(join(tmpdir(), 'timonel-pki-')), 'pki');
});
afterEach(async () => {
  await rm(join(directory, '..'), { recursive: true, force: true });
});

function laterBy(days: number): Env {
  const { clock } = env;
  return { ...env, clock: { ...clock, now: () => clock.now() + days * 86_400_000 } };
}

const serving = (names: readonly string[], at: Env): Promise<ServingCertificate> =>
  servingCertificate({ directory, names, lifetimeMs: certificateLifetimeMs, env: at });

describe('servingCertificate', () => {
  it('makes a certificate for the names, signed by its own authority, with private keys', async () => {
    const made = await serving(['localhost', '127.0.0.1', '::1'], env);
    const certificate = new X509Certificate(made.certificatePem);
    const authority = new X509Certificate(made.authorityPem);
    expect(certificate.verify(authority.publicKey)).toBe(true);
    expect(authority.ca).toBe(true);
    expect(certificate.checkHost('localhost')).toBe('localhost');
    expect(certificate.checkIP('127.0.0.1')).toBe('127.0.0.1');
    expect(certificate.checkIP('::1')).toBe('::1');
    for (const file of ['ca.key', 'apiserver.key'])
      expect((await stat(join(directory, file))).mode & 0o777).toBe(0o600);
  });

  it('is used again, until names or time demand another; the authority stays', async () => {
    const first = await serving(['localhost'], env);
    expect(await serving(['localhost'], env)).toEqual(first);
    const renamed = await serving(['localhost', 'extra.example'], env);
    expect(renamed.authorityPem).toBe(first.authorityPem);
    expect(renamed.certificatePem).not.toBe(first.certificatePem);
    expect(await serving(['localhost'], env)).toEqual(renamed);
    const renewed = await serving(['localhost'], laterBy(340));
    expect(renewed.certificatePem).not.toBe(renamed.certificatePem);
    expect(renewed.authorityPem).toBe(first.authorityPem);
  });

  it('says what to do about a damaged file, and leaves it alone', async () => {
    await serving(['localhost'], env);
    await writeFile(join(directory, 'apiserver.crt'), 'damaged');
    await expect(serving(['localhost'], env)).rejects.toThrow('remove apiserver.crt and apiserver.key');
    expect(await readFile(join(directory, 'apiserver.crt'), 'utf8')).toBe('damaged');
  });

  it('makes an authority at the start alone: while the server runs, one that is gone is missed', async () => {
    const options = { directory, names: ['localhost'], lifetimeMs: certificateLifetimeMs, env };
    const first = await servingCertificate(options);
    expect(await renewedCertificate(options)).toEqual(first);
    await rm(directory, { recursive: true });
    await expect(renewedCertificate(options)).rejects.toThrow('ca.crt is gone');
    const subject = { commonName: 'a', organizations: [], names: [], usages: ['client' as const], lifetimeMs: 1000 };
    await expect(authorityIn(env, directory).sign('', subject)).rejects.toThrow('ca.crt is gone');
    await expect(stat(directory)).rejects.toThrow('ENOENT');
  });
});
