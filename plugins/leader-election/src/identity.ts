/** The name of this process among the candidates. */
import { hostname } from 'node:os';
import { join } from 'node:path';
import type { Env } from '@timonel/sdk';
import { readFileIfThere, writeFileAtomically } from '@timonel/sdk/files';

/**
 * Host name and random suffix. Kept in the data directory, which no two processes share: a process that was killed and comes
 * back holds its lease still, in place of waiting for its end.
 */
export async function ownIdentity(dataDir: string, env: Env): Promise<string> {
  const file = join(dataDir, 'identity');
  const kept = (await readFileIfThere(file))?.trim();
  if (kept !== undefined && kept !== '') return kept;
  const made = `${hostname().slice(0, 200)}_${env.random.uuid()}`;
  await writeFileAtomically(file, `${made}\n`);
  return made;
}
