/** Takes away by force whatever a node has on this machine: after a failure nothing may be left either. */
import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync, rmSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { until } from '../support/until.ts';
import { bridgeOf, controlGroups, linksOf, mountsOf, processesOf, runDirectoryOf, type HeldBy } from './holdings.ts';

export async function clear({ dataDir, gateway, pid }: HeldBy): Promise<void> {
  const inGroups = (): number[] =>
    controlGroups(dataDir).flatMap((group) =>
      readFileSync(join(group, 'cgroup.procs'), 'utf8').split('\n').filter(Boolean).map(Number),
    );
  const all = (): number[] => [...processesOf(dataDir, pid).map((each) => each.pid), ...inGroups()];
  const ended = (): boolean => all().every((each) => !killed(each));
  await until(ended, { what: `the processes of ${dataDir} to end` });
  // Those below go with what they are mounted on.
  for (const path of mountsOf(dataDir).toReversed()) spawnSync('umount', ['--lazy', path]);
  for (const group of controlGroups(dataDir).toReversed()) rmdirSync(group);
  const bridge = bridgeOf(gateway);
  for (const link of [...linksOf(gateway), ...(bridge === undefined ? [] : [bridge])]) {
    execFileSync('ip', ['link', 'delete', link]);
  }
  rmSync(runDirectoryOf(dataDir), { recursive: true, force: true });
}

/** False: it was gone already. */
function killed(pid: number): boolean {
  try {
    process.kill(pid, 'SIGKILL');
    return true;
  } catch {
    return false;
  }
}
