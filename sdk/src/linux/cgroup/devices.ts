import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { deviceProgram, type DevicePattern } from './device-program.ts';
import type { CgroupDriver } from './driver.ts';
import { groupNames, makeGroup, removeGroup, writeGroupFile } from './files.ts';

/** A device as control groups know it. `permissions`: of `rwm`. */
export interface DeviceRule {
  readonly type: 'c' | 'b';
  readonly major: number;
  readonly minor: number;
  readonly permissions: string;
}

/** `all`: no restriction. Else the usual devices of containers, and these. */
export type AllowedDevices = 'all' | readonly DeviceRule[];

/** A driver whose groups also say which devices their processes may open. */
export interface DeviceDriver extends CgroupDriver {
  /** False: this node has nothing to limit devices with. */
  readonly limitsDevices: boolean;
  /** To be called for a container before it joins its group. */
  allowDevices(path: string, devices: AllowedDevices): void;
  /** What is to be attached to the group of a container, where the kernel wants a program for that. */
  deviceFilter(path: string, devices: AllowedDevices): DeviceFilter | undefined;
}

export interface DeviceFilter {
  /** The directory of the group. */
  readonly group: string;
  /** eBPF, for BPF_CGROUP_DEVICE. */
  readonly program: Buffer;
}

/** null, zero, full, random, urandom, tty, ptmx and the terminals behind it. Any node may be made, few can be opened. */
const usual: readonly DevicePattern[] = [
  { type: 'c', major: '*', minor: '*', permissions: 'm' },
  { type: 'b', major: '*', minor: '*', permissions: 'm' },
  ...[3, 5, 7, 8, 9].map((minor) => ({ type: 'c', major: 1, minor, permissions: 'rwm' }) as const),
  ...[0, 2].map((minor) => ({ type: 'c', major: 5, minor, permissions: 'rwm' }) as const),
  { type: 'c', major: 136, minor: '*', permissions: 'rwm' },
];

/** Holds all containers without devices of their own: one group for them costs each of them nothing to make. */
const shared = 'usual-devices';

/**
 * Adds the limits of devices: of cgroup v1 where its controller is mounted, of v2 by programs. `root`: the group that all containers lie
 * below.
 */
export function withDevices(
  driver: CgroupDriver,
  root: string,
  mountInfo: string = readFileSync('/proc/self/mountinfo', 'utf8'),
): DeviceDriver {
  if (driver.isAbsent !== true && driver.version === 'v2') return withPrograms(driver);
  const mount = driver.isAbsent === true ? undefined : devicesMount(mountInfo);
  if (mount !== undefined) return withController(driver, root, mount);
  return { ...driver, limitsDevices: false, allowDevices: () => undefined, deviceFilter: () => undefined };
}

function withPrograms(driver: CgroupDriver): DeviceDriver {
  const program = deviceProgram(usual);
  return {
    ...driver,
    limitsDevices: true,
    allowDevices: () => undefined,
    deviceFilter(path, devices) {
      const [file] = driver.joinFiles(path);
      if (devices === 'all' || file === undefined) return undefined;
      return {
        group: dirname(file),
        program: devices.length === 0 ? program : deviceProgram([...usual, ...devices]),
      };
    },
  };
}

function withController(driver: CgroupDriver, root: string, mount: string): DeviceDriver {
  const sharedGroup = join(mount, root, shared);
  return {
    ...driver,
    limitsDevices: true,
    deviceFilter: () => undefined,
    allowDevices(path, devices) {
      if (devices === 'all') makeGroup(join(mount, path));
      else if (devices.length > 0) restrict(join(mount, path), devices);
      else if (!existsSync(sharedGroup)) restrict(sharedGroup, []);
    },
    joinFiles(path) {
      const group = [join(mount, path), sharedGroup].find((each) => existsSync(each));
      return [...driver.joinFiles(path), ...(group === undefined ? [] : [join(group, 'tasks')])];
    },
    children: (path) => [
      ...new Set([...driver.children(path), ...groupNames(join(mount, path)).filter((name) => name !== shared)]),
    ],
    remove(path) {
      const removed = driver.remove(path);
      if (path === root) removeGroup(sharedGroup);
      return removeGroup(join(mount, path)) && removed;
    },
  };
}

function restrict(group: string, devices: readonly DeviceRule[]): void {
  makeGroup(group);
  writeGroupFile(join(group, 'devices.deny'), 'a');
  for (const { type, major, minor, permissions } of [...usual, ...devices]) {
    writeGroupFile(join(group, 'devices.allow'), `${type} ${major}:${minor} ${permissions}`);
  }
}

function devicesMount(mountInfo: string): string | undefined {
  const line = mountInfo
    .split('\n')
    .find((each) => / - cgroup /.test(each) && each.split(' ').at(-1)?.split(',').includes('devices'));
  return line?.split(' ')[4];
}
