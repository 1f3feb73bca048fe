/** Counts a small directory without another process. */
import { lstat, opendir } from 'node:fs/promises';
import { join } from 'node:path';
import { errorCode } from '../../kernel/index.ts';
import { nothing, type Space } from './space.ts';

const entriesLimit = 2000;
/** The kernel takes paths of 4096. */
const pathLimit = 3000;
const blockBytes = 512;

/** Undefined: it is too large or too deep. What vanishes meanwhile is not counted. */
export async function walk(root: string): Promise<Space | undefined> {
  const found = await lstat(root).catch(() => undefined);
  if (found === undefined) return nothing;
  const linked = new Set<number>();
  let bytes = found.blocks * blockBytes;
  let inodes = 1;
  const directories = [root];
  for (let directory = directories.pop(); directory !== undefined; directory = directories.pop()) {
    if (directory.length > pathLimit) return undefined;
    for await (const name of namesIn(directory)) {
      if (inodes >= entriesLimit) return undefined;
      const path = join(directory, name);
      const entry = await lstat(path).catch(() => undefined);
      if (entry === undefined || entry.dev !== found.dev) continue;
      if (entry.nlink > 1 && !entry.isDirectory()) {
        if (linked.has(entry.ino)) continue;
        linked.add(entry.ino);
      }
      inodes += 1;
      bytes += entry.blocks * blockBytes;
      if (entry.isDirectory()) directories.push(path);
    }
  }
  return { bytes, inodes };
}

/** Ends early when the directory goes meanwhile. */
async function* namesIn(directory: string): AsyncIterable<string> {
  try {
    for await (const { name } of await opendir(directory)) yield name;
  } catch (error) {
    if (!['ENOENT', 'ENOTDIR'].includes(errorCode(error) ?? '')) throw error;
  }
}
