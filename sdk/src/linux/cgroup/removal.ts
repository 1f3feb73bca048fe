import type { Env } from '../../kernel/index.ts';
import type { CgroupDriver } from './driver.ts';

const attempts = 20;
const firstWaitMs = 2;
const longestWaitMs = 200;

/**
 * Removes a group and those within. A process that was just killed keeps its group busy for a moment; whatever else is in
 * it is killed. @throws Error when it is still busy after about 3 s.
 */
export async function removeGroups(driver: CgroupDriver, path: string, env: Env): Promise<void> {
  if (driver.remove(path)) return; // as a rule
  for (const name of driver.children(path)) await removeGroups(driver, `${path}/${name}`, env);
  let waitMs = firstWaitMs;
  for (let attempt = 0; attempt < attempts; attempt++) {
    if (driver.remove(path)) return;
    killAll(driver, path);
    await env.timers.sleep(waitMs);
    waitMs = Math.min(longestWaitMs, waitMs * 2);
  }
  throw new Error(`control group ${path} is still busy with the processes ${driver.processes(path).join(', ')}`);
}

/** Nobody forks any more, so that the list holds all who are left. */
function killAll(driver: CgroupDriver, path: string): void {
  if (driver.kill(path)) return;
  for (const pid of driver.processes(path)) killQuietly(pid);
}

function killQuietly(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // it ended by itself
  }
}
