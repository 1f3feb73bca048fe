/** The key by which service account tokens are signed: ECDSA P-256, kept in a file. */
import { createECDH, createPrivateKey, createPublicKey, hkdfSync, type KeyObject } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { errorMessage, type Env } from '@timonel/sdk';
import { readFileIfThere, writeFileAtomically } from '@timonel/sdk/files';
import { keepAuthority } from '@timonel/sdk/pki';

const purpose = 'timonel service account tokens';
/** Order of the group of P-256. Source: FIPS 186-5, SP 800-186. */
const order = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
/** 128 bits more than the order has, so that the remainder is even (FIPS 186-5, A.2.1). */
const materialBytes = 48;

/** The private key that belongs to a secret: the same secret gives the same key. */
export function keyFromSecret(secret: Uint8Array): KeyObject {
  const material = Buffer.from(hkdfSync('sha256', secret, '', purpose, materialBytes));
  const scalar = (BigInt(`0x${material.toString('hex')}`) % (order - 1n)) + 1n;
  const d = Buffer.from(scalar.toString(16).padStart(64, '0'), 'hex');
  const ecdh = createECDH('prime256v1');
  ecdh.setPrivateKey(d);
  const point = ecdh.getPublicKey();
  const text = (bytes: Buffer): string => bytes.toString('base64url');
  const [x, y] = [text(point.subarray(1, 33)), text(point.subarray(33))] as const;
  return createPrivateKey({ key: { kty: 'EC', crv: 'P-256', d: text(d), x, y }, format: 'jwk' });
}

function secretOf(keyPem: string): Uint8Array {
  const { d } = createPrivateKey(keyPem).export({ format: 'jwk' });
  if (d === undefined) throw new Error('the key of the authority is no elliptic curve key');
  return Buffer.from(d, 'base64url');
}

function readKey(pem: string, file: string): KeyObject {
  try {
    const key = createPrivateKey(pem);
    if (key.asymmetricKeyDetails?.namedCurve === 'prime256v1') return key;
  } catch (cause) {
    throw new Error(`cannot read ${file}: ${errorMessage(cause)}; remove it to have it made anew`, { cause });
  }
  throw new Error(`${file} holds no ECDSA P-256 key: remove it to have it made anew`);
}

export interface SigningKeyOptions {
  /** Where `sa.key` and `sa.pub` lie. */
  readonly directory: string;
  /**
   * The directory holds the cluster's authority: the key is derived from the authority's, so that all servers of the cluster have
   * the same one. Otherwise it is random.
   */
  readonly shared: boolean;
  readonly env: Env;
}

/** Reads the key, or makes it. @throws Error when the file is there but unusable. */
export async function keepSigningKey({ directory, shared, env }: SigningKeyOptions): Promise<KeyObject> {
  const file = path.join(directory, 'sa.key');
  const pem = await readFileIfThere(file);
  if (pem !== undefined) return readKey(pem, file);
  const secret = shared ? secretOf((await keepAuthority(env, directory)).keyPem) : env.random.bytes(32);
  const key = keyFromSecret(secret);
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const publicPem = createPublicKey(key).export({ type: 'spki', format: 'pem' });
  await writeFileAtomically(path.join(directory, 'sa.pub'), String(publicPem), 0o644);
  await writeFileAtomically(file, String(key.export({ type: 'pkcs8', format: 'pem' })), 0o600);
  return key;
}

/** Public keys (or private ones, whose public part counts) of PEM files. @throws Error */
export async function readPublicKeys(files: readonly string[]): Promise<KeyObject[]> {
  const keys: KeyObject[] = [];
  for (const file of files) {
    const pem = await readFileIfThere(file);
    if (pem === undefined) throw new Error(`${file} is not there: take it out of keyFiles, or bring it back`);
    keys.push(readPublicKey(pem, file));
  }
  return keys;
}

function readPublicKey(pem: string, file: string): KeyObject {
  let key: KeyObject;
  try {
    key = createPublicKey(pem);
  } catch (cause) {
    throw new Error(`cannot read ${file}: ${errorMessage(cause)}`, { cause });
  }
  if (key.asymmetricKeyDetails?.namedCurve === 'prime256v1') return key;
  throw new Error(`${file} holds no ECDSA P-256 key`);
}
