/** What the log files of masters on a bed tell: who led the store, and who led the control planes, without asking anybody. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { until } from '../../support/until.ts';
import type { Master } from './cluster.ts';
import type { Machine } from './machine.ts';

export interface LogLine {
  /** RFC 3339; all machines of a bed have the same clock. */
  readonly time: string;
  readonly msg: string;
  readonly [field: string]: unknown;
}

/** The lines of a server or an agent, of all its lives. The last one is left out when it was cut off by a kill. */
export function logOf(machine: Machine): LogLine[] {
  let text: string;
  try {
    text = readFileSync(join(machine.dataDir, 'timonel.log'), 'utf8');
  } catch {
    return [];
  }
  return text.split('\n').flatMap((line) => {
    try {
      return [JSON.parse(line) as LogLine];
    } catch {
      return [];
    }
  });
}

/** Who leads the store, as the master with the highest term saw it last; undefined while nobody is known to. */
export function storeLeaderOf<M extends Master>(masters: readonly M[]): M | undefined {
  let leader: M | undefined;
  let highest = -1;
  for (const master of masters) {
    const last = logOf(master.machine).findLast(({ msg }) => msg === 'role in the Raft group');
    const term = Number(last?.['term'] ?? -1);
    if (term > highest) [highest, leader] = [term, undefined];
    if (term === highest && last?.['role'] === 'leader') leader = master;
  }
  return leader;
}

/** Waits until one of these leads the store. */
export function storeLeader<M extends Master>(masters: readonly M[], timeoutMs = 60_000): Promise<M> {
  return until(() => storeLeaderOf(masters), { what: 'a leader of the store', timeoutMs });
}

export interface Reign {
  readonly master: string;
  /** Milliseconds since 1970. */
  readonly from: number;
  /** Infinity: it goes on. */
  readonly to: number;
}

/** The times during which each master's controllers and scheduler worked, in order. `kills`: when a master was killed. */
export function reignsOf(
  masters: readonly Master[],
  kills: readonly { readonly master: string; readonly at: number }[],
): Reign[] {
  const reigns: Reign[] = [];
  for (const { machine } of masters) {
    const { name: master } = machine;
    const lines = logOf(machine).map(({ time, msg }) => ({ at: Date.parse(time), msg }));
    for (const [place, { at: from, msg }] of lines.entries()) {
      if (msg !== 'this control plane leads') continue;
      const end = lines.slice(place).find((line) => line.msg === 'this control plane leads no more');
      const kill = kills.find((each) => each.master === master && each.at >= from);
      const to = Math.min(end?.at ?? Number.POSITIVE_INFINITY, kill?.at ?? Number.POSITIVE_INFINITY);
      reigns.push({ master, from, to });
    }
  }
  return reigns.toSorted((a, b) => a.from - b.from);
}
