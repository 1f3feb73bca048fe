/**
 * Parts of volumes. Whoever writes to a volume may exchange a directory for a link at any moment: so a part is opened step by step, no step
 * through a link, and what was opened is what is mounted, whatever its name leads to by then.
 */
import { constants } from 'node:fs';
import { lstat, mkdir, open, realpath, type FileHandle } from 'node:fs/promises';
import { dirname, join, relative, sep } from 'node:path';
import { errorCode } from '@timonel/sdk';
import { ConfigError } from '../container/config-error.ts';

/** O_PATH of Linux: opens nothing but the name, whatever it is. */
const pathOnly = 0o10_000_000;

export interface SubPath {
  /** The root of the volume on the node. */
  readonly root: string;
  readonly subPath: string;
  /** The volume's name, for messages. */
  readonly volume: string;
  /** Make it where it is absent. */
  readonly mayBeMade: boolean;
}

/** Parts of volumes that are open until they are mounted. */
export class OpenParts {
  readonly #handles: FileHandle[] = [];

  /** A path on the node that leads to the opened part until `close`. @throws ConfigError when it is not in the volume */
  async open(part: SubPath): Promise<string> {
    const handle = await openPart(part, await insideOf(part));
    this.#handles.push(handle);
    return `/proc/${process.pid}/fd/${handle.fd}`;
  }

  async close(): Promise<void> {
    await Promise.all(this.#handles.splice(0).map((handle) => handle.close()));
  }
}

/** The real path of a part, made where it is absent. @throws ConfigError when it is not in the volume */
export async function pathOfPart(part: SubPath): Promise<string> {
  const inside = await insideOf(part);
  const path = join(await realpath(part.root), inside);
  if (process.platform === 'linux') await (await openPart(part, inside)).close();
  else if (part.mayBeMade) await mkdir(path, { recursive: true, mode: 0o755 });
  return path;
}

/** The part relative to the root, without the links that lead there. */
async function insideOf(part: SubPath): Promise<string> {
  const { root, subPath, volume, mayBeMade } = part;
  const realRoot = await realpath(root);
  const path = join(root, subPath);
  const there = await deepestExisting(path);
  const real = await realpath(there).catch(() => undefined);
  if (real === undefined || (real !== realRoot && !real.startsWith(realRoot + sep)))
    throw new ConfigError(`subPath "${subPath}" of volume "${volume}" leads out of the volume`);
  if (there !== path && !mayBeMade)
    throw new ConfigError(`subPath "${subPath}" is not in volume "${volume}", which nobody writes to`);
  return relative(realRoot, join(real, relative(there, path)));
}

async function deepestExisting(path: string): Promise<string> {
  let current = path;
  while ((await lstat(current).catch(() => undefined)) === undefined) current = dirname(current);
  return current;
}

async function openPart(part: SubPath, inside: string): Promise<FileHandle> {
  let handle = await open(await realpath(part.root), pathOnly);
  for (const name of inside.split(sep).filter((each) => each !== '')) {
    const parent = handle;
    try {
      handle = await step(part, parent, name);
    } finally {
      await parent.close();
    }
  }
  return handle;
}

async function step(part: SubPath, parent: FileHandle, name: string): Promise<FileHandle> {
  const path = `/proc/self/fd/${parent.fd}/${name}`;
  const flags = pathOnly | constants.O_NOFOLLOW;
  const handle = await open(path, flags).catch(async (error: unknown) => {
    if (errorCode(error) !== 'ENOENT' || !part.mayBeMade) throw error;
    await mkdir(path, { mode: 0o755 }).catch((again: unknown) => {
      if (errorCode(again) !== 'EEXIST') throw again; // somebody else made it meanwhile
    });
    return open(path, flags);
  });
  if (!(await handle.stat()).isSymbolicLink()) return handle;
  await handle.close();
  throw new ConfigError(
    `subPath "${part.subPath}" of volume "${part.volume}" was exchanged for a link while it was mounted`,
  );
}
