import { spawn, type ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CgroupDriver } from '@timonel/sdk/linux/cgroup';

/** Names of the files in which each version keeps a limit. */
const files = {
  memory: { v1: ['memory', 'memory.limit_in_bytes'], v2: ['memory', 'memory.max'] },
  swap: { v1: ['memory', 'memory.memsw.limit_in_bytes'], v2: ['memory', 'memory.swap.max'] },
  shares: { v1: ['cpu', 'cpu.shares'], v2: ['cpu', 'cpu.weight'] },
  quota: { v1: ['cpu', 'cpu.cfs_quota_us'], v2: ['cpu', 'cpu.max'] },
  pids: { v1: ['pids', 'pids.max'], v2: ['pids', 'pids.max'] },
  cpus: { v1: ['cpuset', 'cpuset.cpus'], v2: ['cpuset', 'cpuset.cpus'] },
  hugePages: { v1: ['hugetlb', 'hugetlb.2MB.limit_in_bytes'], v2: ['hugetlb', 'hugetlb.2MB.max'] },
} as const;

/** What the kernel says of a group's limit. Undefined: there is no such group. */
export function limitOf(driver: CgroupDriver, path: string, limit: keyof typeof files): string | undefined {
  const [controller, name] = files[limit][driver.version];
  // A v1 controller has a tree of its own; that of huge pages may be the v2 tree beside those of v1.
  const joined = driver.joinFiles(path).filter((file) => file.includes(controller) || file.endsWith('cgroup.procs'));
  const candidates = joined.flatMap((file) => [join(file, '..', name), join(file, '..', files[limit].v2[1])]);
  return candidates.map(textOf).find((text) => text !== undefined);
}

function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return undefined;
  }
}

/** A shell in the group, and whatever it starts. */
export function shellIn(driver: CgroupDriver, path: string, script: string): ChildProcess {
  const join_ = driver.joinFiles(path).map((file) => `echo $$ > ${file.replace(/tasks$/, 'cgroup.procs')}`);
  return spawn('sh', ['-c', [...join_, script].join('\n')], { stdio: ['ignore', 'pipe', 'ignore'] });
}
