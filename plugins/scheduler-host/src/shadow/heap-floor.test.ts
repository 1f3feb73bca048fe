import { expect, it } from '@jest/globals';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { until } from '@timonel/testkit';
import { watchHeapFloor } from './heap-floor.ts';
import { schedulerWatchDefaults } from './scheduler-watch.ts';
import { watchConfig } from './watch-config.ts';

function fullCollection(): void {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
  setFlagsFromString('--no-expose-gc');
}

it('the floor of the heap is told after full collections, until that is ended', async () => {
  const floors: number[] = [];
  const end = watchHeapFloor((bytes) => floors.push(bytes));
  fullCollection();
  await until(() => floors.length > 0, { what: 'the floor to be told' });
  const before = floors.at(-1) ?? 0;
  const kept = Array.from({ length: 200_000 }, (_unused, at) => ({ at }));
  fullCollection();
  await until(() => (floors.at(-1) ?? 0) > before + 2 ** 20, { what: 'what is kept to be seen' });
  expect(kept).toHaveLength(200_000);
  end();
  const told = floors.length;
  fullCollection();
  await new Promise((resolve) => setImmediate(resolve));
  expect(floors).toHaveLength(told);
});

it('an empty configuration has the defaults', () => {
  expect(watchConfig.parse({})).toEqual(schedulerWatchDefaults);
  expect(watchConfig.safeParse({ shadow: { timeShare: 2 } }).success).toBe(false);
  expect(watchConfig.safeParse({ guardRails: { slowDown: 2 } }).success).toBe(false);
});
