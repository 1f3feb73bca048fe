import { readFileSync, readdirSync, rmdirSync } from 'node:fs';
import { dirname, join } from 'node:path';

/**
 * OCI runtimes make groups in every hierarchy there is, also where no limits of ours are, and remove those of containers only. What
 * is above them is removed here; a group that something is in stays, as the kernel removes none of those.
 */
export function removeSpareGroups(path: string, upTo: string): void {
  for (const root of hierarchies()) {
    removeTree(join(root, path));
    for (let above = dirname(path); above.length >= upTo.length && above !== '.'; above = dirname(above)) {
      removeDirectory(join(root, above));
    }
  }
}

/** All below a group that nothing is in, and the group itself, in every hierarchy. */
export function pruneGroups(path: string): void {
  for (const root of hierarchies()) removeTree(join(root, path));
}

function hierarchies(): readonly string[] {
  return readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .filter((line) => / - cgroup2? /.test(line))
    .map((line) => line.split(' ')[4] ?? '');
}

function removeTree(path: string): void {
  let names: readonly string[];
  try {
    names = readdirSync(path, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => name);
  } catch {
    return; // it is not there
  }
  for (const name of names) removeTree(join(path, name));
  removeDirectory(path);
}

function removeDirectory(path: string): void {
  try {
    rmdirSync(path);
  } catch {
    // busy, or gone already
  }
}
