/**
 * Keys that all servers of a cluster have, beside that of its authority: they outlive it. At first they are derived from the key of the first
 * authority, so that servers of before make the same; from then on they lie in files, and servers that join are given them.
 */
import { createECDH, createPrivateKey, createPublicKey, hkdfSync, type KeyObject } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { errorMessage, type Env } from '../kernel/index.ts';
import { readFileIfThere, writeFileAtomically } from '../files/index.ts';
import { hasPredecessors, keepAuthority } from './authority.ts';
import { PkiError } from './errors.ts';
import { keyFile } from './files.ts';
import { sealingKeyBytes } from './sealing.ts';
import { secretFromKey } from './secret.ts';

/** The name of the files by which tokens of service accounts are signed and checked: `sa.key`, `sa.pub`. */
export const signingKeyName = 'sa';

const masterPurpose = 'timonel encryption at rest';
const tokenPurpose = 'timonel service account tokens';
/** Order of the group of P-256. Source: FIPS 186-5, SP 800-186. */
const order = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
/** 128 bits more than the order has, so that the remainder is even (FIPS 186-5, A.2.1). */
const materialBytes = 48;

/** Where the key lies that seals what only servers may read: 32 bytes as base64. */
export function masterKeyFile(directory: string): string {
  return join(directory, 'master.key');
}

/** @throws PkiError ERR_PKI_FILE when it is no such key; `place` is for the message. */
export function parseMasterKey(text: string, place: string): Uint8Array {
  const secret = Buffer.from(text.trim(), 'base64');
  if (secret.length === sealingKeyBytes) return secret;
  throw new PkiError('ERR_PKI_FILE', `${place} holds no master key: it must be ${sealingKeyBytes} bytes as base64`);
}

async function firstAuthorityKey(env: Env, directory: string, file: string): Promise<string> {
  const { certificatePem, keyPem } = await keepAuthority(env, directory);
  if (!hasPredecessors(certificatePem)) return keyPem;
  throw new PkiError('ERR_PKI_FILE', `${file} is gone: copy it from another server of the cluster, or from a backup`);
}

/** The master key of a directory with an authority; made when it is missing. @throws PkiError ERR_PKI_FILE */
export async function keepMasterKey(env: Env, directory: string): Promise<Uint8Array> {
  const file = masterKeyFile(directory);
  const text = await readFileIfThere(file);
  if (text !== undefined) return parseMasterKey(text, file);
  const secret = secretFromKey(await firstAuthorityKey(env, directory, file), masterPurpose, sealingKeyBytes);
  await writeMasterKey(directory, secret);
  return secret;
}

export async function writeMasterKey(directory: string, secret: Uint8Array): Promise<void> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  await writeFileAtomically(masterKeyFile(directory), `${Buffer.from(secret).toString('base64')}\n`, 0o600);
}

/** The private key that belongs to a secret: the same secret gives the same key. */
export function signingKeyFromSecret(secret: Uint8Array): KeyObject {
  const material = Buffer.from(hkdfSync('sha256', secret, '', tokenPurpose, materialBytes));
  const scalar = (BigInt(`0x${material.toString('hex')}`) % (order - 1n)) + 1n;
  const d = Buffer.from(scalar.toString(16).padStart(64, '0'), 'hex');
  const ecdh = createECDH('prime256v1');
  ecdh.setPrivateKey(d);
  const point = ecdh.getPublicKey();
  const text = (bytes: Buffer): string => bytes.toString('base64url');
  const [x, y] = [text(point.subarray(1, 33)), text(point.subarray(33))] as const;
  return createPrivateKey({ key: { kty: 'EC', crv: 'P-256', d: text(d), x, y }, format: 'jwk' });
}

/** @throws PkiError ERR_PKI_FILE when it is no ECDSA P-256 key; `file` is for the message. */
export function parseSigningKey(pem: string, file: string): KeyObject {
  let key: KeyObject;
  try {
    key = createPrivateKey(pem);
  } catch (cause) {
    const why = errorMessage(cause);
    throw new PkiError('ERR_PKI_FILE', `cannot read ${file}: ${why}; remove it to have it made anew`, { cause });
  }
  if (key.asymmetricKeyDetails?.namedCurve === 'prime256v1') return key;
  throw new PkiError('ERR_PKI_FILE', `${file} holds no ECDSA P-256 key; remove it to have it made anew`);
}

/** Writes `sa.pub`, then `sa.key`. */
export async function writeSigningKey(directory: string, key: KeyObject): Promise<void> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const publicPem = createPublicKey(key).export({ type: 'spki', format: 'pem' });
  await writeFileAtomically(join(directory, `${signingKeyName}.pub`), String(publicPem), 0o644);
  await writeFileAtomically(
    keyFile(directory, signingKeyName),
    String(key.export({ type: 'pkcs8', format: 'pem' })),
    0o600,
  );
}

/** The signing key of tokens in a directory with an authority; made when it is missing. @throws PkiError ERR_PKI_FILE */
export async function keepSharedSigningKey(env: Env, directory: string): Promise<KeyObject> {
  const file = keyFile(directory, signingKeyName);
  const pem = await readFileIfThere(file);
  if (pem !== undefined) return parseSigningKey(pem, file);
  const { d } = createPrivateKey(await firstAuthorityKey(env, directory, file)).export({ format: 'jwk' });
  if (d === undefined) throw new PkiError('ERR_PKI_FILE', 'the key of the authority is no elliptic curve key');
  const key = signingKeyFromSecret(Buffer.from(d, 'base64url'));
  await writeSigningKey(directory, key);
  return key;
}
