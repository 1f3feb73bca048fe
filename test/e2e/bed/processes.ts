/** Processes of this host, as /proc shows them. */
import { readFileSync, readdirSync, readlinkSync } from 'node:fs';
import { until } from '../../support/until.ts';

interface Stat {
  readonly state: string;
  readonly parent: number;
  readonly startTime: string;
}

/** proc(5): the name in field 2 may hold blanks and brackets. Undefined: there is no such process. */
function statOf(pid: number): Stat | undefined {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    return undefined;
  }
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return { state: fields[0] ?? '', parent: Number(fields[1]), startTime: fields[19] ?? '' };
}

/** Clock ticks since boot: with it, a pid names one process. Undefined when it has ended. */
export function startTimeOf(pid: number): string | undefined {
  const stat = statOf(pid);
  return stat === undefined || stat.state === 'Z' || stat.state === 'X' ? undefined : stat.startTime;
}

/** One letter of proc(5): `T` is stopped. Empty when it has ended. */
export function stateOf(pid: number): string {
  return statOf(pid)?.state ?? '';
}

function allPids(): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
}

export function childrenOf(pid: number): number[] {
  return allPids().filter((each) => statOf(each)?.parent === pid);
}

/** The one child of a program that forks once, as soon as it is there. Undefined when the program has ended before. */
export async function onlyChildOf(pid: number): Promise<number | undefined> {
  const found = await until(() => childrenOf(pid)[0] ?? (startTimeOf(pid) === undefined ? 'none' : undefined), {
    what: `the child of process ${pid}`,
    intervalMs: 2,
  });
  return found === 'none' ? undefined : found;
}

/** Names a namespace of a process: `pid:[4026531836]`. Empty when the process has ended. */
export function namespaceOf(pid: number, kind: 'net' | 'pid'): string {
  try {
    return readlinkSync(`/proc/${pid}/ns/${kind}`);
  } catch {
    return '';
  }
}

export function pidsInNamespace(kind: 'net' | 'pid', namespace: string): number[] {
  return allPids().filter((pid) => namespaceOf(pid, kind) === namespace);
}

/** Ends one process. One that has ended is no error. */
export function kill(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
