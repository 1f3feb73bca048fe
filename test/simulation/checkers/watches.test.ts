import { describe, expect, it } from '@jest/globals';
import type { Change } from '../workload/operation.ts';
import { Truth } from './truth.ts';
import { checkWatch, checkWatchComplete, type WatchRecord } from './watches.ts';

const change = (revision: number, ...keys: string[]): Change => ({
  revision,
  events: keys.map((key) => ({
    type: 'put',
    kv: { key, value: `v${revision}`, createRevision: revision, modRevision: revision, version: 1, lease: 0 },
  })),
});

const truth = new Truth((text) => {
  throw new Error(text);
});
truth.add(change(2, 'a'), 'x/1', 1);
truth.add(change(3, 'b', 'x'), 'x/2', 2);
truth.add(change(4, 'x'), 'x/3', 3);
truth.add(change(5, 'c'), 'x/4', 4);

function check(startRevision: number, ...deliveries: WatchRecord['deliveries']): string[] {
  const found: string[] = [];
  const watch: WatchRecord = { name: 'w', from: 'a', to: 'f', startRevision, deliveries };
  checkWatch(watch, truth, (text) => found.push(text));
  return found;
}

const changes = (...list: Change[]): WatchRecord['deliveries'][number] => ({ type: 'changes', at: 9, changes: list });
const progress = (revision: number): WatchRecord['deliveries'][number] => ({ type: 'progress', at: 9, revision });

describe('watches', () => {
  it('accepts every change of the range once, in order, filtered', () => {
    expect(check(2, changes(change(2, 'a'), change(3, 'b')), progress(4), changes(change(5, 'c')))).toEqual([]);
    expect(check(4, changes(change(5, 'c')))).toEqual([]);
    expect(check(2, progress(1))).toEqual([]);
  });

  it.each([
    ['a gap', changes(change(2, 'a'), change(5, 'c'))],
    ['a double', changes(change(2, 'a'), change(2, 'a'))],
    ['another order', changes(change(3, 'b'), change(2, 'a'))],
    ['half a revision or more than the range', changes(change(2, 'a'), change(3, 'b', 'x'))],
    ['a bookmark ahead', progress(2)],
    ['what never was', changes(change(2, 'a'), change(3, 'b'), change(5, 'c'), change(6, 'd'))],
    ['what is not committed', { type: 'changes', at: 0, changes: [change(2, 'a')] } as const],
  ])('finds %s', (_, delivery) => {
    expect(check(2, delivery)).toHaveLength(1);
  });

  it('finds a watch that never got to the end', () => {
    const found: string[] = [];
    const watch: WatchRecord = { name: 'w', from: 'a', to: 'f', startRevision: 2, deliveries: [progress(4)] };
    checkWatchComplete(watch, truth, (text) => found.push(text));
    expect(found).toHaveLength(1);
    watch.deliveries.push(progress(5));
    checkWatchComplete(watch, truth, (text) => found.push(text));
    expect(found).toHaveLength(1);
  });
});
