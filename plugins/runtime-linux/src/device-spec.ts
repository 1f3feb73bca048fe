import { accessSync, constants, readdirSync, statSync, type Stats } from 'node:fs';
import { join } from 'node:path';
import { RuntimeError, type ContainerConfig, type Device, type SandboxConfig } from '@timonel/sdk/contracts/runtime';
import { isRootless } from '@timonel/sdk/linux';
import type { AllowedDevices, DeviceFilter, DeviceRule } from '@timonel/sdk/linux/cgroup';
import type { SpecEntry } from './spec-file.ts';

/** Directories of /dev that containers have of their own. */
const ownDirectories = new Set(['pts', 'shm', 'mqueue', 'hugepages', 'ptmx']);

/** Which devices the container may open. @throws RuntimeError when one is not there */
export function allowedDevices({ devices, security }: ContainerConfig): AllowedDevices {
  return security.privileged ? 'all' : (devices ?? []).map(ruleOf);
}

/** What every container has, by major and minor number. */
const usual = { null: '1 3', zero: '1 5', full: '1 7', random: '1 8', urandom: '1 9', tty: '5 0' };

/** A character device that all may use, as stat(2) has it. */
const usualMode = 0o2_0666;

/**
 * What stands in /dev. Nodes are made where control groups limit which of them can be opened, for privileged containers all that the node
 * has; else, and in a user namespace, which cannot make any, the node's own are mounted: of a rootless node those that its user may open.
 */
export function deviceEntries({ security }: ContainerConfig, sandbox: SandboxConfig, areLimited: boolean): SpecEntry[] {
  const makes = !isRootless() && sandbox.userNamespace === undefined && (areLimited || security.privileged);
  const names = Object.entries(usual);
  if (isRootless() && security.privileged) {
    const others = devicesIn('/dev').filter(({ path }) => isOpen(path));
    return others.flatMap(({ path }) => mountEntries(path, path));
  }
  return !makes
    ? names.flatMap(([name]) => mountEntries(`/dev/${name}`, `/dev/${name}`))
    : security.privileged
      ? devicesIn('/dev').map(nodeEntry)
      : names.map(([name, numbers]): SpecEntry => ['node', `${usualMode} ${numbers} 0 0 /dev/${name}`]);
}

/** Mounts of the devices that the container is given: after its volumes, which may hold the directories. */
export function givenDeviceEntries({ devices }: ContainerConfig): SpecEntry[] {
  for (const device of devices ?? []) ruleOf(device);
  return (devices ?? []).flatMap(({ hostPath, containerPath }) => mountEntries(hostPath, containerPath));
}

export function deviceFilterEntries(filter: DeviceFilter | undefined): SpecEntry[] {
  if (filter === undefined) return [];
  return [
    ['deviceGroup', filter.group],
    ['deviceProgram', filter.program.toString('hex')],
  ];
}

function mountEntries(source: string, target: string): SpecEntry[] {
  return [
    ['mount', 'd,private'],
    ['mountSource', source],
    ['mountTarget', target],
  ];
}

function ruleOf({ hostPath, permissions }: Device): DeviceRule {
  if (!/^(?!.*(.).*\1)[rwm]{1,3}$/.test(permissions)) {
    throw new RuntimeError(
      'CreateContainerConfigError',
      `device ${hostPath}: "${permissions}" is not made of r, w and m`,
    );
  }
  const status = statSync(hostPath, { throwIfNoEntry: false });
  const type = status === undefined ? undefined : typeOf(status);
  if (status === undefined || type === undefined) {
    const what = status === undefined ? 'is not on this node' : 'is not a device';
    throw new RuntimeError('CreateContainerError', `device ${hostPath} ${what}`);
  }
  return { type, ...numbersOf(status.rdev), permissions };
}

function typeOf(status: Stats): 'c' | 'b' | undefined {
  return status.isCharacterDevice() ? 'c' : status.isBlockDevice() ? 'b' : undefined;
}

/** makedev(3): 12 bits of the major number in the middle of 20 of the minor. */
function numbersOf(device: number): { readonly major: number; readonly minor: number } {
  return { major: (device >>> 8) & 0xf_ff, minor: (device & 0xff) | ((device >>> 12) & 0xf_ff_00) };
}

interface FoundDevice {
  readonly path: string;
  readonly status: Stats;
}

function devicesIn(directory: string): FoundDevice[] {
  return readdirSync(directory, { withFileTypes: true }).flatMap((entry): FoundDevice[] => {
    const path = join(directory, entry.name);
    if (directory === '/dev' && ownDirectories.has(entry.name)) return [];
    if (entry.isDirectory()) return isOpen(path, constants.R_OK) ? devicesIn(path) : [];
    const status =
      entry.isCharacterDevice() || entry.isBlockDevice() ? statSync(path, { throwIfNoEntry: false }) : undefined;
    return status === undefined ? [] : [{ path, status }];
  });
}

function nodeEntry({ path, status }: FoundDevice): SpecEntry {
  const { major, minor } = numbersOf(status.rdev);
  return ['node', `${status.mode} ${major} ${minor} ${status.uid} ${status.gid} ${path}`];
}

function isOpen(path: string, how: number = constants.R_OK | constants.W_OK): boolean {
  try {
    accessSync(path, how);
    return true;
  } catch {
    return false;
  }
}
