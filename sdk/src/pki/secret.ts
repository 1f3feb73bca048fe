import { createPrivateKey, hkdfSync } from 'node:crypto';
import { PkiError } from './errors.ts';

/** A secret for one purpose, made from a private key: whoever has the key makes the same (HKDF with SHA-256, RFC 5869). @throws PkiError */
export function secretFromKey(keyPem: string, purpose: string, bytes: number): Buffer {
  const { d } = createPrivateKey(keyPem).export({ format: 'jwk' });
  if (d === undefined) throw new PkiError('ERR_PKI_FILE', 'the key of the authority is no elliptic curve key');
  return Buffer.from(hkdfSync('sha256', Buffer.from(d, 'base64url'), '', purpose, bytes));
}
