/** hostPath volumes with the checks of their type. */
import { mkdir, open, stat } from 'node:fs/promises';
import type { Stats } from 'node:fs';
import { isAbsolute, normalize } from 'node:path';
import { ConfigError } from '../container/config-error.ts';

export interface HostPathSource {
  readonly path: string;
  readonly type?: string;
}

const checks: Record<string, (found: Stats) => boolean> = {
  Directory: (found) => found.isDirectory(),
  DirectoryOrCreate: (found) => found.isDirectory(),
  File: (found) => found.isFile(),
  FileOrCreate: (found) => found.isFile(),
  Socket: (found) => found.isSocket(),
  CharDevice: (found) => found.isCharacterDevice(),
  BlockDevice: (found) => found.isBlockDevice(),
};

/** The path on the node. @throws ConfigError */
export async function prepareHostPath(source: HostPathSource): Promise<string> {
  const path = normalize(source.path);
  const type = source.type ?? '';
  if (!isAbsolute(path)) throw new ConfigError(`hostPath "${source.path}" must be absolute`);
  let found = await stat(path).catch(() => undefined);
  if (found === undefined) {
    if (type === 'DirectoryOrCreate') await mkdir(path, { recursive: true, mode: 0o755 });
    else if (type === 'FileOrCreate') await (await open(path, 'a', 0o644)).close();
    else if (type === '') await mkdir(path, { recursive: true, mode: 0o755 });
    else throw new ConfigError(`hostPath type check failed: ${path} does not exist (wanted: ${type})`);
    found = await stat(path);
  }
  if (type === '') return path;
  const check = checks[type];
  if (check === undefined) throw new ConfigError(`hostPath type "${type}" is unknown`);
  if (!check(found))
    throw new ConfigError(`hostPath type check failed: ${path} is not a ${type.replace('OrCreate', '')}`);
  return path;
}
