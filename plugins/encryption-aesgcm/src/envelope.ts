/** A sealed value: `k8s:enc:aesgcm:v1:<key id>:`, a nonce, the ciphertext, a tag (AES-256-GCM, NIST SP 800-38D). Bound to its key in the store. */
import { createCipheriv, createDecipheriv } from 'node:crypto';
import type { Random } from '@timonel/sdk';
import { sealedMark } from '@timonel/sdk/contracts/encryption';

export const keyBytes = 32;
const algorithm = 'aes-256-gcm';
const nonceBytes = 12;
const tagBytes = 16;
const mark = Buffer.from(`${sealedMark}aesgcm:v1:`);
const colon = 0x3a;
const idLimitBytes = 32;

export interface DataKey {
  readonly id: string;
  readonly secret: Uint8Array;
}

/** Encrypts; `context` must be the same when it is decrypted. */
export function encrypt(secret: Uint8Array, context: string, plain: Uint8Array, random: Random): Buffer {
  const nonce = random.bytes(nonceBytes);
  const cipher = createCipheriv(algorithm, secret, nonce, { authTagLength: tagBytes });
  cipher.setAAD(Buffer.from(context));
  return Buffer.concat([nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
}

/** @throws Error when it is of another secret or context, or was changed */
export function decrypt(secret: Uint8Array, context: string, sealed: Uint8Array): Buffer {
  if (sealed.length < nonceBytes + tagBytes) throw new Error('it is too short');
  const end = sealed.length - tagBytes;
  const decipher = createDecipheriv(algorithm, secret, sealed.subarray(0, nonceBytes), { authTagLength: tagBytes });
  decipher.setAAD(Buffer.from(context));
  decipher.setAuthTag(sealed.subarray(end));
  return Buffer.concat([decipher.update(sealed.subarray(nonceBytes, end)), decipher.final()]);
}

export function sealValue({ id, secret }: DataKey, path: string, value: Uint8Array, random: Random): Buffer {
  return Buffer.concat([mark, Buffer.from(`${id}:`), encrypt(secret, path, value, random)]);
}

/** The id of the key of a sealed value, and where what it seals begins. Undefined: it is not sealed by AES-GCM. */
export function headOf(value: Uint8Array): { readonly id: string; readonly from: number } | undefined {
  if (!mark.every((byte, index) => value[index] === byte)) return undefined;
  const end = value.indexOf(colon, mark.length);
  if (end === -1 || end - mark.length > idLimitBytes) return undefined;
  return { id: Buffer.from(value.subarray(mark.length, end)).toString('latin1'), from: end + 1 };
}
