import { accessSync, constants, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { defaultPath } from '@timonel/sdk/command';
import { detectCgroups } from '@timonel/sdk/linux/cgroup';
import type { RuntimeOciConfig } from './config.ts';
import { hasHelper, helper, helperMissing } from './helper.ts';

export type OciKind = 'crun' | 'runc';

/** Programs of the host that this plugin runs. */
export interface HostPrograms {
  readonly kind: OciKind;
  /** How the OCI runtime is run: its path, with what must stand before it. */
  readonly runtime: readonly string[];
  readonly conmon: string;
}

export type HostFinding = { readonly programs: HostPrograms; readonly reason: '' } | { readonly reason: string };

/** What is there, or what is missing with the package that has it. Cheap, and asked often: packages come and go. */
export function findPrograms(kind: OciKind, config: RuntimeOciConfig): HostFinding {
  if (process.platform !== 'linux') return { reason: `${kind} runs on Linux only` };
  if (process.getuid?.() !== 0) return { reason: `${kind} containers need root: run the agent as root` };
  const name = config.program === '' ? kind : config.program;
  const runtime = findProgram(name);
  if (runtime === undefined) return { reason: missing(name, kind) };
  const conmon = findProgram(config.monitor);
  if (conmon === undefined) return { reason: missing(config.monitor, 'conmon') };
  if (findProgram('mount') === undefined) return { reason: missing('mount', 'mount') };
  if (!hasHelper()) return { reason: helperMissing };
  const { driver } = detectCgroups();
  if (driver === undefined) return { reason: 'this node has no usable control groups: run "timonel doctor"' };
  const hidden = kind === 'crun' ? hybridMount() : undefined;
  const words = hidden === undefined ? [runtime] : [helper, 'without', hidden, runtime];
  return { programs: { kind, runtime: words, conmon }, reason: '' };
}

function missing(name: string, debianPackage: string): string {
  return `${name} is not installed on this node: install it (Debian: apt install ${debianPackage})`;
}

function findProgram(name: string): string | undefined {
  const places = name.includes('/')
    ? [name]
    : defaultPath()
        .split(':')
        .map((directory) => join(directory, name));
  return places.find((path) => {
    try {
      accessSync(path, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** The cgroup2 tree with controllers of its own beside v1, which crun refuses to work with. Undefined: there is none. */
export function hybridMount(mountInfo: string = readFileSync('/proc/self/mountinfo', 'utf8')): string | undefined {
  const mounts = mountInfo.split('\n').map((line) => {
    const [before = '', after = ''] = line.split(' - ');
    return { point: before.split(' ')[4] ?? '', type: after.split(' ')[0] };
  });
  if (!mounts.some(({ type }) => type === 'cgroup')) return undefined;
  const unified = mounts.find(({ type, point }) => type === 'cgroup2' && point === '/sys/fs/cgroup/unified');
  if (unified === undefined) return undefined;
  try {
    return readFileSync(join(unified.point, 'cgroup.controllers'), 'utf8').trim() === '' ? undefined : unified.point;
  } catch {
    return undefined;
  }
}

/** Linux 5.19 lets overlayfs take layers whose owners are shifted, which user namespaces need. */
export function shiftsLayers(kernel: string): boolean {
  const [major = 0, minor = 0] = kernel.split('.').map((part) => parseInt(part, 10));
  return major > 5 || (major === 5 && minor >= 19);
}
