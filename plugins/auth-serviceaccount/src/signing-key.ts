/** The key by which service account tokens are signed: ECDSA P-256, kept in a file. */
import { createPublicKey, type KeyObject } from 'node:crypto';
import { errorMessage, type Env } from '@timonel/sdk';
import { readFileIfThere } from '@timonel/sdk/files';
import {
  keepSharedSigningKey,
  keyFile,
  parseSigningKey,
  signingKeyFromSecret,
  signingKeyName,
  writeSigningKey,
} from '@timonel/sdk/pki';

export interface SigningKeyOptions {
  /** Where `sa.key` and `sa.pub` lie. */
  readonly directory: string;
  /**
   * The directory holds the cluster's authority: all servers of the cluster have the same key, derived from that of its first authority.
   * Otherwise it is random.
   */
  readonly shared: boolean;
  readonly env: Env;
}

/** Reads the key, or makes it. @throws Error when the file is there but unusable. */
export async function keepSigningKey({ directory, shared, env }: SigningKeyOptions): Promise<KeyObject> {
  if (shared) return keepSharedSigningKey(env, directory);
  const file = keyFile(directory, signingKeyName);
  const pem = await readFileIfThere(file);
  if (pem !== undefined) return parseSigningKey(pem, file);
  const key = signingKeyFromSecret(env.random.bytes(32));
  await writeSigningKey(directory, key);
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
