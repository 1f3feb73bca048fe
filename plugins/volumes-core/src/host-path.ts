/** hostPath volumes with the checks of their type. */
import { mkdir, open, stat } from 'node:fs/promises';
import type { Stats } from 'node:fs';
import { isAbsolute, normalize } from 'node:path';
import { VolumeError, type PreparedVolume, type VolumeRequest } from '@timonel/sdk/contracts/volume';

interface HostPathSource {
  readonly path: string;
  readonly type?: string;
}

interface TypeCheck {
  readonly what: string;
  fits(found: Stats): boolean;
}

const directory: TypeCheck = { what: 'a directory', fits: (found) => found.isDirectory() };
const file: TypeCheck = { what: 'a file', fits: (found) => found.isFile() };

const checks: Readonly<Record<string, TypeCheck>> = {
  Directory: directory,
  DirectoryOrCreate: directory,
  File: file,
  FileOrCreate: file,
  Socket: { what: 'a socket file', fits: (found) => found.isSocket() },
  CharDevice: { what: 'a character device', fits: (found) => found.isCharacterDevice() },
  BlockDevice: { what: 'a block device', fits: (found) => found.isBlockDevice() },
};

export async function prepareHostPath({ volume, key }: VolumeRequest): Promise<PreparedVolume> {
  const { path: written, type = '' } = volume[key] as HostPathSource;
  const path = normalize(written);
  if (!isAbsolute(path)) throw new VolumeError(`hostPath "${written}" must be absolute`);
  const found = await foundAt(path, type);
  if (type === '') return { hostPath: path };
  const check = checks[type];
  if (check === undefined) throw new VolumeError(`hostPath type "${type}" is unknown`);
  if (found !== undefined && check.fits(found)) return { hostPath: path };
  const absent = found === undefined ? ', and nothing is there' : '';
  throw new VolumeError(`hostPath type check failed: ${path} is not ${check.what}${absent}`);
}

/** Made where the type lets it. Undefined: there is nothing. */
async function foundAt(path: string, type: string): Promise<Stats | undefined> {
  const found = await stat(path).catch(() => undefined);
  if (found !== undefined) return found;
  if (type === 'FileOrCreate') await (await open(path, 'a', 0o644)).close();
  else if (type === '' || type === 'DirectoryOrCreate') await mkdir(path, { recursive: true, mode: 0o755 });
  else return undefined;
  return stat(path);
}
