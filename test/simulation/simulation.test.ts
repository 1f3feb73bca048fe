/** The simulation as CI runs it: as a program of its own, since Jest would double the time. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from '@jest/globals';
import { allCrashPoints } from './cluster/member.ts';
import { allFaults } from './scenario/profile.ts';
import { runSeed } from './scenario/run.ts';

const root = join(import.meta.dirname, '..', '..');
const seeds = 500;

async function sim(
  ...args: readonly string[]
): Promise<{ readonly code: number; readonly output: string; readonly errors: string }> {
  try {
    const { stdout, stderr } = await promisify(execFile)(process.execPath, ['scripts/sim.mjs', 'raft', ...args], {
      cwd: root,
      maxBuffer: 1 << 26,
    });
    return { code: 0, output: stdout, errors: stderr };
  } catch (error) {
    const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
    return { code, output: stdout, errors: stderr };
  }
}

interface Totals {
  readonly seeds: number;
  readonly failed: readonly number[];
  readonly undecided: readonly number[];
  readonly operations: number;
  readonly answered: number;
  readonly cpuSeconds: number;
  readonly counts: Readonly<Record<string, number>>;
}

/** What a run of so many seeds must have met, for what never happens proves nothing. */
const events = [
  'leaders',
  'membership changes',
  'majorities swapped',
  'removed unaware',
  'lost disks',
  'snapshots',
  'leases run out',
  'leases revoked',
  'leases kept by several leaders',
  'messages lost',
  'messages doubled',
  'messages blocked',
  'broken connections',
  'writes lost',
  'writes torn',
  'writes refused',
];

/** Of all in `mutants/mutants.ts`, for `--mutants` without names takes long. */
const often = [
  'commit of an older term by counting',
  'append acknowledged before it is durable',
  'vote for a log that is behind',
  'read before the new leader knows what is committed',
  'conflicting entries not removed',
  'append without a look at the term before it',
  'election won without the old configuration',
  'missing fsync',
  'torn record not noticed',
  'watch begins one revision late',
  'bookmark one revision ahead',
  'dedupe table not restored from a snapshot',
  'read does not wait for the read index',
  'lease kept alive by a deposed leader',
];

describe('simulation of store clusters', () => {
  it(`${seeds} seeds hold every property, and met every fault`, async () => {
    const { output, errors } = await sim('--seeds', String(seeds), '--keep-going', '--json');
    expect(errors).toBe('');
    const totals = JSON.parse(output) as Totals;
    expect(totals).toMatchObject({ seeds, failed: [], undecided: [] });
    // Three minutes of one processor, however busy the machine is.
    expect(totals.cpuSeconds).toBeLessThan(180);
    // A load that is seldom answered would prove little.
    expect(totals.operations).toBeGreaterThan(100 * seeds);
    expect(totals.answered).toBeGreaterThan(0.7 * totals.operations);
    const { counts } = totals;
    const seldom = [...allFaults, ...events].filter((name) => (counts[name] ?? 0) < 20);
    expect(seldom).toEqual([]);
    const never = [...allCrashPoints.map((point) => `crash point ${point}`), 'unaware at the end'];
    expect(never.filter((name) => (counts[name] ?? 0) === 0)).toEqual([]);
  }, 600_000);

  it('one seed gives one trace, in this process and in another', async () => {
    for (const seed of [3, 4, 5]) {
      const first = runSeed({ seed });
      const second = runSeed({ seed });
      expect(first.traceLines).toBeGreaterThan(100);
      expect(second).toEqual(first);
      const { output } = await sim('--seed', String(seed), '--json');
      expect(JSON.parse(output)).toMatchObject({ traceHash: first.traceHash, traceLines: first.traceLines });
      expect(runSeed({ seed: seed + 100 }).traceHash).not.toBe(first.traceHash);
    }
  }, 120_000);

  it('seeded bugs that show often are found soon, each with the command that shows it again', async () => {
    const { code, output, errors } = await sim(often.join(','), '--mutants', '--seeds', '200', '--json');
    expect({ code, errors }).toEqual({ code: 0, errors: '' });
    const results = JSON.parse(output) as { name: string; found: boolean; replay: string }[];
    expect(results.map(({ name }) => name).toSorted()).toEqual(often.toSorted());
    for (const { found, replay } of results) {
      expect(found).toBe(true);
      expect(replay).toMatch(/^npm run sim -- raft --seed \d+ --mutant '/);
    }
  }, 600_000);

  it('every mutant still fits the sources', async () => {
    const { code, errors } = await sim('--mutants', '--compile-only');
    expect({ code, errors }).toEqual({ code: 0, errors: '' });
  }, 120_000);
});
