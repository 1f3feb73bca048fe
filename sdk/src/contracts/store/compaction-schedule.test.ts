import { describe, expect, it } from '@jest/globals';
import { createSimulatedEnv } from '../../kernel/index.ts';
import { CompactionSchedule } from './compaction-schedule.ts';

const policy = { retainRevisions: 10, retainMs: 60_000, maxRevisions: 1_000, checkMs: 5_000 };

/** What was compacted to, and after how many ms, when so many revisions are made each 100 ms for `ms`. */
async function compactions(perStep: number, ms: number): Promise<[number, number][]> {
  const env = createSimulatedEnv({ seed: 1 });
  const began = env.clock.monotonic();
  const found: [number, number][] = [];
  let revision = 0;
  const schedule = new CompactionSchedule(
    env,
    policy,
    () => revision,
    (target) => found.push([env.clock.monotonic() - began, target]),
  );
  for (let at = 0; at < ms; at += 100) {
    revision += perStep;
    await env.advance(100);
  }
  schedule.close();
  await env.advance(60_000);
  return found;
}

describe('the schedule of compactions', () => {
  it('compacts at each check to the bound of revisions', async () => {
    expect(await compactions(2, 60_000)).toEqual([
      [55_000, 100],
      [60_000, 200],
    ]);
  });

  it('does so sooner when the history outgrows its bound', async () => {
    expect(await compactions(200, 3_000)).toEqual([
      [1_000, 1_000],
      [2_000, 3_000],
      [3_000, 5_000],
    ]);
  });

  it('keeps what is young, up to the bound', async () => {
    expect(await compactions(0, 20_000)).toEqual([]);
    expect(await compactions(10, 8_000)).toEqual([]);
  });
});
