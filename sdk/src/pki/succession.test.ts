import { createServer, connect, type SecureContextOptions, type TLSSocket } from 'node:tls';
import type { AddressInfo } from 'node:net';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { Env } from '@timonel/sdk';
import { createRealEnv } from '@timonel/core';
import {
  bundleOf,
  certificatesOf,
  isBelieved,
  isSignedBy,
  isSuccessor,
  issueIdentity,
  keepAuthority,
  keepMasterKey,
  keepSharedSigningKey,
  makeAuthority,
  makeSuccessor,
  readAuthorities,
  readCertificate,
  secretFromKey,
  signerOf,
  writeAuthority,
  type Identity,
  type Successor,
} from './index.ts';

const real = createRealEnv();
const later = (ms: number): Env => ({ ...real, clock: { ...real.clock, now: () => real.clock.now() + ms } });
const dayMs = 86_400_000;
const profile = { commonName: 'localhost', names: ['localhost'], usages: ['client', 'server'] as const };
const fingerprintOf = (pem: string): string => readCertificate(pem).publicKeyFingerprint;
let first: Identity;
let second: Successor;
let third: Successor;
let directory: string;

beforeAll(async () => {
  first = await makeAuthority(real);
  second = await makeSuccessor(real, first);
  third = await makeSuccessor(later(dayMs), second.authority);
});
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'timonel-succession-'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

/** Who accepts whom when both ends show a certificate and believe the other's. */
async function shakeHands(server: SecureContextOptions, client: SecureContextOptions): Promise<[boolean, boolean]> {
  const listener = createServer({ ...server, requestCert: true, rejectUnauthorized: false, maxVersion: 'TLSv1.3' });
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
  const seen = new Promise<boolean>((resolve) =>
    listener.once('secureConnection', (socket: TLSSocket) => {
      resolve(socket.authorized);
      socket.on('error', () => undefined);
      socket.end();
    }),
  );
  const { port } = listener.address() as AddressInfo;
  const socket = connect({ port, host: '127.0.0.1', servername: 'localhost', rejectUnauthorized: false, ...client });
  await new Promise<void>((resolve) => socket.once('secureConnect', resolve));
  const both: [boolean, boolean] = [await seen, socket.authorized];
  socket.destroy();
  await new Promise((resolve) => listener.close(resolve));
  return both;
}

describe('an authority and its successor', () => {
  const issued = (authority: Identity, chainPem = ''): Promise<Identity> =>
    issueIdentity(real, { ...authority, chainPem }, profile);
  const tls = ({ certificatePem: cert, keyPem: key }: Identity, ca: string): SecureContextOptions => ({
    cert,
    key,
    ca,
  });

  it('are believed by one another’s clients and servers, the new one also by those who know only the old one', async () => {
    const [old, next] = [first.certificatePem, second.authority.certificatePem];
    const byOld = await issued(first);
    const byNew = await issued(second.authority, second.linkPem);
    const bare = await issued(second.authority);
    for (const ca of [old, old + next, next + old]) {
      expect(await shakeHands(tls(byNew, next + old), tls(byOld, ca))).toEqual([true, true]);
      expect(await shakeHands(tls(byOld, ca), tls(byNew, next + old))).toEqual([true, true]);
    }
    // Retired: what the old one signed counts no more, and the new one's certificates go on to be believed.
    expect(await shakeHands(tls(byNew, next), tls(byOld, old))).toEqual([false, true]);
    expect(await shakeHands(tls(byNew, next), tls(byNew, next))).toEqual([true, true]);
    expect(await shakeHands(tls(bare, next), tls(byNew, old))).toEqual([true, false]);
  });

  it('are judged the same without a connection, at any time', async () => {
    const now = real.clock.now();
    const byNew = (await issued(second.authority, second.linkPem)).certificatePem;
    const byOld = (await issued(first)).certificatePem;
    const [old, next] = [first.certificatePem, second.authority.certificatePem];
    expect([isBelieved(byNew, old, now), isBelieved(byNew, next, now), isBelieved(byOld, old, now)]).toEqual([
      true,
      true,
      true,
    ]);
    expect(isBelieved(byOld, next, now)).toBe(false);
    expect(isBelieved(certificatesOf(byNew)[0] ?? '', old, now)).toBe(false);
    expect(isBelieved(byNew, next, now + 366 * dayMs)).toBe(false);
    expect(isBelieved(byNew, next, now - 10 * dayMs)).toBe(false);
    // A certificate that is no authority's vouches for nobody.
    const leaf = await issued(first);
    const forged = await issueIdentity(real, leaf, profile);
    expect(isBelieved(forged.certificatePem + leaf.certificatePem, old, now)).toBe(false);
  });

  it('are known as the same cluster’s by their signatures, also after several', () => {
    const links = third.linkPem + second.linkPem;
    const [a, b, c] = [first, second.authority, third.authority].map(({ certificatePem }) => certificatePem) as [
      string,
      string,
      string,
    ];
    expect(isSuccessor(fingerprintOf(c), a, links)).toBe(true);
    expect(isSuccessor(fingerprintOf(b), a, links)).toBe(true);
    expect(isSuccessor(fingerprintOf(c), b, third.linkPem)).toBe(true);
    expect(isSuccessor(fingerprintOf(a), a, '')).toBe(true);
    expect(isSuccessor(fingerprintOf(c), a, third.linkPem)).toBe(false);
    expect(isSuccessor(fingerprintOf(a), c, links)).toBe(false);
  });

  it('a certificate that is no authority’s is no link, neither the last nor one in between', async () => {
    const node = await issued(first);
    expect(isSuccessor(fingerprintOf(node.certificatePem), first.certificatePem, node.certificatePem)).toBe(false);
    const heir = await makeSuccessor(real, node);
    const links = heir.linkPem + node.certificatePem;
    expect(isSuccessor(fingerprintOf(heir.authority.certificatePem), first.certificatePem, links)).toBe(false);
  });

  it('a stranger who copies the names is no successor', async () => {
    const stranger = await makeSuccessor(real, await makeAuthority(real));
    const links = stranger.linkPem + second.linkPem;
    expect(isSuccessor(fingerprintOf(stranger.authority.certificatePem), first.certificatePem, links)).toBe(false);
  });
});

describe('the files of an authority', () => {
  const next = () => second.authority;
  const bundle = (...of: readonly Identity[]): string => of.map(({ certificatePem }) => certificatePem).join('');

  it('lead from one authority to the next, whatever is cut off in between', async () => {
    await writeAuthority(directory, { bundle: bundle(first), keyPem: first.keyPem, succession: '' });
    expect(await writeAuthority(directory, { bundle: bundle(first), keyPem: first.keyPem, succession: '' })).toBe(
      false,
    );
    const both = bundle(first, next());
    await writeAuthority(directory, { bundle: both, keyPem: first.keyPem, succession: second.linkPem });
    const trusting = await keepAuthority(real, directory);
    expect(trusting).toEqual({ certificatePem: both, keyPem: first.keyPem, chainPem: '' });
    const certificate = async (): Promise<string> =>
      (await issueIdentity(real, await keepAuthority(real, directory), profile)).certificatePem;
    expect(signerOf(await certificate(), both)).toBe(first.certificatePem);
    // As after a crash between the key and ca.crt.
    await writeFile(join(directory, 'ca.key'), next().keyPem);
    expect(await keepAuthority(real, directory)).toEqual({
      certificatePem: bundle(next(), first),
      keyPem: next().keyPem,
      chainPem: second.linkPem,
    });
    await writeAuthority(directory, {
      bundle: bundle(next(), first),
      keyPem: next().keyPem,
      succession: second.linkPem,
    });
    expect(isSignedBy(await certificate(), next().certificatePem)).toBe(true);
    expect(certificatesOf(await certificate())).toHaveLength(2);
    await writeAuthority(directory, { bundle: bundle(next()), keyPem: next().keyPem, succession: second.linkPem });
    expect(await readAuthorities(directory)).toBe(bundle(next()));
  });

  it('take over from another one in a single call: whoever reads meanwhile finds one that signs', async () => {
    const [one, other] = [
      { bundle: bundle(first), keyPem: first.keyPem, succession: '' },
      { bundle: bundle(next()), keyPem: next().keyPem, succession: second.linkPem },
    ];
    await writeAuthority(directory, one);
    const over = new AbortController();
    const reading = (async () => {
      const seen = new Set<string>();
      while (!over.signal.aborted) seen.add((await keepAuthority(real, directory)).keyPem);
      return seen;
    })();
    for (let round = 0; round < 10; round++) {
      await writeAuthority(directory, other);
      await writeAuthority(directory, one);
    }
    over.abort();
    expect((await reading).size).toBe(2);
    expect((await keepAuthority(real, directory)).certificatePem).toBe(bundle(first));
  });

  it('that are damaged are named', async () => {
    await writeAuthority(directory, { bundle: bundle(first), keyPem: first.keyPem, succession: '' });
    await writeFile(
      join(directory, 'ca.crt'),
      `${first.certificatePem}-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n`,
    );
    await expect(keepAuthority(real, directory)).rejects.toMatchObject({
      code: 'ERR_PKI_FILE',
      message: expect.stringContaining('ca.crt'),
    });
    expect(() => certificatesOf(first.certificatePem.repeat(17))).toThrow('1 to 16');
    expect(bundleOf(first.certificatePem, first.certificatePem)).toBe(first.certificatePem);
  });

  it('a chain that is over goes with nothing any more', async () => {
    const short = await makeAuthority(real, { lifetimeMs: 10 * dayMs });
    const heir = await makeSuccessor(real, short);
    await writeAuthority(directory, {
      bundle: bundle(heir.authority),
      keyPem: heir.authority.keyPem,
      succession: heir.linkPem,
    });
    expect((await keepAuthority(later(9 * dayMs), directory)).chainPem).toBe(heir.linkPem);
    expect((await keepAuthority(later(11 * dayMs), directory)).chainPem).toBe('');
  });
});

describe('keys that all servers have', () => {
  it('come from the first authority, as they did before they had files, and outlive it', async () => {
    await writeAuthority(directory, { bundle: first.certificatePem, keyPem: first.keyPem, succession: '' });
    const master = await keepMasterKey(real, directory);
    expect(Buffer.from(master)).toEqual(secretFromKey(first.keyPem, 'timonel encryption at rest', 32));
    const tokens = await keepSharedSigningKey(real, directory);
    const { authority, linkPem } = second;
    await writeAuthority(directory, {
      bundle: authority.certificatePem,
      keyPem: authority.keyPem,
      succession: linkPem,
    });
    expect(Buffer.from(await keepMasterKey(real, directory))).toEqual(Buffer.from(master));
    expect((await keepSharedSigningKey(real, directory)).equals(tokens)).toBe(true);
    await rm(join(directory, 'master.key'));
    await expect(keepMasterKey(real, directory)).rejects.toThrow('master.key is gone: copy it from another server');
    await writeFile(join(directory, 'master.key'), 'short');
    await expect(keepMasterKey(real, directory)).rejects.toThrow('32 bytes as base64');
    expect(await readFile(join(directory, 'master.key'), 'utf8')).toBe('short');
  });
});
