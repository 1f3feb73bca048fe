/** What this machine has and how it is. */
import { readdir, readFile, statfs } from 'node:fs/promises';
import { arch, availableParallelism, platform, release, totalmem, version } from 'node:os';
import { wholeQuantity, type Quantities } from '@timonel/sdk/kube';
import { nodeMemory } from '../eviction/node-memory.ts';

export interface Machine {
  readonly capacity: Quantities;
  readonly memoryBytes: number;
  readonly swapBytes: number;
  /** Sizes of which the node has some, as Kubernetes names them: `2Mi`. */
  readonly hugePageSizes: readonly string[];
  /** Memory that lies in them, whoever uses it. */
  readonly hugePageBytes: number;
  /** The kernel has AppArmor, and it is on. */
  readonly hasAppArmor: boolean;
  readonly machineId: string;
  readonly systemUuid: string;
  readonly bootId: string;
  readonly kernelVersion: string;
  readonly osImage: string;
  readonly operatingSystem: string;
  readonly architecture: string;
}

const goArchitectures: Record<string, string> = { x64: 'amd64', ia32: '386', ppc64: 'ppc64le' };

async function text(path: string): Promise<string> {
  return (await readFile(path, 'utf8').catch(() => '')).trim();
}

interface HugePages {
  readonly size: string;
  readonly count: number;
}

const kibPerMib = 1024;
const kibPerGib = 1024 * 1024;

/** The directories are named by size: `hugepages-2048kB`. */
async function readHugePages(): Promise<HugePages[]> {
  const root = '/sys/kernel/mm/hugepages';
  const names = await readdir(root).catch(() => []);
  const found = names.map(async (name): Promise<HugePages[]> => {
    const kib = Number(/^hugepages-(\d+)kB$/.exec(name)?.[1] ?? 0);
    if (kib === 0) return [];
    const count = Number(await text(`${root}/${name}/nr_hugepages`));
    if (kib % kibPerGib === 0) return [{ size: `${kib / kibPerGib}Gi`, count }];
    return [{ size: kib % kibPerMib === 0 ? `${kib / kibPerMib}Mi` : `${kib}Ki`, count }];
  });
  return (await Promise.all(found)).flat();
}

/** `512Mi` for 256 pages of `2Mi`. */
function hugePagesCapacity({ size, count }: HugePages): [string, string] {
  const [, number = '0', unit = ''] = /^(\d+)(\w+)$/.exec(size) ?? [];
  return [`hugepages-${size}`, count === 0 ? '0' : `${Number(number) * count}${unit}`];
}

export async function readMachine(dataDir: string, maxPods: number): Promise<Machine> {
  const disk = await statfs(dataDir);
  const release_ = await text('/etc/os-release');
  const hugePages = await readHugePages();
  const memoryBytes = (await nodeMemory())?.capacityBytes ?? totalmem();
  const machineId = await text('/etc/machine-id');
  const swap = /^SwapTotal:\s+(\d+) kB$/m.exec(await text('/proc/meminfo'))?.[1];
  const pretty = /^PRETTY_NAME="?([^"\n]*)"?$/m.exec(release_)?.[1];
  return {
    capacity: {
      cpu: String(availableParallelism()),
      memory: `${Math.floor(memoryBytes / 1024)}Ki`,
      'ephemeral-storage': `${Math.floor((disk.blocks * disk.bsize) / 1024)}Ki`,
      pods: String(maxPods),
      ...Object.fromEntries(hugePages.map(hugePagesCapacity)),
    },
    memoryBytes,
    swapBytes: Number(swap ?? 0) * 1024,
    hugePageSizes: hugePages.flatMap(({ size, count }) => (count > 0 ? [size] : [])),
    hugePageBytes: hugePages.reduce((sum, { size, count }) => sum + count * (wholeQuantity(size) ?? 0), 0),
    hasAppArmor: (await text('/sys/module/apparmor/parameters/enabled')) === 'Y',
    machineId,
    systemUuid: (await text('/sys/class/dmi/id/product_uuid')) || machineId,
    bootId: await text('/proc/sys/kernel/random/boot_id'),
    kernelVersion: release(),
    osImage: pretty ?? version(),
    operatingSystem: platform(),
    architecture: goArchitectures[arch()] ?? arch(),
  };
}
