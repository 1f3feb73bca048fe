/**
 * Files that are exchanged as a whole: a reader never sees half an update. Layout as the kubelet's: `..<version>/…` holds the files,
 * `..data` points to it, and each top-level name points through `..data`. An update swaps `..data` by one rename.
 */
import { chmod, lstat, mkdir, readdir, readFile, readlink, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { VolumeError } from '@timonel/sdk/contracts/volume';
import { giveTo } from '../owner.ts';
import type { PayloadFile } from './payload-file.ts';

/** Held in memory on the way: a bound as the API's for one object, with room for projections. */
const limitBytes = 4 * 1024 * 1024;

export interface PayloadOptions {
  /** Of the content: the same for the same. */
  readonly version: string;
  /** Gets to read all of it. */
  readonly group: number | undefined;
}

/** @throws VolumeError */
export async function writePayload(
  directory: string,
  files: readonly PayloadFile[],
  { version, group }: PayloadOptions,
): Promise<void> {
  const bytes = files.reduce((sum, file) => sum + file.data.length, 0);
  if (bytes > limitBytes) throw new VolumeError(`content of ${bytes} bytes is over ${limitBytes}`);
  await makeDirectory(directory, group);
  const shown = await bringIn(directory, files, { version, group });
  await linkNames(directory, new Set(files.map((file) => file.path.split('/')[0] ?? '')));
  await removeOthers(directory, shown);
}

/** Answers the name of the version that is shown. */
async function bringIn(directory: string, files: readonly PayloadFile[], options: PayloadOptions): Promise<string> {
  const data = join(directory, '..data');
  const before = await readlink(data).catch(() => '');
  const [name, other] = [`..${options.version}`, `..${options.version}_`];
  if ((before === name || before === other) && (await areWhole(join(directory, before), files))) return before;
  // What is shown is not written to.
  const next = before === name ? other : name;
  await writeFiles(join(directory, next), files, options.group);
  await rm(`${data}_tmp`, { force: true });
  await symlink(next, `${data}_tmp`);
  await rename(`${data}_tmp`, data);
  return next;
}

/** Not after a loss of power, which leaves names whose contents never came to the disk. */
async function areWhole(root: string, files: readonly PayloadFile[]): Promise<boolean> {
  for (const { path, data } of files) {
    const found = await readFile(join(root, path)).catch(() => undefined);
    if (found?.equals(data) !== true) return false;
  }
  return true;
}

/** chmod because the mode of mkdir passes the umask. */
async function makeDirectory(path: string, group: number | undefined): Promise<void> {
  const made = await mkdir(path, { recursive: true });
  if (made === undefined) return;
  if (group !== undefined) await giveTo(path, 0, group);
  await chmod(path, group === undefined ? 0o755 : 0o2755);
}

async function writeFiles(root: string, files: readonly PayloadFile[], group: number | undefined): Promise<void> {
  await rm(root, { recursive: true, force: true });
  await makeDirectory(root, group);
  for (const { path, data, mode, user = 0 } of files) {
    const place = join(root, path);
    await makeParents(root, dirname(path), group);
    await writeFile(place, data, { mode: 0o600, flag: 'wx' });
    if (group !== undefined || user !== 0) await giveTo(place, user, group ?? 0);
    await chmod(place, group === undefined ? mode : mode | 0o440);
  }
}

async function makeParents(root: string, path: string, group: number | undefined): Promise<void> {
  if (path === '.') return;
  await makeParents(root, dirname(path), group);
  await makeDirectory(join(root, path), group);
}

async function linkNames(directory: string, names: ReadonlySet<string>): Promise<void> {
  for (const name of names) {
    const present = await lstat(join(directory, name)).catch(() => undefined);
    if (present === undefined) await symlink(join('..data', name), join(directory, name));
  }
}

/** Names that are no more, and versions: the one before, and those that a crash left. */
async function removeOthers(directory: string, version: string): Promise<void> {
  const wanted = new Set([version, '..data', ...(await readdir(join(directory, version)))]);
  for (const name of await readdir(directory)) {
    if (!wanted.has(name)) await rm(join(directory, name), { recursive: true, force: true });
  }
}
