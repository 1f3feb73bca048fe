/** The key that seals the encryption keys. It stays on the servers. */
import type { Env } from '@timonel/sdk';
import { readFileIfThere } from '@timonel/sdk/files';
import { keepMasterKey, masterKeyFile, parseMasterKey, sealingKeyBytes, writeMasterKey } from '@timonel/sdk/pki';

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
  /** Where the authority lies that all servers of the cluster have, and the master key beside it. */
  readonly pkiDirectory: string | undefined;
}

/** @throws Error when the file is absent or no key */
export async function masterKey({ env, dataDir, file, pkiDirectory }: MasterKeyOptions): Promise<MasterKey> {
  if (file !== undefined) {
    const text = await readFileIfThere(file);
    if (text !== undefined) return { secret: parseMasterKey(text, file), place: file };
    throw new Error(
      `there is no master key ${file}: make one by \`head -c 32 /dev/urandom | base64 > ${file}\`, the same for all servers`,
    );
  }
  if (pkiDirectory !== undefined) {
    return { secret: await keepMasterKey(env, pkiDirectory), place: masterKeyFile(pkiDirectory) };
  }
  return ownKey(env, dataDir);
}

async function ownKey(env: Env, dataDir: string): Promise<MasterKey> {
  const file = masterKeyFile(dataDir);
  const text = await readFileIfThere(file);
  if (text !== undefined) return { secret: parseMasterKey(text, file), place: file };
  const secret = env.random.bytes(sealingKeyBytes);
  await writeMasterKey(dataDir, secret);
  return { secret, place: file };
}
