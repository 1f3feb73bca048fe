import { readdirSync, statSync, type Stats } from 'node:fs';
import { join } from 'node:path';
import { RuntimeError, type ContainerConfig, type Device, type SandboxConfig } from '@timonel/sdk/contracts/runtime';
import type { AllowedDevices, DeviceRule } from '@timonel/sdk/linux/cgroup';
import type { SpecEntry } from './spec-file.ts';

/** Directories of /dev that containers have of their own. */
const own = new Set(['pts', 'shm', 'mqueue', 'hugepages', 'ptmx']);

/** Which devices the container may open. @throws RuntimeError when one is not there */
export function allowedDevices({ devices, security }: ContainerConfig): AllowedDevices {
  return security.privileged ? 'all' : (devices ?? []).map(ruleOf);
}

/** What every container has; 8630 is 0o20666: a character device that all may use. */
const usual: readonly SpecEntry[] = [
  '1 3 0 0 /dev/null',
  '1 5 0 0 /dev/zero',
  '1 7 0 0 /dev/full',
  '1 8 0 0 /dev/random',
  '1 9 0 0 /dev/urandom',
  '5 0 0 0 /dev/tty',
].map((node) => ['node', `8630 ${node}`]);

/**
 * The nodes of /dev, and devices shown by mounts of the node's. To a privileged container all of the node's, made anew; nodes are made
 * where control groups limit which of them can be opened, else (and in a user namespace, which cannot make any) the native side
 * mounts the usual ones.
 */
export function deviceEntries(
  { devices, security }: ContainerConfig,
  sandbox: SandboxConfig,
  areLimited: boolean,
): SpecEntry[] {
  const all =
    sandbox.userNamespace !== undefined ? [] : security.privileged ? nodeEntries('/dev') : areLimited ? [...usual] : [];
  for (const device of devices ?? []) {
    ruleOf(device);
    all.push(['mount', 'd,private'], ['mountSource', device.hostPath], ['mountTarget', device.containerPath]);
  }
  return all;
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

function nodeEntries(directory: string): SpecEntry[] {
  return readdirSync(directory, { withFileTypes: true }).flatMap((entry): SpecEntry[] => {
    const path = join(directory, entry.name);
    if (directory === '/dev' && own.has(entry.name)) return [];
    if (entry.isDirectory()) return nodeEntries(path);
    const status =
      entry.isCharacterDevice() || entry.isBlockDevice() ? statSync(path, { throwIfNoEntry: false }) : undefined;
    if (status === undefined) return [];
    const { major, minor } = numbersOf(status.rdev);
    return [['node', `${status.mode} ${major} ${minor} ${status.uid} ${status.gid} ${path}`]];
  });
}
