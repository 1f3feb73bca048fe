/** A certificate authority for tests, and certificates of members in files. */
import 'reflect-metadata';
import { randomBytes, webcrypto } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as x509 from '@peculiar/x509';
import { memberOrganisation, type CredentialFiles } from '../credentials.ts';

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const hourMs = 3_600_000;

x509.cryptoProvider.set(webcrypto);

export interface Authority {
  readonly certificate: x509.X509Certificate;
  readonly keys: webcrypto.CryptoKeyPair;
}

export interface CertificateOptions {
  /** Common name. */
  readonly id: string;
  readonly organisation?: string;
  /** Ended an hour ago. */
  readonly expired?: boolean;
}

export interface MemberPem {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

function serialNumber(): string {
  const bytes = randomBytes(16);
  bytes[0] = (bytes[0] ?? 0) & 0x7f;
  return bytes.toString('hex');
}

function makeKeys(): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
}

export async function makeAuthority(): Promise<Authority> {
  const keys = await makeKeys();
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: serialNumber(),
    name: `CN=timonel-ca ${randomBytes(4).toString('hex')}`,
    notBefore: new Date(Date.now() - hourMs),
    notAfter: new Date(Date.now() + 24 * hourMs),
    signingAlgorithm: algorithm,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true),
    ],
  });
  return { certificate, keys };
}

export async function makeCertificate(authority: Authority, options: CertificateOptions): Promise<MemberPem> {
  const keys = await makeKeys();
  const ends = options.expired === true ? -hourMs : 24 * hourMs;
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: serialNumber(),
    subject: `CN=${options.id}, O=${options.organisation ?? memberOrganisation}`,
    issuer: authority.certificate.subject,
    notBefore: new Date(Date.now() - 2 * hourMs),
    notAfter: new Date(Date.now() + ends),
    signingAlgorithm: algorithm,
    publicKey: keys.publicKey,
    signingKey: authority.keys.privateKey,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth, x509.ExtendedKeyUsage.clientAuth]),
    ],
  });
  const pkcs8 = await webcrypto.subtle.exportKey('pkcs8', keys.privateKey);
  return {
    ca: `${authority.certificate.toString('pem')}\n`,
    cert: `${certificate.toString('pem')}\n`,
    key: `${x509.PemConverter.encode(pkcs8, 'PRIVATE KEY')}\n`,
  };
}

/** Writes the three files of a member, or writes over them. */
export async function writeCredentials(directory: string, name: string, pem: MemberPem): Promise<CredentialFiles> {
  const files = {
    caFile: join(directory, `${name}-ca.crt`),
    certFile: join(directory, `${name}.crt`),
    keyFile: join(directory, `${name}.key`),
  };
  await writeFile(files.caFile, pem.ca);
  await writeFile(files.certFile, pem.cert);
  await writeFile(files.keyFile, pem.key, { mode: 0o600 });
  return files;
}
