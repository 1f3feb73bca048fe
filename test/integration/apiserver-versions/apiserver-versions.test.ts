/**
 * What Kubernetes promises about resourceVersion and watches: a test for each rule, named by its line in the list of what
 * trusted systems check (issue #59848, KEP-2340, Kubernetes' page on API concepts), over one API server and over three whose
 * clients change from one to another at every request. The store's watch of one server stalls and breaks meanwhile.
 */
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { Bed } from './bed.ts';
import { problemsOf } from './history-checker.ts';
import { recordHistory } from './history-clients.ts';
import { readRules } from './rules-of-reads.ts';
import { watchRules } from './rules-of-watches.ts';
import { writeRules } from './rules-of-writes.ts';

const beds = [
  { where: 'one API server on store-memory', servers: 1 },
  { where: 'three API servers over a store-raft group of three', servers: 3 },
] as const;

describe.each(beds)('$where', ({ servers }) => {
  let bed: Bed;
  beforeAll(async () => {
    bed = await Bed.start({ servers });
  });
  afterEach(() => bed.steady());
  afterAll(() => bed.close());

  it.each([...readRules, ...watchRules, ...writeRules])('line $line: $rule', ({ check }) => check(bed), 60_000);

  // That the check can fail is shown in history-checker.test.ts. TIMONEL_SEED=N: another history.
  it('line 15: lines 2, 3, 6, 7, 9 and 10 hold in the history of clients that switch servers at each request', async () => {
    const seed = Number(process.env['TIMONEL_SEED'] ?? 15);
    const history = await recordHistory(bed, { seed, clients: 9, rounds: servers === 1 ? 100 : 180 });
    expect(problemsOf(history).slice(0, 10)).toEqual([]);
    // It was no history of refusals.
    expect(history.changes.length).toBeGreaterThan(history.operations.length / 6);
    expect(history.operations).toHaveLength(servers === 1 ? 900 : 1620);
  }, 120_000);
});
