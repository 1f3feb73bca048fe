import { spawn, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import type { CgroupDriver } from '../driver.ts';
import { readGroupFile } from '../files.ts';

/** Names of the files in which each version keeps a limit. */
const files = {
  memory: { v1: ['memory', 'memory.limit_in_bytes'], v2: ['memory', 'memory.max'] },
  shares: { v1: ['cpu', 'cpu.shares'], v2: ['cpu', 'cpu.weight'] },
  quota: { v1: ['cpu', 'cpu.cfs_quota_us'], v2: ['cpu', 'cpu.max'] },
  pids: { v1: ['pids', 'pids.max'], v2: ['pids', 'pids.max'] },
  cpus: { v1: ['cpuset', 'cpuset.cpus'], v2: ['cpuset', 'cpuset.cpus'] },
  hugePages: { v1: ['hugetlb', 'hugetlb.2MB.limit_in_bytes'], v2: ['hugetlb', 'hugetlb.2MB.max'] },
} as const;

/** What the kernel says of a group's limit. Undefined: there is no such group. */
export function limitOf(driver: CgroupDriver, path: string, limit: keyof typeof files): string | undefined {
  const [controller, name] = files[limit][driver.version];
  // The group's directories are those of the files with which one joins it.
  const directories = driver.joinFiles(path).map((file) => join(file, '..'));
  const candidates = [name, limit === 'hugePages' ? files.hugePages.v2[1] : name];
  for (const directory of directories) {
    if (driver.version === 'v1' && !directory.includes(controller) && limit !== 'hugePages') continue;
    for (const candidate of candidates) {
      const text = readGroupFile(join(directory, candidate));
      if (text !== undefined) return text;
    }
  }
  return undefined;
}

/** A shell in the group, and whatever it starts. */
export function shellIn(driver: CgroupDriver, path: string, script: string): ChildProcess {
  const join_ = driver.joinFiles(path).map((file) => `echo $$ > ${file.replace(/tasks$/, 'cgroup.procs')}`);
  return spawn('sh', ['-c', [...join_, script].join('\n')], { stdio: ['ignore', 'pipe', 'ignore'] });
}
