import { readdirSync, statSync, type Stats } from 'node:fs';
import { join } from 'node:path';
import { errorCode } from '@timonel/sdk';
import { RuntimeError, type ContainerConfig, type Device } from '@timonel/sdk/contracts/runtime';
import type { OciDevice, OciDeviceRule } from './spec.ts';

/** Of the node's /dev: what each container has of its own. */
const ownOfContainer = new Set([
  'pts',
  'shm',
  'mqueue',
  'console',
  'ptmx',
  'tty',
  'null',
  'zero',
  'full',
  'random',
  'urandom',
]);
const mostDevices = 4096;

export interface Devices {
  readonly nodes: readonly OciDevice[];
  readonly rules: readonly OciDeviceRule[];
}

/** Privileged: all that the node has. Otherwise what was asked for, beside those that every container has. @throws RuntimeError */
export function deviceSpecs(config: ContainerConfig): Devices {
  if (config.security.privileged) {
    return { nodes: nodesBelow('/dev', ''), rules: [{ allow: true, type: 'a', access: 'rwm' }] };
  }
  const asked = (config.devices ?? []).map((device) => ({ device, node: nodeOf(device) }));
  const rules = asked.map(({ device, node: { type, major, minor } }): OciDeviceRule => {
    return { allow: true, type, major, minor, access: device.permissions };
  });
  return { nodes: asked.map(({ node }) => node), rules: [{ allow: false, access: 'rwm' }, ...rules] };
}

function nodeOf({ hostPath, containerPath, permissions }: Device): OciDevice {
  if (!/^(?!.*(.).*\1)[rwm]{1,3}$/.test(permissions)) {
    refuse(`"${permissions}" are no permissions of a device: give letters of "rwm"`);
  }
  let status: Stats;
  try {
    status = statSync(hostPath);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') refuse(`there is no device ${hostPath} on this node`);
    throw error;
  }
  return describe(containerPath, status) ?? refuse(`${hostPath} is not a device`);
}

/** makedev(3) of the C library. */
function describe(path: string, status: Stats): OciDevice | undefined {
  const type = status.isBlockDevice() ? 'b' : status.isCharacterDevice() ? 'c' : undefined;
  if (type === undefined) return undefined;
  const number = BigInt(status.rdev);
  const major = Number(((number >> 8n) & 0xfffn) | ((number >> 32n) & ~0xfffn));
  const minor = Number((number & 0xffn) | ((number >> 12n) & 0xffffff00n));
  return { path, type, major, minor, fileMode: status.mode & 0o777, uid: status.uid, gid: status.gid };
}

function nodesBelow(directory: string, prefix: string): readonly OciDevice[] {
  const found: OciDevice[] = [];
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    if (prefix === '' && ownOfContainer.has(entry.name)) continue;
    const path = join(directory, entry.name);
    if (entry.isDirectory()) found.push(...nodesBelow(path, `${prefix}${entry.name}/`));
    if (!entry.isBlockDevice() && !entry.isCharacterDevice()) continue;
    const node = describe(path, statSync(path));
    if (node !== undefined) found.push(node);
    if (found.length >= mostDevices) break;
  }
  return found;
}

function refuse(text: string): never {
  throw new RuntimeError('CreateContainerConfigError', text);
}
