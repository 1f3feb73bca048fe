/** Files of configMap, secret, downwardAPI and projected volumes, written so that a reader never sees half an update. */
import { chown, lstat, mkdir, readdir, readlink, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { dirname, join, sep } from 'node:path';
import { ConfigError } from '../container/config-error.ts';

export interface PayloadFile {
  /** Relative, without `..`. */
  readonly path: string;
  readonly data: Buffer;
  readonly mode: number;
}

/** Volumes of these kinds are held in memory on the way: a bound as etcd's for one object, with room for projections. */
const payloadLimitBytes = 4 * 1024 * 1024;

export function checkedPath(path: string): string {
  if (path === '' || path.startsWith('/') || path.split('/').includes('..') || path.startsWith('..')) {
    throw new ConfigError(`volume path "${path}" must be relative and must not contain ".."`);
  }
  return path;
}

/**
 * Layout as the kubelet's AtomicWriter: `..<version>/…` holds the files, `..data` points to it, and each top-level name
 * points through `..data`. An update swaps `..data` by one rename.
 */
export async function writePayload(
  directory: string,
  files: readonly PayloadFile[],
  version: string,
  group: number | undefined,
): Promise<void> {
  const bytes = files.reduce((sum, file) => sum + file.data.length, 0);
  if (bytes > payloadLimitBytes) throw new ConfigError(`volume content of ${bytes} bytes is over ${payloadLimitBytes}`);
  await mkdir(directory, { recursive: true, mode: 0o755 });
  const data = join(directory, '..data');
  const before = await readlink(data).catch(() => undefined);
  const next = `..${version}`;
  if (before !== next) {
    await writeFiles(join(directory, next), files, group);
    await rm(`${data}_tmp`, { force: true });
    await symlink(next, `${data}_tmp`);
    await rename(`${data}_tmp`, data);
    if (before !== undefined) await rm(join(directory, before), { recursive: true, force: true });
  }
  await linkNames(directory, new Set(files.map((file) => file.path.split('/')[0] ?? '')));
}

async function writeFiles(root: string, files: readonly PayloadFile[], group: number | undefined): Promise<void> {
  await rm(root, { recursive: true, force: true });
  await mkdir(root, { mode: 0o755 });
  for (const file of files) {
    const path = join(root, file.path);
    if (!path.startsWith(root + sep)) throw new ConfigError(`volume path "${file.path}" leaves the volume`);
    await mkdir(dirname(path), { recursive: true, mode: 0o755 });
    // A group gets to read what the owner may read.
    const mode = group === undefined ? file.mode : file.mode | ((file.mode & 0o400) >> 3);
    await writeFile(path, file.data, { mode, flag: 'wx' });
    if (group !== undefined) await chown(path, 0, group);
  }
}

async function linkNames(directory: string, names: ReadonlySet<string>): Promise<void> {
  for (const name of names) {
    const present = await lstat(join(directory, name)).catch(() => undefined);
    if (present === undefined) await symlink(join('..data', name), join(directory, name));
  }
  for (const name of await readdir(directory)) {
    if (!name.startsWith('..') && !names.has(name)) await rm(join(directory, name), { recursive: true, force: true });
  }
}
