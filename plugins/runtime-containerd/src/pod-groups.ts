import { existsSync, mkdirSync, readFileSync, readdirSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { errorCode, errorMessage } from '@timonel/sdk';
import type { LinuxResources } from '@timonel/sdk/contracts/runtime';
import { boundedShares, quotaMicros } from './resources.ts';

/** The mounted hierarchies: on v1 one for each controller, on v2 one. */
export interface Hierarchies {
  readonly version: 'v1' | 'v2';
  readonly roots: readonly string[];
  /** Of the controllers that we set limits of. */
  readonly memory: string;
  readonly cpu: string;
  readonly pids: string;
}

interface Mounted {
  readonly type: string;
  readonly point: string;
  readonly options: readonly string[];
}

/** Reads /proc/self/mountinfo. A v2 tree beside v1 ones that hold the controllers does not count. */
export function hierarchies(mountinfo: string = readFileSync('/proc/self/mountinfo', 'utf8')): Hierarchies {
  const mounted = mountinfo.split('\n').flatMap((line): Mounted[] => {
    const [before = '', after = ''] = line.split(' - ');
    const [type = '', , options = ''] = after.split(' ');
    return type.startsWith('cgroup') ? [{ type, point: before.split(' ')[4] ?? '', options: options.split(',') }] : [];
  });
  const v1 = (name: string): string | undefined =>
    mounted.find(({ type, options }) => type === 'cgroup' && options.includes(name))?.point;
  const roots = [...new Set(mounted.map(({ point }) => point))];
  const memory = v1('memory');
  if (memory !== undefined) return { version: 'v1', roots, memory, cpu: v1('cpu') ?? '', pids: v1('pids') ?? '' };
  const unified = mounted.find(({ type }) => type === 'cgroup2')?.point ?? '/sys/fs/cgroup';
  return { version: 'v2', roots, memory: unified, cpu: unified, pids: unified };
}

/**
 * The groups of pods, above those that containerd makes for their containers: their limits are ours to set, as they are the kubelet's
 * elsewhere. Paths begin with `/`.
 */
export class PodGroups {
  readonly #at: Hierarchies;

  constructor(at: Hierarchies) {
    this.#at = at;
  }

  get version(): 'v1' | 'v2' {
    return this.#at.version;
  }

  /** @throws Error when a limit cannot be set: those that were set before it hold */
  apply(path: string, resources: LinuxResources): void {
    const { version, memory, cpu, pids } = this.#at;
    for (const root of new Set([memory, cpu, pids].filter((each) => each !== ''))) {
      mkdirSync(join(root, path), { recursive: true });
      if (version === 'v2') delegate(root, path);
    }
    for (const [root, file, value] of version === 'v1' ? v1Files(this.#at, resources) : v2Files(this.#at, resources)) {
      write(join(root, path, file), value);
    }
  }

  /** Processes in a group and those below. Undefined: there is none. */
  pids(path: string): number | undefined {
    const { pids } = this.#at;
    const text = readText(join(pids, path, 'pids.current'));
    return text === undefined ? undefined : Number(text);
  }

  names(path: string): string[] {
    const found = this.#at.roots.flatMap((root) => {
      const directory = join(root, path);
      return existsSync(directory) ? readdirSync(directory, { withFileTypes: true }) : [];
    });
    return [...new Set(found.filter((entry) => entry.isDirectory()).map(({ name }) => name))];
  }

  /** Removes a group and those in it, where they are empty. */
  remove(path: string): void {
    for (const root of this.#at.roots) removeTree(join(root, path));
  }
}

function delegate(root: string, path: string): void {
  const names = path.split('/').filter((name) => name !== '');
  for (let depth = 0; depth < names.length; depth += 1) {
    const control = join(root, ...names.slice(0, depth), 'cgroup.subtree_control');
    for (const controller of ['memory', 'cpu', 'pids']) {
      if (!(readText(control) ?? '').split(' ').includes(controller)) write(control, `+${controller}`);
    }
  }
}

type Setting = readonly [root: string, file: string, value: string];

function v1Files({ memory, cpu, pids }: Hierarchies, resources: LinuxResources): Setting[] {
  const { memoryLimitBytes, memoryMinBytes, cpuLimitMillis, cpuShares, pidsLimit } = resources;
  return [
    ...setting(memory, 'memory.limit_in_bytes', memoryLimitBytes, String),
    ...setting(memory, 'memory.soft_limit_in_bytes', memoryMinBytes, String),
    ...setting(cpu, 'cpu.cfs_quota_us', cpuLimitMillis, (value) => String(value === -1 ? -1 : quotaMicros(value))),
    ...setting(cpu, 'cpu.shares', cpuShares, (value) => String(boundedShares(value))),
    ...setting(pids, 'pids.max', pidsLimit, orMax),
  ];
}

function v2Files({ memory, cpu, pids }: Hierarchies, resources: LinuxResources): Setting[] {
  const { memoryLimitBytes, memoryMinBytes, memoryHighBytes, swapLimitBytes, cpuLimitMillis, cpuShares, pidsLimit } =
    resources;
  return [
    ...setting(memory, 'memory.max', memoryLimitBytes, orMax),
    ...setting(memory, 'memory.min', memoryMinBytes, (value) => String(Math.max(0, value))),
    ...setting(memory, 'memory.high', memoryHighBytes, orMax),
    ...setting(memory, 'memory.swap.max', swapLimitBytes, orMax),
    ...setting(cpu, 'cpu.max', cpuLimitMillis, (value) => `${value === -1 ? 'max' : quotaMicros(value)} 100000`),
    ...setting(cpu, 'cpu.weight', cpuShares, (value) => String(weight(boundedShares(value)))),
    ...setting(pids, 'pids.max', pidsLimit, orMax),
  ];
}

function setting(root: string, file: string, value: number | undefined, format: (value: number) => string): Setting[] {
  return value === undefined || root === '' ? [] : [[root, file, format(value)]];
}

function orMax(value: number): string {
  return value === -1 ? 'max' : String(value);
}

/** From the range 2…262144 to 1…10000, as OCI runtimes agreed on. */
function weight(shares: number): number {
  return Math.floor(1 + ((shares - 2) * 9999) / 262_142);
}

function write(path: string, value: string): void {
  try {
    writeFileSync(path, value);
  } catch (error) {
    const busy = errorCode(error) === 'EBUSY' ? ': more is in use' : '';
    throw new Error(`${path} does not take ${value}${busy}: ${errorMessage(error)}`, { cause: error });
  }
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return undefined;
  }
}

function removeTree(directory: string): void {
  if (!existsSync(directory)) return;
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    if (entry.isDirectory()) removeTree(join(directory, entry.name));
  }
  try {
    rmdirSync(directory);
  } catch (error) {
    // Something runs in it, or it is gone by now.
    if (!['EBUSY', 'ENOTEMPTY', 'ENOENT'].includes(errorCode(error) ?? '')) throw error;
  }
}
