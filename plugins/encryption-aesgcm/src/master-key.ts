/** The key that seals the encryption keys. It stays on the servers. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Env } from '@timonel/sdk';
import { readFileIfThere, writeFileAtomically } from '@timonel/sdk/files';
import { keepAuthority, secretFromKey } from '@timonel/sdk/pki';
import { keyBytes } from './envelope.ts';

export interface MasterKey {
  readonly secret: Uint8Array;
  /** For messages. */
  readonly place: string;
}

export interface MasterKeyOptions {
  readonly env: Env;
  readonly dataDir: string;
  /** 32 bytes as base64. It must be there. */
  readonly file: string | undefined;
  /** Where the authority lies that all servers of the cluster have: the key is derived from its. */
  readonly pkiDirectory: string | undefined;
}

/** @throws Error when the file is absent or no key */
export async function masterKey({ env, dataDir, file, pkiDirectory }: MasterKeyOptions): Promise<MasterKey> {
  if (file !== undefined) {
    const text = await readFileIfThere(file);
    if (text !== undefined) return { secret: keyOf(text, file), place: file };
    throw new Error(
      `there is no master key ${file}: make one by \`head -c 32 /dev/urandom | base64 > ${file}\`, the same for all servers`,
    );
  }
  if (pkiDirectory !== undefined) {
    const { keyPem } = await keepAuthority(env, pkiDirectory);
    const secret = secretFromKey(keyPem, 'timonel encryption at rest', keyBytes);
    return { secret, place: `the one that belongs to ${join(pkiDirectory, 'ca.key')}` };
  }
  return ownKey(env, dataDir);
}

async function ownKey(env: Env, dataDir: string): Promise<MasterKey> {
  const file = join(dataDir, 'master.key');
  const text = await readFileIfThere(file);
  if (text !== undefined) return { secret: keyOf(text, file), place: file };
  const secret = env.random.bytes(keyBytes);
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  await writeFileAtomically(file, `${Buffer.from(secret).toString('base64')}\n`, 0o600);
  return { secret, place: file };
}

function keyOf(text: string, file: string): Uint8Array {
  const secret = Buffer.from(text.trim(), 'base64');
  if (secret.length === keyBytes) return secret;
  throw new Error(`${file} holds no master key: it must be ${keyBytes} bytes as base64`);
}
