/** What this plugin mounts, and finds again by the kernel's table of mounts, whatever became of those who mounted it. */
import { sep } from 'node:path';
import { mustRun } from '@timonel/sdk/command';
import { mountTable } from '@timonel/sdk/linux';

/** Sources by which its mounts are told from those of others. */
export const mountSources = { memory: 'timonel-memory', image: 'timonel-image' } as const;

const own: ReadonlySet<string> = new Set(Object.values(mountSources));

/** Paths, the oldest first. */
async function ownMounts(): Promise<string[]> {
  return (await mountTable()).flatMap(({ path, source }) => (own.has(source) ? [path] : []));
}

/** Whether one of its mounts is at the path. */
export async function isMounted(path: string): Promise<boolean> {
  return (await ownMounts()).includes(path);
}

/** @throws CommandError, as when a process of the node uses it still */
export async function unmountBelow(directory: string): Promise<void> {
  const below = (await ownMounts()).filter((path) => path.startsWith(directory + sep));
  for (const path of below.toReversed()) await mustRun('umount', ['--', path]);
}
