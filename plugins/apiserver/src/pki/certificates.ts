/** The server's own certificate authority and serving certificate (ECDSA P-256), kept in files and made when needed. */
import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import path from 'node:path';
import * as x509 from '@peculiar/x509';
import { errorCode, type Env } from '@timonel/sdk';

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const dayMs = 24 * 3600 * 1000;
const authorityLifeMs = 3650 * dayMs;
const servingLifeMs = 365 * dayMs;
/** A serving certificate with less left is made anew at start. */
const renewBeforeMs = 30 * dayMs;

x509.cryptoProvider.set(webcrypto);

export interface ServingCertificate {
  readonly authorityPem: string;
  readonly certificatePem: string;
  readonly keyPem: string;
}

interface Pair {
  readonly certificate: x509.X509Certificate;
  readonly keyPem: string;
}

function dateAt(ms: number): Date {
  // Certificates carry dates; the time comes from env.
  // oxlint-disable-next-line no-restricted-globals
  return new Date(ms);
}

async function readPair(directory: string, name: string): Promise<Pair | undefined> {
  try {
    const certificate = await readFile(path.join(directory, `${name}.crt`), 'utf8');
    const keyPem = await readFile(path.join(directory, `${name}.key`), 'utf8');
    return { certificate: new x509.X509Certificate(certificate), keyPem };
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw new Error(
      `cannot read the certificate ${path.join(directory, name)}.crt: remove ${name}.crt and ${name}.key to have them made anew`,
      { cause: error },
    );
  }
}

async function writeWhole(file: string, text: string, mode: number): Promise<void> {
  await writeFile(`${file}.new`, text, { mode });
  await rename(`${file}.new`, file);
}

async function writePair(directory: string, name: string, pair: Pair): Promise<void> {
  await writeWhole(path.join(directory, `${name}.key`), pair.keyPem, 0o600);
  await writeWhole(path.join(directory, `${name}.crt`), `${pair.certificate.toString('pem')}\n`, 0o644);
}

async function pemOf(key: webcrypto.CryptoKey): Promise<string> {
  const bytes = await webcrypto.subtle.exportKey('pkcs8', key);
  return `${x509.PemConverter.encode(bytes, 'PRIVATE KEY')}\n`;
}

async function keyOf(pem: string): Promise<webcrypto.CryptoKey> {
  const bytes = x509.PemConverter.decodeFirst(pem);
  return webcrypto.subtle.importKey('pkcs8', bytes, algorithm, true, ['sign']);
}

function serialNumber(env: Env): string {
  const bytes = env.random.bytes(16);
  bytes[0] = (bytes[0] ?? 0) & 0x7f;
  return Buffer.from(bytes).toString('hex');
}

async function makeKeys(): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
}

async function makeAuthority(env: Env): Promise<Pair> {
  const keys = await makeKeys();
  const now = env.clock.now();
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: serialNumber(env),
    name: 'CN=timonel-ca',
    notBefore: dateAt(now - dayMs),
    notAfter: dateAt(now + authorityLifeMs),
    signingAlgorithm: algorithm,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { certificate, keyPem: await pemOf(keys.privateKey) };
}

async function makeServing(env: Env, authority: Pair, sans: readonly string[]): Promise<Pair> {
  const keys = await makeKeys();
  const now = env.clock.now();
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: serialNumber(env),
    subject: 'CN=timonel-apiserver',
    issuer: authority.certificate.subject,
    notBefore: dateAt(now - dayMs),
    notAfter: dateAt(now + servingLifeMs),
    signingAlgorithm: algorithm,
    publicKey: keys.publicKey,
    signingKey: await keyOf(authority.keyPem),
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      new x509.SubjectAlternativeNameExtension(
        sans.map((value) => ({ type: isIP(value) === 0 ? ('dns' as const) : ('ip' as const), value })),
      ),
      await x509.AuthorityKeyIdentifierExtension.create(authority.certificate.publicKey),
    ],
  });
  return { certificate, keyPem: await pemOf(keys.privateKey) };
}

async function isFit(serving: Pair, authority: Pair, sans: readonly string[], env: Env): Promise<boolean> {
  const left = serving.certificate.notAfter.getTime() - env.clock.now();
  const extension = serving.certificate.getExtension(x509.SubjectAlternativeNameExtension);
  const present = new Set(extension?.names.items.map((item) => item.value));
  const names = sans.every((san) => present.has(san));
  return (
    left > renewBeforeMs &&
    names &&
    serving.certificate.verify({ publicKey: authority.certificate, signatureOnly: true })
  );
}

/** Reads the certificates of `directory`, makes those that are missing or do not fit. */
export async function servingCertificate(
  directory: string,
  sans: readonly string[],
  env: Env,
): Promise<ServingCertificate> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  let authority = await readPair(directory, 'ca');
  if (authority === undefined || authority.certificate.notAfter.getTime() < env.clock.now()) {
    authority = await makeAuthority(env);
    await writePair(directory, 'ca', authority);
  }
  let serving = await readPair(directory, 'apiserver');
  if (serving === undefined || !(await isFit(serving, authority, sans, env))) {
    serving = await makeServing(env, authority, sans);
    await writePair(directory, 'apiserver', serving);
  }
  return {
    authorityPem: `${authority.certificate.toString('pem')}\n`,
    certificatePem: `${serving.certificate.toString('pem')}\n`,
    keyPem: serving.keyPem,
  };
}
