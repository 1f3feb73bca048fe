import type { AttackBed } from './bed.ts';

export interface Outcome {
  readonly stopped: boolean;
  /** By what, or what it got: an error's name or a few words. */
  readonly how: string;
}

/** Something that a container must not be able to do, against any runtime of the contract. */
export interface Attack {
  /** Unique: what is tried, in a few words. */
  readonly name: string;
  readonly area: string;
  /** How it is tried, and what shows whether it went through. */
  readonly what: string;
  /** What stops it. */
  readonly protection: string;
  /** The node stops it before a runtime comes to it: others are not asked. */
  readonly ofNode?: boolean;
  /** Of a runtime that does not stop it: why. */
  readonly elsewhere?: string;
  run(bed: AttackBed): Promise<Outcome>;
}

export const stopped = (how: string): Outcome => ({ stopped: true, how });
export const through = (how: string): Outcome => ({ stopped: false, how });

/** What an attacker printed: it is stopped when no line begins with `ok`, and there is one at all. */
export function judge(output: string): Outcome {
  const lines = output.split('\n').filter((line) => line !== '');
  const reached = lines.find((line) => line === 'ok' || line.startsWith('ok '));
  if (reached !== undefined) return through(reached);
  return lines.length === 0 ? through('nothing is known: it printed nothing') : stopped([...new Set(lines)].join(', '));
}
