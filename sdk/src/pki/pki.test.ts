import { createPrivateKey, X509Certificate } from 'node:crypto';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer, connect, type TLSSocket } from 'node:tls';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { Env } from '@timonel/sdk';
import { createRealEnv } from '@timonel/core';
import {
  isPair,
  isRenewalDue,
  isSignedBy,
  issueIdentity,
  keepAuthority,
  keepIdentity,
  makeAuthority,
  makePrivateKey,
  makeSigningRequest,
  readCertificate,
  readAuthority,
  readIdentity,
  readSigningRequest,
  signRequest,
  writeIdentity,
  type Identity,
} from './index.ts';

const real = createRealEnv();
const later = (ms: number): Env => ({ ...real, clock: { ...real.clock, now: () => real.clock.now() + ms } });
let authority: Identity;
let directory: string;

beforeAll(async () => {
  authority = await makeAuthority(real);
});
beforeEach(async () => {
  directory = join(await mkdtemp(join(tmpdir(), 'timonel-pki-')), 'pki');
});
afterEach(() => rm(join(directory, '..'), { recursive: true, force: true }));

const nodeProfile = {
  commonName: 'system:node:a',
  organizations: ['system:nodes'],
  names: ['a', '10.0.0.1', 'fd00::1'],
  usages: ['client', 'server'] as const,
};

describe('issuing', () => {
  it('says what the profile says, signed by the authority, with a key that fits', async () => {
    const identity = await issueIdentity(real, authority, { ...nodeProfile, lifetimeMs: 60_000 });
    const facts = readCertificate(identity.certificatePem);
    expect(facts).toMatchObject({
      commonName: 'system:node:a',
      organizations: ['system:nodes'],
      names: ['a', '10.0.0.1', 'fd00::1'],
      isAuthority: false,
    });
    expect(Math.abs(facts.notAfter - real.clock.now() - 60_000)).toBeLessThan(5000);
    expect(isPair(identity)).toBe(true);
    expect(isPair({ ...identity, keyPem: await makePrivateKey() })).toBe(false);
    expect(isSignedBy(identity.certificatePem, authority.certificatePem)).toBe(true);
    expect(isSignedBy(identity.certificatePem, (await makeAuthority(real)).certificatePem)).toBe(false);
    expect(new X509Certificate(identity.certificatePem).keyUsage).toEqual(['1.3.6.1.5.5.7.3.2', '1.3.6.1.5.5.7.3.1']);
  });

  it('takes a name with separators for one name', async () => {
    const { certificatePem } = await issueIdentity(real, authority, {
      commonName: 'x, O=system:masters',
      organizations: ['a+O=b', 'c'],
      usages: ['client'],
    });
    expect(readCertificate(certificatePem)).toMatchObject({
      commonName: 'x, O=system:masters',
      organizations: ['a+O=b', 'c'],
    });
  });

  it('takes a DNS name with separators for one name', async () => {
    const names = ['a, DNS:b', 'c "d"', 'fd00:0:0:1::2'];
    const { certificatePem } = await issueIdentity(real, authority, { ...nodeProfile, names });
    expect(readCertificate(certificatePem).names).toEqual(['a, DNS:b', 'c "d"', 'fd00:0:0:1::2']);
  });

  it('does not outlive the authority', async () => {
    const short = await makeAuthority(real, { lifetimeMs: 10_000 });
    const identity = await issueIdentity(real, short, nodeProfile);
    expect(readCertificate(identity.certificatePem).notAfter).toBe(readCertificate(short.certificatePem).notAfter);
  });

  it('is due when less than a third of the life is left', async () => {
    const { certificatePem } = await issueIdentity(real, authority, { ...nodeProfile, lifetimeMs: 900_000 });
    const facts = readCertificate(certificatePem);
    expect(isRenewalDue(facts, facts.notAfter - 340_000)).toBe(false);
    expect(isRenewalDue(facts, facts.notAfter - 300_000)).toBe(true);
    expect(isRenewalDue(facts, facts.notAfter + 1)).toBe(true);
  });

  it('works between two sides that ask each other for certificates', async () => {
    const server = await issueIdentity(real, authority, nodeProfile);
    const client = await issueIdentity(real, authority, { commonName: 'me', organizations: ['x'], usages: ['client'] });
    const ca = authority.certificatePem;
    const seen = new Promise<string>((resolve, reject) => {
      const listener = createServer(
        { key: server.keyPem, cert: server.certificatePem, ca, requestCert: true, rejectUnauthorized: true },
        (socket: TLSSocket) => {
          resolve(readCertificate(socket.getPeerCertificate().raw).commonName);
          socket.end();
          listener.close();
        },
      );
      listener.on('tlsClientError', reject);
      listener.listen(0, '127.0.0.1', () => {
        const { port } = listener.address() as AddressInfo;
        connect({ port, host: '127.0.0.1', servername: 'a', ca, key: client.keyPem, cert: client.certificatePem })
          .on('error', reject)
          .resume();
      });
    });
    expect(await seen).toBe('me');
  });
});

describe('signing requests', () => {
  it('prove possession; the certificate says what the signer wants', async () => {
    const keyPem = await makePrivateKey();
    const requestPem = await makeSigningRequest(keyPem, {
      commonName: 'evil',
      organizations: ['system:masters'],
      names: ['b', '10.0.0.2'],
    });
    const request = await readSigningRequest(requestPem);
    expect(request).toMatchObject({ commonName: 'evil', organizations: ['system:masters'], names: ['b', '10.0.0.2'] });
    const certificatePem = await signRequest(real, authority, requestPem, nodeProfile);
    expect(isPair({ certificatePem, keyPem })).toBe(true);
    const facts = readCertificate(certificatePem);
    expect(facts).toMatchObject({ commonName: 'system:node:a', organizations: ['system:nodes'] });
    expect(facts.publicKeyFingerprint).toBe(request.publicKeyFingerprint);
  });

  it('are refused when the signature is not by the key, and when they are no requests', async () => {
    const pem = await makeSigningRequest(await makePrivateKey(), { commonName: 'a' });
    const der = Buffer.from(pem.replaceAll(/-----.*-----|\s/g, ''), 'base64');
    // The name is signed too: another letter breaks the proof.
    const at = der.indexOf(Buffer.from([0x55, 0x04, 0x03])) + 5;
    der[at] = 0x62;
    const forged = `-----BEGIN CERTIFICATE REQUEST-----\n${der.toString('base64')}\n-----END CERTIFICATE REQUEST-----\n`;
    for (const bad of [forged, '', 'x', 'a'.repeat(20_000), authority.certificatePem]) {
      await expect(readSigningRequest(bad)).rejects.toMatchObject({ code: 'ERR_PKI_REQUEST' });
    }
  });
});

describe('files', () => {
  it('are made once, with private keys for their owner only', async () => {
    const kept = await keepAuthority(real, directory);
    expect(await keepAuthority(real, directory)).toEqual(kept);
    const first = await keepIdentity(real, directory, 'node', kept, nodeProfile);
    expect(first.renewed).toBe(true);
    expect(await keepIdentity(real, directory, 'node', kept, nodeProfile)).toEqual({ ...first, renewed: false });
    expect(await readIdentity(directory, 'node')).toEqual(first.identity);
    for (const name of ['ca.key', 'node.key']) expect((await stat(join(directory, name))).mode & 0o777).toBe(0o600);
    expect(createPrivateKey(first.identity.keyPem).asymmetricKeyType).toBe('ec');
  });

  it('are renewed with the same key when time, names or authority demand it', async () => {
    const kept = await keepAuthority(real, directory);
    const { identity } = await keepIdentity(real, directory, 'node', kept, nodeProfile);
    for (const [env, signer, profile] of [
      [later(300 * 86_400_000), kept, nodeProfile],
      [real, kept, { ...nodeProfile, names: [...nodeProfile.names, 'b'] }],
      [real, kept, { ...nodeProfile, organizations: ['other'] }],
      [real, authority, nodeProfile],
      [real, kept, { ...nodeProfile, lifetimeMs: 100 * 86_400_000 }],
    ] as const) {
      await writeIdentity(directory, 'node', identity);
      const again = await keepIdentity(env, directory, 'node', signer, profile);
      expect(again.renewed).toBe(true);
      expect(again.identity.keyPem).toBe(identity.keyPem);
      expect(isPair(again.identity)).toBe(true);
      expect(await readIdentity(directory, 'node')).toEqual(again.identity);
    }
  });

  it('a pair that a crash tore is made anew; a damaged file is left alone', async () => {
    const kept = await keepAuthority(real, directory);
    await keepIdentity(real, directory, 'node', kept, nodeProfile);
    await writeFile(join(directory, 'node.key'), await makePrivateKey());
    const again = await keepIdentity(real, directory, 'node', kept, nodeProfile);
    expect(isPair(again.identity)).toBe(true);
    await writeFile(join(directory, 'node.crt'), 'damaged');
    await expect(keepIdentity(real, directory, 'node', kept, nodeProfile)).rejects.toMatchObject({
      code: 'ERR_PKI_FILE',
      message: expect.stringContaining('remove node.crt and node.key'),
    });
    expect(await readFile(join(directory, 'node.crt'), 'utf8')).toBe('damaged');
  });

  it('an authority is never replaced by itself', async () => {
    const kept = await keepAuthority(real, directory, { lifetimeMs: 60_000 });
    await expect(keepAuthority(later(120_000), directory)).rejects.toMatchObject({ code: 'ERR_PKI_FILE' });
    await rm(join(directory, 'ca.key'));
    await expect(keepAuthority(real, directory)).rejects.toThrow('ca.key is missing');
    expect(await readFile(join(directory, 'ca.crt'), 'utf8')).toBe(kept.certificatePem);
  });

  it('an authority is made at the first start alone: where something was signed, one that is gone is missed', async () => {
    await expect(readAuthority(real, directory)).rejects.toThrow('ca.crt is gone');
    const kept = await keepAuthority(real, directory);
    await keepIdentity(real, directory, 'node', kept, nodeProfile);
    for (const name of ['ca.crt', 'ca.key']) {
      await rm(join(directory, name));
      await expect(keepAuthority(real, directory)).rejects.toMatchObject({
        code: 'ERR_PKI_FILE',
        message: expect.stringMatching(/ca\.crt is gone: .*another server.*every certificate/),
      });
      if (name === 'ca.crt') expect(await readFile(join(directory, 'ca.key'), 'utf8')).toBe(kept.keyPem);
    }
    await rm(join(directory, 'node.crt'));
    expect((await keepAuthority(real, directory)).certificatePem).not.toBe(kept.certificatePem);
  });

  it('a first start that was cut off goes on with the key that it has made', async () => {
    const kept = await keepAuthority(real, directory);
    await rm(join(directory, 'ca.crt'));
    await writeFile(join(directory, 'ca.crt.new'), 'half');
    await writeFile(join(directory, 'ca.key'), 'half');
    await expect(keepAuthority(real, directory)).rejects.toMatchObject({ code: 'ERR_PKI_FILE' });
    await writeFile(join(directory, 'ca.key'), kept.keyPem);
    const again = await keepAuthority(real, directory);
    expect([again.keyPem, isPair(again)]).toEqual([kept.keyPem, true]);
    await rm(join(directory, 'ca.crt'));
    await writeFile(join(directory, 'master.key'), 'a sign of a life before');
    await expect(keepAuthority(real, directory)).rejects.toThrow('ca.crt is gone');
  });
});
