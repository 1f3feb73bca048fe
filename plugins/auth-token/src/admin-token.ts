/** The administrator's token: made at first start, readable by its owner only. */
import { readFile, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { errorCode, type Env } from '@timonel/sdk';

const tokenBytes = 32;

/** Where the token of the user `admin` lies. `dataDir`: the plugin's own data directory. */
export function adminTokenFile(dataDir: string): string {
  return path.join(dataDir, 'admin.token');
}

/** Reads the token, or makes it. @throws Error when the file is there but unusable. */
export async function ensureAdminToken(dataDir: string, env: Env): Promise<string> {
  const file = adminTokenFile(dataDir);
  try {
    const token = (await readFile(file, 'utf8')).trim();
    if (!/^\S{16,}$/.test(token)) {
      throw new Error(`${file} does not hold a token of at least 16 characters: remove it to have a new one made`);
    }
    return token;
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error;
  }
  const token = Buffer.from(env.random.bytes(tokenBytes)).toString('base64url');
  await writeFile(`${file}.new`, `${token}\n`, { mode: 0o600 });
  await rename(`${file}.new`, file);
  return token;
}
