import type { HistoryEntry } from '../workload/history.ts';
import type { Report } from './consensus.ts';
import type { Truth } from './truth.ts';

/**
 * Strict serializability by the revisions that the members named: linear in the length of the history, whatever is unknown in
 * it. Revisions are the order; here it is checked that this order keeps real time (a stale read shows so) and explains all answers.
 */
export function checkRevisions(history: readonly HistoryEntry[], truth: Truth, report: Report): void {
  checkRealTime(history, report);
  for (const entry of history) {
    if (entry.returned !== undefined) checkAnswer(entry, entry.returned, truth, report);
  }
}

function checkRealTime(history: readonly HistoryEntry[], report: Report): void {
  const ends: { at: number; entry: HistoryEntry; end: 'call' | 'return' }[] = [];
  for (const entry of history) {
    if (entry.operation.type === 'read' && !entry.operation.linearizable) continue;
    if (entry.returned === undefined) continue;
    ends.push({ at: entry.calledAt, entry, end: 'call' }, { at: entry.returned.at, entry, end: 'return' });
  }
  ends.sort((a, b) => a.at - b.at);
  let floor = 0;
  const floors = new Map<HistoryEntry, number>();
  for (const { entry, end } of ends) {
    if (end === 'call') {
      floors.set(entry, floor);
      continue;
    }
    const answer = (entry.returned as NonNullable<typeof entry.returned>).answer;
    const least = floors.get(entry) as number;
    if (answer.changed ? answer.revision <= least : answer.revision < least) {
      const what = entry.operation.type === 'read' ? 'stale read' : 'order of writes';
      report(`${what}: answered at revision ${answer.revision}, while ${least} had been seen before: ${text(entry)}`);
    }
    floor = Math.max(floor, answer.revision);
  }
}

function checkAnswer(
  entry: HistoryEntry,
  returned: NonNullable<HistoryEntry['returned']>,
  truth: Truth,
  report: Report,
): void {
  const { answer } = returned;
  const { operation } = entry;
  const origin = `${entry.client}/${entry.sequence}`;
  if (operation.type !== 'read') {
    const made = truth.revisionOf(origin);
    if (made !== (answer.changed ? answer.revision : undefined)) {
      report(`acknowledged write ${origin} made revision ${made ?? 'none'}: ${text(entry)}`);
      return;
    }
  }
  const seen = truth.at(answer.revision);
  if (answer.revision !== 1 && (seen === undefined || seen.committedAt > returned.at)) {
    report(`answered from revision ${answer.revision} before it was committed: ${text(entry)}`);
    return;
  }
  const range = rangeOf(entry);
  if (range === undefined) return;
  const expected = JSON.stringify(truth.read(range.from, range.to, answer.revision));
  if (expected !== JSON.stringify(answer.kvs)) {
    report(`the answer is not the state of revision ${answer.revision}, ${expected}: ${text(entry)}`);
  }
}

/** What an answer shows: reads show their range, a refused compare its key. */
function rangeOf(entry: HistoryEntry): { from: string; to: string } | undefined {
  const { operation } = entry;
  if (operation.type === 'read') return operation;
  if (operation.type !== 'compareAndPut' || entry.returned?.answer.changed !== false) return undefined;
  return { from: operation.key, to: `${operation.key}\u0000` };
}

function text(entry: HistoryEntry): string {
  return JSON.stringify(entry);
}
