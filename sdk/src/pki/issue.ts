/** Making authorities and certificates. */
import type { webcrypto } from 'node:crypto';
import { isIP } from 'node:net';
import type { Extension, X509Certificate } from '@peculiar/x509';
import type { Env } from '../kernel/index.ts';
import { algorithm, dateAt, keysOfPem, makeKeys, pemOf, pemOfKey } from './algorithm.ts';
import type { Authority, Identity } from './read.ts';
import { readSigningRequest } from './signing-request.ts';
import { loadX509 } from './x509-library.ts';

const dayMs = 24 * 3600 * 1000;

/** Ten years. */
export const authorityLifetimeMs: number = 3650 * dayMs;

/** A year. */
export const certificateLifetimeMs: number = 365 * dayMs;

/** Where a certificate may be shown (extended key usage serverAuth, clientAuth). */
export type CertificateUsage = 'server' | 'client';

/** What a certificate is to say. */
export interface CertificateProfile {
  /** CN. */
  readonly commonName: string;
  /** One O each. */
  readonly organizations?: readonly string[];
  /** DNS names and IP addresses for the subject alternative name. */
  readonly names?: readonly string[];
  readonly usages: readonly CertificateUsage[];
  /** Default: {@link certificateLifetimeMs}. It is cut to what is left of the authority's own life. */
  readonly lifetimeMs?: number;
}

function serialNumber(env: Env): string {
  const bytes = env.random.bytes(16);
  // Positive, and not shorter for a leading zero (RFC 5280, 4.1.2.2).
  bytes[0] = ((bytes[0] ?? 0) & 0x3f) | 0x40;
  return Buffer.from(bytes).toString('hex');
}

/** Certificates begin a while before they are made, for clocks that are behind: a day, or a tenth of a short life. */
function backdateMs(lifetimeMs: number): number {
  return Math.min(dayMs, Math.floor(lifetimeMs / 10));
}

export interface AuthorityOptions {
  readonly commonName?: string;
  /** Default: {@link authorityLifetimeMs}. */
  readonly lifetimeMs?: number;
}

/** Makes a certificate authority that signs itself. `keyPem`: an existing key to go on with; default: a new one. */
export async function makeAuthority(env: Env, options: AuthorityOptions = {}, keyPem?: string): Promise<Identity> {
  const x509 = await loadX509();
  const keys = keyPem === undefined ? await makeKeys() : await keysOfPem(keyPem);
  const now = env.clock.now();
  const lifetimeMs = options.lifetimeMs ?? authorityLifetimeMs;
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: serialNumber(env),
    name: [{ CN: [options.commonName ?? 'timonel-ca'] }],
    notBefore: dateAt(now - backdateMs(lifetimeMs)),
    notAfter: dateAt(now + lifetimeMs),
    signingAlgorithm: algorithm,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { certificatePem: pemOf(certificate), keyPem: keyPem ?? (await pemOfKey(keys.privateKey)) };
}

/** How the name of an authority begins that took over from another. */
export const rotatedAuthorityPrefix = 'timonel-ca@';

/** An authority that is to take over, and `linkPem`, by which the one of now vouches for it. */
export interface Successor {
  readonly authority: Identity;
  readonly linkPem: string;
}

/**
 * Makes the authority that is to follow `before`. Who knows only `before` believes certificates of its successor as long as `linkPem` comes with
 * them and `before` lives.
 */
export async function makeSuccessor(
  env: Env,
  before: Identity,
  options: { readonly lifetimeMs?: number } = {},
): Promise<Successor> {
  const x509 = await loadX509();
  const now = env.clock.now();
  // A name of its own: certificates name the authority that signed them.
  const commonName = `${rotatedAuthorityPrefix}${Math.floor(now / 1000)}`;
  const authority = await makeAuthority(env, { ...options, commonName });
  const issuer = new x509.X509Certificate(x509.PemConverter.decodeFirst(before.certificatePem));
  const own = new x509.X509Certificate(authority.certificatePem);
  const { publicKey } = await keysOfPem(authority.keyPem);
  const link = await x509.X509CertificateGenerator.create({
    serialNumber: serialNumber(env),
    subject: own.subjectName,
    issuer: issuer.subjectName,
    notBefore: own.notBefore,
    notAfter: dateAt(Math.min(own.notAfter.getTime(), issuer.notAfter.getTime())),
    signingAlgorithm: algorithm,
    publicKey,
    signingKey: (await keysOfPem(before.keyPem)).privateKey,
    extensions: [
      new x509.BasicConstraintsExtension(true, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.AuthorityKeyIdentifierExtension.create(issuer.publicKey),
      await x509.SubjectKeyIdentifierExtension.create(publicKey),
    ],
  });
  return { authority, linkPem: pemOf(link) };
}

const usageNames = { server: 'serverAuth', client: 'clientAuth' } as const;

async function extensionsOf(
  profile: CertificateProfile,
  publicKey: webcrypto.CryptoKey,
  authority: X509Certificate,
): Promise<Extension[]> {
  const x509 = await loadX509();
  const names = (profile.names ?? []).map((value) => ({
    type: isIP(value) === 0 ? ('dns' as const) : ('ip' as const),
    value,
  }));
  return [
    new x509.BasicConstraintsExtension(false, undefined, true),
    new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
    new x509.ExtendedKeyUsageExtension(profile.usages.map((usage) => x509.ExtendedKeyUsage[usageNames[usage]])),
    ...(names.length === 0 ? [] : [new x509.SubjectAlternativeNameExtension(names)]),
    await x509.AuthorityKeyIdentifierExtension.create(authority.publicKey),
    await x509.SubjectKeyIdentifierExtension.create(publicKey),
  ];
}

async function sign(
  env: Env,
  authority: Authority,
  publicKey: webcrypto.CryptoKey,
  profile: CertificateProfile,
): Promise<string> {
  const x509 = await loadX509();
  const issuer = new x509.X509Certificate(x509.PemConverter.decodeFirst(authority.certificatePem));
  const now = env.clock.now();
  const lifetimeMs = profile.lifetimeMs ?? certificateLifetimeMs;
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: serialNumber(env),
    // As JSON: a text would let a name with a comma say more than it should.
    subject: [
      { CN: [profile.commonName] },
      ...(profile.organizations ?? []).map((organization) => ({ O: [organization] })),
    ],
    issuer: issuer.subjectName,
    notBefore: dateAt(now - backdateMs(lifetimeMs)),
    notAfter: dateAt(Math.min(now + lifetimeMs, issuer.notAfter.getTime())),
    signingAlgorithm: algorithm,
    publicKey,
    signingKey: (await keysOfPem(authority.keyPem)).privateKey,
    extensions: await extensionsOf(profile, publicKey, issuer),
  });
  return `${pemOf(certificate)}${authority.chainPem ?? ''}`;
}

/** Makes a certificate with a key. `keyPem`: an existing key to go on with; default: a new one. */
export async function issueIdentity(
  env: Env,
  authority: Authority,
  profile: CertificateProfile,
  keyPem?: string,
): Promise<Identity> {
  const keys = keyPem === undefined ? await makeKeys() : await keysOfPem(keyPem);
  const certificatePem = await sign(env, authority, keys.publicKey, profile);
  return { certificatePem, keyPem: keyPem ?? (await pemOfKey(keys.privateKey)) };
}

/**
 * Signs a request: the answer is the certificate as PEM, with the chain of the authority. Only the request's key counts, and that its signature proves
 * possession of it; what the certificate says is up to `profile`, never to the request.
 * @throws PkiError ERR_PKI_REQUEST
 */
export async function signRequest(
  env: Env,
  authority: Authority,
  requestPem: string,
  profile: CertificateProfile,
  keys: 'P-256' | 'common' = 'P-256',
): Promise<string> {
  const { publicKey } = await readSigningRequest(requestPem, keys);
  return sign(env, authority, publicKey, profile);
}
