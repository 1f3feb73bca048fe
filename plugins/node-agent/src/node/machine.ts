/** What this machine has and how it is. */
import { readFile, statfs } from 'node:fs/promises';
import { arch, availableParallelism, freemem, platform, release, totalmem, version } from 'node:os';
import type { Quantities } from '@timonel/sdk/kube';

export interface Machine {
  readonly capacity: Quantities;
  readonly memoryBytes: number;
  readonly machineId: string;
  readonly bootId: string;
  readonly kernelVersion: string;
  readonly osImage: string;
  readonly operatingSystem: string;
  readonly architecture: string;
}

export interface Pressure {
  readonly memory: boolean;
  readonly disk: boolean;
  readonly pids: boolean;
}

const goArchitectures: Record<string, string> = { x64: 'amd64', ia32: '386', ppc64: 'ppc64le' };

/** The kubelet's default eviction thresholds. */
const memoryAvailableBytes = 100 * 1024 * 1024;
const diskAvailableShare = 0.1;
const pidsAvailableShare = 0.1;

async function text(path: string): Promise<string> {
  return (await readFile(path, 'utf8').catch(() => '')).trim();
}

export async function readMachine(dataDir: string, maxPods: number): Promise<Machine> {
  const disk = await statfs(dataDir);
  const release_ = await text('/etc/os-release');
  const pretty = /^PRETTY_NAME="?([^"\n]*)"?$/m.exec(release_)?.[1];
  return {
    capacity: {
      cpu: String(availableParallelism()),
      memory: `${Math.floor(totalmem() / 1024)}Ki`,
      'ephemeral-storage': `${Math.floor((disk.blocks * disk.bsize) / 1024)}Ki`,
      pods: String(maxPods),
    },
    memoryBytes: totalmem(),
    machineId: await text('/etc/machine-id'),
    bootId: await text('/proc/sys/kernel/random/boot_id'),
    kernelVersion: release(),
    osImage: pretty ?? version(),
    operatingSystem: platform(),
    architecture: goArchitectures[arch()] ?? arch(),
  };
}

export async function readPressure(dataDir: string): Promise<Pressure> {
  const available = /^MemAvailable:\s+(\d+) kB$/m.exec(await text('/proc/meminfo'))?.[1];
  const memory = available === undefined ? freemem() : Number(available) * 1024;
  const disk = await statfs(dataDir);
  const pidMax = Number(await text('/proc/sys/kernel/pid_max'));
  // Fourth field of /proc/loadavg: runnable/total scheduling entities.
  const tasks = Number(/\d+\/(\d+)/.exec(await text('/proc/loadavg'))?.[1] ?? 0);
  return {
    memory: memory < memoryAvailableBytes,
    disk: disk.bavail < disk.blocks * diskAvailableShare,
    pids: pidMax > 0 && pidMax - tasks < pidMax * pidsAvailableShare,
  };
}
