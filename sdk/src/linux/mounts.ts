/** Mounts of the node: which there are, opened files in a place of their own, and how all below a path go. */
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { mustRun, run } from '../command/index.ts';

/** Where something is mounted, the oldest first. */
export function mountPoints(): readonly string[] {
  // proc(5): blanks and the like stand in octal.
  const unescaped = (path: string): string =>
    path.replaceAll(/\\(\d{3})/g, (_all, octal: string) => String.fromCharCode(parseInt(octal, 8)));
  const lines = readFileSync('/proc/self/mountinfo', 'utf8').split('\n');
  return lines.map((line) => unescaped(line.split(' ')[4] ?? ''));
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
