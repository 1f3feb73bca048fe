/** Which ids of the machine an ordinary user may hand to its containers. */
import { readFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { hasProgram } from '../cluster/host.ts';

/** Lines of /proc/PID/uid_map: first id inside, first id outside, count. */
export type IdLines = readonly (readonly [number, number, number])[];

export type IdRanges =
  | { readonly kind: 'many'; readonly uids: IdLines; readonly gids: IdLines }
  /** The own id alone. `why`: what is missing for more. */
  | {
      readonly kind: 'one';
      readonly uids: IdLines;
      readonly gids: IdLines;
      readonly why: string;
      readonly fix: string;
    };

/** What images expect: `nobody` is 65534. */
const wantedIds = 65_536;

export interface User {
  readonly uid: number;
  readonly gid: number;
  /** Empty: it has none. */
  readonly name: string;
}

export function currentUser(): User {
  const [uid = 0, gid = 0] = [process.getuid?.(), process.getgid?.()];
  try {
    return { uid, gid, name: userInfo().username };
  } catch {
    return { uid, gid, name: '' };
  }
}

interface Range {
  readonly first: number;
  readonly count: number;
}

/** subuid(5): `name or id:first:count`. */
export function rangesOf(text: string, user: User): readonly Range[] {
  return text.split('\n').flatMap((line): Range[] => {
    const [owner = '', first, count] = line.trim().split(':');
    const isOwn = owner !== '' && (owner === user.name || owner === String(user.uid));
    const range = { first: Number(first), count: Number(count) };
    const isRange = Number.isSafeInteger(range.first) && Number.isSafeInteger(range.count) && range.count > 0;
    return isOwn && isRange ? [range] : [];
  });
}

/** The user is root inside; what it was given follows from 1 on, without holes. */
export function linesOf(own: number, ranges: readonly Range[]): IdLines {
  const lines: (readonly [number, number, number])[] = [[0, own, 1]];
  let next = 1;
  for (const { first, count } of ranges) {
    lines.push([next, first, count]);
    next += count;
  }
  return lines;
}

const files = { uids: '/etc/subuid', gids: '/etc/subgid' } as const;

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

function addition(user: User): string {
  const name = user.name === '' ? String(user.uid) : user.name;
  return `as root: usermod --add-subuids 100000-165535 --add-subgids 100000-165535 ${name}`;
}

/** `read`: the texts of /etc/subuid and /etc/subgid. */
export function findIdRanges(
  user: User = currentUser(),
  read: (path: string) => string = readText,
  has: (program: string) => boolean = hasProgram,
): IdRanges {
  const [uids, gids] = [rangesOf(read(files.uids), user), rangesOf(read(files.gids), user)];
  const one = { kind: 'one', uids: linesOf(user.uid, []), gids: linesOf(user.gid, []) } as const;
  const absent = ['newuidmap', 'newgidmap'].find((program) => !has(program));
  if (absent !== undefined) return { ...one, why: `${absent} is missing`, fix: 'apt-get install uidmap' };
  const short = ([files.uids, files.gids] as const).find((file) => {
    const sum = (file === files.uids ? uids : gids).reduce((total, { count }) => total + count, 0);
    return sum < wantedIds;
  });
  if (short === undefined) return { kind: 'many', uids: linesOf(user.uid, uids), gids: linesOf(user.gid, gids) };
  return { ...one, why: `${short} gives this user less than ${wantedIds} ids`, fix: addition(user) };
}
