/** Keys and dates as the x509 library wants them. The only file that sets the library up. */
import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import * as x509 from '@peculiar/x509';

x509.cryptoProvider.set(webcrypto);

export const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;

export function dateAt(ms: number): Date {
  // Certificates carry dates; the time comes from env.
  // oxlint-disable-next-line no-restricted-globals
  return new Date(ms);
}

export async function makeKeys(): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
}

export async function pemOfKey(key: webcrypto.CryptoKey): Promise<string> {
  const bytes = await webcrypto.subtle.exportKey('pkcs8', key);
  return `${x509.PemConverter.encode(bytes, 'PRIVATE KEY')}\n`;
}

/** The pair that a PEM private key (PKCS #8) belongs to. */
export async function keysOfPem(pem: string): Promise<webcrypto.CryptoKeyPair> {
  const privateKey = await webcrypto.subtle.importKey('pkcs8', x509.PemConverter.decodeFirst(pem), algorithm, true, [
    'sign',
  ]);
  const { kty, crv, x, y } = await webcrypto.subtle.exportKey('jwk', privateKey);
  if (kty === undefined || crv === undefined || x === undefined || y === undefined) throw new Error('no P-256 key');
  const publicKey = await webcrypto.subtle.importKey('jwk', { kty, crv, x, y }, algorithm, true, ['verify']);
  return { privateKey, publicKey };
}

export function pemOf(certificate: x509.X509Certificate): string {
  return `${certificate.toString('pem')}\n`;
}

export { x509 };
