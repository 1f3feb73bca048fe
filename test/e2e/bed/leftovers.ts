/** What a bed may leave on the host, and its removal: of this bed when it closes, of others whose test was killed. */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, readdirSync, rmSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { until } from '../../support/until.ts';
import { kill, startTimeOf } from './processes.ts';

const pattern = /^tmlbed-(\d+)-(\d+)-[0-9a-f]+$/;

/** Says whose bed it is: the process by its pid and start time. */
export function bedName(random: string): string {
  return `tmlbed-${process.pid}-${startTimeOf(process.pid) ?? 0}-${random}`;
}

/** Removes what beds of processes that are gone left behind. Their namespaces ended with them. */
export async function removeStaleBeds(): Promise<void> {
  for (const name of readdirSync(tmpdir())) {
    const [, pid, startTime] = pattern.exec(name) ?? [];
    if (pid === undefined || startTimeOf(Number(pid)) === startTime) continue;
    await removeBed(join(tmpdir(), name));
  }
}

/** Removes a bed's directory, and the control groups and run directories of the agents that had their data in it. */
export async function removeBed(directory: string): Promise<void> {
  for (const machine of namesIn(directory)) {
    const dataDir = join(directory, machine, 'data');
    await removeControlGroups(dataDir);
    removeRunDirectory(join('/run', `timonel-${instanceOf(dataDir)}`));
  }
  rmSync(directory, { recursive: true, force: true });
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

/** As plugins/runtime-linux/src/layout.ts names it. */
function instanceOf(dataDir: string): string {
  return createHash('sha256')
    .update(join(dataDir, 'data', 'runtime-linux'))
    .digest('hex')
    .slice(0, 10);
}

/** Agents that are ended in the midst of their work leave it mounted, for the next. */
function removeRunDirectory(path: string): void {
  if (!existsSync(path)) return;
  spawnSync('umount', ['--lazy', path]); // it may have been in the machine's own mount namespace
  rmdirSync(path);
}

/** Control groups that an agent with this data directory made, of every hierarchy. */
export function controlGroupsOf(dataDir: string): string[] {
  const instance = instanceOf(dataDir);
  const roots = readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .filter((line) => line.includes(' - cgroup'))
    .map((line) => line.split(' ')[4] ?? '');
  return roots.map((root) => join(root, `timonel-${instance}`)).filter((path) => namesIn(path).length > 0);
}

/** The last resort: agents remove theirs. */
async function removeControlGroups(dataDir: string): Promise<void> {
  await until(() => controlGroupsOf(dataDir).map(removeGroup).every(Boolean), {
    what: `the control groups of ${dataDir} to go`,
    intervalMs: 20,
  });
}

function removeGroup(path: string): boolean {
  const inner = readdirSync(path, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  for (const { name } of inner) removeGroup(join(path, name));
  for (const pid of readFileSync(join(path, 'cgroup.procs'), 'utf8').split('\n')) {
    if (pid !== '' && pid !== '0') kill(Number(pid), 'SIGKILL');
  }
  try {
    rmdirSync(path);
    return true;
  } catch {
    return false;
  }
}
