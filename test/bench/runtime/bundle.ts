import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { defaultCapabilities, maskedPaths, readonlyPaths, runtimeDefaultProfile } from '@timonel/sdk/linux';

/** What every container of the benchmark is limited to, by whatever runtime. */
export const limits = { memoryLimitBytes: 64 << 20, cpuLimitMillis: 500, cpuShares: 512, pidsLimit: 100 } as const;

const mount = (destination: string, type: string, source: string, options: readonly string[]): object => ({
  destination,
  type,
  source,
  options,
});

/** An OCI bundle of a container with all namespaces, limits, capabilities and system calls as an engine gives by default. */
export function writeBundle(directory: string, root: string, args: readonly string[]): string {
  const capabilities = defaultCapabilities.map((name) => `CAP_${name}`);
  const config = {
    ociVersion: '1.0.2',
    hostname: 'bench',
    process: {
      user: { uid: 0, gid: 0 },
      args,
      env: ['PATH=/bin'],
      cwd: '/',
      noNewPrivileges: true,
      capabilities: { bounding: capabilities, effective: capabilities, permitted: capabilities },
    },
    root: { path: root },
    mounts: [
      mount('/proc', 'proc', 'proc', []),
      mount('/dev', 'tmpfs', 'tmpfs', ['nosuid', 'strictatime', 'mode=755', 'size=65536k']),
      mount('/dev/pts', 'devpts', 'devpts', ['nosuid', 'noexec', 'newinstance', 'ptmxmode=0666', 'mode=0620']),
      mount('/dev/shm', 'tmpfs', 'shm', ['nosuid', 'noexec', 'nodev', 'mode=1777', 'size=65536k']),
      mount('/dev/mqueue', 'mqueue', 'mqueue', ['nosuid', 'noexec', 'nodev']),
      mount('/sys', 'sysfs', 'sysfs', ['nosuid', 'noexec', 'nodev', 'ro']),
      mount('/sys/fs/cgroup', 'cgroup', 'cgroup', ['nosuid', 'noexec', 'nodev', 'ro']),
    ],
    linux: {
      namespaces: ['pid', 'network', 'ipc', 'uts', 'mount', 'cgroup'].map((type) => ({ type })),
      resources: {
        memory: { limit: limits.memoryLimitBytes },
        cpu: { quota: limits.cpuLimitMillis * 100, period: 100_000, shares: limits.cpuShares },
        pids: { limit: limits.pidsLimit },
      },
      maskedPaths,
      readonlyPaths,
      seccomp: runtimeDefaultProfile(defaultCapabilities),
    },
  };
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, 'config.json'), JSON.stringify(config));
  return directory;
}
