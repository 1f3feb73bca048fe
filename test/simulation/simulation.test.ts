/** The simulation as CI runs it: as a program of its own, since Jest would double the time. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from '@jest/globals';
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

describe('simulation of store clusters', () => {
  it(`${seeds} seeds hold every property, and met every fault`, async () => {
    const { output, errors } = await sim('--seeds', String(seeds), '--keep-going', '--json');
    expect(errors).toBe('');
    const totals = JSON.parse(output) as Record<string, number> & { failed: number[]; counts: Record<string, number> };
    expect(totals.failed).toEqual([]);
    expect(totals['seeds']).toBe(seeds);
    expect(totals['seconds']).toBeLessThan(180);
    // A search that is often given up, or a load that is seldom answered, would prove little.
    expect(totals['undecided']).toBeLessThan(seeds / 20);
    expect(totals['operations']).toBeGreaterThan(100 * seeds);
    expect(totals['answered']).toBeGreaterThan(0.7 * (totals['operations'] as number));
    const met = { ...totals.counts };
    for (const fault of [
      'crash',
      'duel',
      'pause',
      'partition',
      'oneWay',
      'clog',
      'slowDisk',
      'fullDisk',
      'clockJump',
    ]) {
      expect([fault, met[fault]! > 50]).toEqual([fault, true]);
    }
    for (const event of ['leaders', 'snapshots', 'membership changes', 'lost disks', 'swapMembers', 'transfer']) {
      expect([event, met[event]! > 50]).toEqual([event, true]);
    }
  }, 240_000);

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
  }, 60_000);

  it('a seed that fails says how to run it again', async () => {
    const { code, output } = await sim('missing fsync', '--mutants', '--seeds', '200', '--json');
    expect(code).toBe(0);
    const [result] = JSON.parse(output) as { found: boolean; replay: string }[];
    expect(result).toMatchObject({ found: true, replay: expect.stringMatching(/^npm run sim -- raft --seed \d+/) });
  }, 60_000);

  it('every mutant still fits the sources', async () => {
    const { code, errors } = await sim('--mutants', '--compile-only');
    expect({ code, errors }).toEqual({ code: 0, errors: '' });
  }, 60_000);
});
