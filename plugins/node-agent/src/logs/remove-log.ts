import { readdir, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

/** Removes a log with the files that it was rotated to. One that is not there is no error. */
export async function removeLog(path: string): Promise<void> {
  const directory = dirname(path);
  const names = await readdir(directory).catch(() => []);
  const base = basename(path);
  const own = names.filter(
    (name) => name === base || (name.startsWith(`${base}.`) && /^\d+$/.test(name.slice(base.length + 1))),
  );
  for (const name of own) await rm(join(directory, name), { force: true });
}
