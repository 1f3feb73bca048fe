import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { RuntimeError, type ContainerConfig } from '@timonel/sdk/contracts/runtime';
import { pathWithin } from './path-within.ts';

export interface ResolvedUser {
  readonly uid: number;
  readonly gid: number;
  readonly groups: readonly number[];
  readonly home: string;
}

/** Of a table of users, more is not read. */
const tableBytes = 1 << 20;
const highestId = 2 ** 32 - 2;

/**
 * `uid[:gid]`, each a number or a name of the image's own /etc/passwd and /etc/group; root when empty. `root` is the container's file
 * system as it lies on the node. @throws RuntimeError CreateContainerConfigError
 */
export function resolveUser(config: ContainerConfig, root: string): ResolvedUser {
  const [name = '', groupName] = (config.user === '' ? '0' : config.user).split(':');
  const users = readTable(root, '/etc/passwd');
  const groups = readTable(root, '/etc/group');
  const entry = users.find(([user, , uid]) => user === name || (isNumber(name) && uid === name));
  const uid = idOf(entry?.[2] ?? name, `user "${name}" is not in the image's /etc/passwd: give its number`);
  const asked = groupName === undefined || groupName === '' ? undefined : groupName;
  const gid =
    asked === undefined
      ? idOf(entry?.[3] ?? '0', `user "${name}" has no group`)
      : idOf(
          isNumber(asked) ? asked : (groups.find(([group]) => group === asked)?.[2] ?? asked),
          `group "${asked}" is not in the image's /etc/group: give its number`,
        );
  const merges = (config.supplementalGroupsPolicy ?? 'Merge') === 'Merge' && asked === undefined && entry !== undefined;
  const memberships = merges
    ? groups.filter(([, , , members = '']) => members.split(',').includes(entry[0] ?? ''))
    : [];
  const ids = memberships.map((group) => Number(group[2])).filter((id) => Number.isInteger(id));
  return {
    uid,
    gid,
    groups: [...new Set([gid, ...ids, ...config.supplementalGroups])],
    home: entry?.[5] || '/',
  };
}

function isNumber(text: string): boolean {
  return /^\d+$/.test(text);
}

function idOf(text: string, otherwise: string): number {
  const id = Number(text);
  if (isNumber(text) && id <= highestId) return id;
  throw new RuntimeError('CreateContainerConfigError', isNumber(text) ? `${text} is no user or group id` : otherwise);
}

/** Fields of each line. A link of the image leads nowhere out of it, and what is no plain file is no table. */
function readTable(root: string, path: string): readonly (readonly string[])[] {
  const file = pathWithin(root, path);
  if (file === undefined) return [];
  let fd: number;
  try {
    fd = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW);
  } catch {
    return [];
  }
  try {
    if (!fstatSync(fd).isFile()) return [];
    const bytes = Buffer.alloc(tableBytes);
    const text = bytes.subarray(0, readSync(fd, bytes, 0, tableBytes, 0)).toString('utf8');
    return text.split('\n').map((line) => line.split(':'));
  } finally {
    closeSync(fd);
  }
}
