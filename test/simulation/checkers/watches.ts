import type { Change } from '../workload/operation.ts';
import type { Report } from './consensus.ts';
import type { Truth } from './truth.ts';

/** What one watch was given, over all members that it went on at. It begins anew only when its place was compacted. */
export interface WatchRecord {
  readonly name: string;
  readonly from: string;
  readonly to: string;
  readonly startRevision: number;
  /** `progress`: a bookmark, all up to this revision has been delivered. */
  readonly deliveries: (
    | { readonly type: 'changes'; readonly at: number; readonly changes: readonly Change[] }
    | { readonly type: 'progress'; readonly at: number; readonly revision: number }
  )[];
}

/** Ordered, unique, without a gap, whole revisions only, never ahead of the commit; bookmarks say the truth. */
export function checkWatch(watch: WatchRecord, truth: Truth, report: Report): void {
  let next = watch.startRevision;
  const name = `watch ${watch.name} [${watch.from}, ${watch.to})`;
  for (const delivery of watch.deliveries) {
    if (delivery.type === 'progress') {
      const missed = expectedChange(watch, truth, next, delivery.revision);
      if (missed !== undefined) {
        report(`${name}: bookmark ${delivery.revision} came before revision ${missed.change.revision}`);
        return;
      }
      next = Math.max(next, delivery.revision + 1);
      continue;
    }
    for (const change of delivery.changes) {
      const expected = expectedChange(watch, truth, next, truth.revision);
      if (expected === undefined || !equal(watch, expected.change, change) || expected.committedAt > delivery.at) {
        report(
          `${name}: was given ${JSON.stringify(change)} where ${JSON.stringify(expected?.change ?? 'nothing')} was due`,
        );
        return;
      }
      next = change.revision + 1;
    }
  }
}

/** The end: a watch that is not behind any more has all of the truth. */
export function checkWatchComplete(watch: WatchRecord, truth: Truth, report: Report): void {
  const last = watch.deliveries.findLast((delivery) => delivery.type === 'progress');
  const reached = last?.type === 'progress' ? last.revision : 0;
  if (reached < truth.revision) {
    report(`watch ${watch.name}: got up to revision ${reached} of ${truth.revision} after all was healed`);
  }
}

function expectedChange(watch: WatchRecord, truth: Truth, from: number, upTo: number) {
  for (let revision = Math.max(2, from); revision <= upTo; revision++) {
    const found = truth.at(revision);
    if (found?.change.events.some(({ kv }) => inRange(watch, kv.key)) === true) return found;
  }
  return undefined;
}

function equal(watch: WatchRecord, expected: Change, given: Change): boolean {
  const events = expected.events.filter(({ kv }) => inRange(watch, kv.key));
  return expected.revision === given.revision && JSON.stringify(events) === JSON.stringify(given.events);
}

function inRange(watch: WatchRecord, key: string): boolean {
  return key >= watch.from && key < watch.to;
}
