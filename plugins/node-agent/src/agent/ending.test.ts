import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { Bench } from './testing/worker-bench.ts';

let dataDir: string;
let bench: Bench;
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'timonel-ending-'));
  bench = new Bench(dataDir);
});
afterEach(async () => {
  await bench.worker.close();
  rmSync(dataDir, { recursive: true, force: true });
});

const ending = { reason: 'Evicted', message: 'The node was low.', gracePeriodMs: 1000, isDisruption: true };

it('a pod that is evicted while the API is away leaves nothing at once, and is told of when the API is back', async () => {
  bench.worker.trigger();
  await bench.settle();
  await bench.pass(1);
  expect(bench.status?.phase).toBe('Running');
  bench.apiIsAway = true;
  expect(bench.worker.end({ ...ending, leavesNothing: true })).toBe(true);
  await bench.pass(3);
  expect([bench.worker.containers.size, bench.worker.sandboxes.size, bench.worker.isActive]).toEqual([0, 0, false]);
  expect(bench.worker.end({ ...ending, leavesNothing: true })).toBe(false);
  bench.apiIsAway = false;
  await bench.pass(10);
  expect(bench.status).toMatchObject({
    phase: 'Failed',
    reason: 'Evicted',
    message: 'The node was low.',
    containerStatuses: [{ name: 'app', state: { terminated: { exitCode: 0 } } }],
  });
  // It is not made again.
  expect(bench.starts).toHaveLength(1);
});
