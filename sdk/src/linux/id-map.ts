import { readFileSync } from 'node:fs';

interface IdRange {
  readonly first: number;
  readonly count: number;
}

/** Which ids there are in the user namespace of this process. Outside of one: all. */
export interface IdMap {
  readonly ranges: readonly IdRange[];
  /** It is the machine's own: what this process may do as root, it may do to the whole machine. */
  readonly isWhole: boolean;
  /** One id alone: every process and every file is of the same user. */
  readonly isSingle: boolean;
  has(id: number): boolean;
}

const allIds = 4_294_967_295;

/** user_namespaces(7): lines `first id inside, first id outside, count`. */
export function parseIdMap(text: string): IdMap {
  const lines = text
    .split('\n')
    .map((line) => line.trim().split(/\s+/).map(Number))
    .filter((fields) => fields.length === 3);
  const ranges = lines.map(([first = 0, , count = 0]) => ({ first, count }));
  return {
    ranges,
    isWhole: lines.some(([first, outside, count]) => first === 0 && outside === 0 && count === allIds),
    isSingle: ranges.reduce((sum, { count }) => sum + count, 0) === 1,
    has: (id) => ranges.some(({ first, count }) => id >= first && id < first + count),
  };
}

const whole = `0 0 ${allIds}`;

function read(name: 'uid_map' | 'gid_map'): IdMap {
  try {
    return parseIdMap(readFileSync(`/proc/self/${name}`, 'utf8'));
  } catch {
    return parseIdMap(whole);
  }
}

const maps: { uids?: IdMap; gids?: IdMap } = {};

/** Of the users. They do not change while a process lives. */
export function userIds(): IdMap {
  return (maps.uids ??= read('uid_map'));
}

export function groupIds(): IdMap {
  return (maps.gids ??= read('gid_map'));
}

export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/** Who is to own a file here: root takes the place of ids that this user namespace does not have. */
export function ownerHere(owner: Owner, uids: IdMap = userIds(), gids: IdMap = groupIds()): Owner {
  return { uid: uids.has(owner.uid) ? owner.uid : 0, gid: gids.has(owner.gid) ? owner.gid : 0 };
}

/** Root here is an ordinary user of the machine: control groups, devices and ids are what that user was given. */
export function isRootless(): boolean {
  return !userIds().isWhole;
}
