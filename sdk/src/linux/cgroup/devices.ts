import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
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
}

/** null, zero, full, random, urandom, tty, ptmx and the terminals behind it. Any node may be made, few can be opened. */
const usual = [
  'c *:* m',
  'b *:* m',
  ...['1:3', '1:5', '1:7', '1:8', '1:9', '5:0', '5:2', '136:*'].map((id) => `c ${id} rwm`),
];

/** Holds all containers without devices of their own: one group for them costs each of them nothing to make. */
const shared = 'usual-devices';

/** Adds the devices controller of cgroup v1, where it is mounted. `root`: the group that all containers lie below. */
export function withDevices(
  driver: CgroupDriver,
  root: string,
  mountInfo: string = readFileSync('/proc/self/mountinfo', 'utf8'),
): DeviceDriver {
  const mount = driver.version === 'v1' ? devicesMount(mountInfo) : undefined;
  if (mount === undefined) return { ...driver, limitsDevices: false, allowDevices: () => undefined };
  const sharedGroup = join(mount, root, shared);
  return {
    ...driver,
    limitsDevices: true,
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
  const rules = devices.map(({ type, major, minor, permissions }) => `${type} ${major}:${minor} ${permissions}`);
  for (const rule of [...usual, ...rules]) writeGroupFile(join(group, 'devices.allow'), rule);
}

function devicesMount(mountInfo: string): string | undefined {
  const line = mountInfo
    .split('\n')
    .find((each) => / - cgroup /.test(each) && each.split(' ').at(-1)?.split(',').includes('devices'));
  return line?.split(' ')[4];
}
