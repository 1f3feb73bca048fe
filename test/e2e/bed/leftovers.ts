/** What a bed may leave on the host, and its removal: of this bed when it closes, of others whose test was killed. */
import { createHash } from 'node:crypto';
import { readFileSync, readdirSync, rmSync, rmdirSync } from 'node:fs';
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

/** Removes a bed's directory, and the control groups of the agents that had their data in it. */
export async function removeBed(directory: string): Promise<void> {
  for (const machine of namesIn(directory)) await removeControlGroups(join(directory, machine, 'data'));
  rmSync(directory, { recursive: true, force: true });
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

/** Control groups that an agent with this data directory made, of every hierarchy. */
export function controlGroupsOf(dataDir: string): string[] {
  // As plugins/runtime-linux/src/layout.ts names its instance.
  const instance = createHash('sha256')
    .update(join(dataDir, 'data', 'runtime-linux'))
    .digest('hex')
    .slice(0, 10);
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
