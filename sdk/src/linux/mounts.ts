/** Mounts of the node: which there are, opened files in a place of their own, and how all below a path go. */
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { mustRun, run } from '../command/index.ts';

export interface MountEntry {
  readonly path: string;
  readonly type: string;
  /** What was named as such when it was mounted: a device, or any word. */
  readonly source: string;
}

const tablePath = '/proc/self/mountinfo';

/** proc_pid_mountinfo(5): after optional fields and `-` come type and source; blanks and the like stand in octal. */
function entriesOf(table: string): MountEntry[] {
  const unescaped = (path: string): string =>
    path.replaceAll(/\\(\d{3})/g, (_all, octal: string) => String.fromCharCode(parseInt(octal, 8)));
  return table.split('\n').map((line) => {
    const fields = line.split(' ');
    const [type = '', source = ''] = fields.slice(fields.indexOf('-', 6) + 1);
    return { path: unescaped(fields[4] ?? ''), type, source: unescaped(source) };
  });
}

/** What is mounted, the oldest first. Elsewhere than on Linux: nothing. */
export async function mountTable(): Promise<readonly MountEntry[]> {
  return process.platform === 'linux' ? entriesOf(await readFile(tablePath, 'utf8')) : [];
}

/** Where something is mounted, the oldest first. */
export function mountPoints(): readonly string[] {
  return entriesOf(readFileSync(tablePath, 'utf8')).map(({ path }) => path);
}

export function isMounted(path: string): boolean {
  return mountPoints().includes(path);
}

/** Whether a path is that of an open file of a process: it leads to what was opened, whatever the name of that leads to by now. */
export function isOpenFile(path: string): boolean {
  return /^\/proc\/\d+\/fd\/\d+$/.test(path);
}

/** Something to mount `source` over: a directory for a directory, else a file. */
export function makeMountPoint(source: string, target: string): void {
  if (statSync(source).isDirectory()) mkdirSync(target, { recursive: true });
  else writeFileSync(target, '');
}

/**
 * Mounts an open file or directory, with what is mounted below it, at a path that is made: for those who take paths only. The
 * path must lie where nobody else writes. {@link unmountAll} undoes it. @throws CommandError
 */
export async function mountOpenFile(source: string, target: string): Promise<void> {
  makeMountPoint(source, target);
  // mount(8) would look its name up, which may lead elsewhere by now.
  await mustRun('mount', ['--no-canonicalize', '--rbind', source, target]);
}

/** Unmounts all at or below a path, the last first. Nothing there is no error. @throws Error */
export async function unmountAll(path: string): Promise<void> {
  const points = mountPoints().filter((point) => point === path || point.startsWith(`${path}/`));
  for (const point of points) {
    // What is mounted below would go where it came from too.
    if (points.some((other) => other.startsWith(`${point}/`))) await run('mount', ['--make-private', point]);
  }
  for (const point of points.reverse()) {
    const { status, stderr } = await run('umount', ['--', point]);
    if (status === 0 || !isMounted(point)) continue;
    // Somebody still has a file open there: it goes away with the last of them.
    const lazy = await run('umount', ['--lazy', '--', point]);
    if (lazy.status !== 0 && isMounted(point))
      throw new Error(`cannot unmount ${point}: ${(lazy.stderr || stderr).trim()}`);
  }
}
