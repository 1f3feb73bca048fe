/** The checker of histories finds what it is for: in records that were tampered with, and at servers with a fault. */
import { describe, expect, it } from '@jest/globals';
import type { Store } from '@timonel/sdk/contracts/store';
import { Bed, changed } from './bed.ts';
import { problemsOf } from './history-checker.ts';
import { recordHistory } from './history-clients.ts';
import type { Change, History, ObjectState, Operation, SeenEvent, WatchHistory } from './history.ts';

const object = (version: number, data: Record<string, string>, uid = 'u1'): ObjectState => ({
  name: 'k',
  uid,
  version,
  side: 'left',
  data,
});
const made = object(11, { a: 'a-1' });
const patched = object(12, { a: 'a-1', b: 'b-1' });
const put = object(13, { a: 'a-2', b: 'b-1' });
const changes: Change[] = [
  { revision: 11, type: 'put', object: made },
  { revision: 12, type: 'put', object: patched },
  { revision: 13, type: 'put', object: put },
  { revision: 14, type: 'delete', object: { ...put, version: 14 } },
];
let time = 0;
const op = (client: string, rest: Partial<Operation> & Pick<Operation, 'verb'>): Operation => {
  time += 10;
  return { client, server: 0, name: 'k', calledAt: time, returnedAt: time + 5, status: 200, ...rest };
};
const create = op('a', { verb: 'create', status: 201, token: 'a-1', object: made });
const patch = op('b', { verb: 'patch', token: 'b-1', object: patched });
const get = op('c', { verb: 'get', object: patched });
const replace = op('a', { verb: 'put', token: 'a-2', sentVersion: 12, object: put });
const list = op('c', { verb: 'list', name: '', list: { version: 13, items: [put] } });
const remove = op('b', { verb: 'delete', deletedUid: 'u1', sentVersion: 13 });
const missing = op('c', { verb: 'get', status: 404 });
const operations = [create, patch, get, replace, list, remove, missing];

const seen = (type: string, state: ObjectState): SeenEvent => ({ type, object: state, endsInitial: false });
const bookmark = (version: number): SeenEvent => seen('BOOKMARK', object(version, {}));
const events = [
  seen('ADDED', made),
  seen('MODIFIED', patched),
  bookmark(12),
  seen('MODIFIED', put),
  seen('DELETED', { ...put, version: 14 }),
];
const watchOf = (watched: SeenEvent[]): WatchHistory => ({
  client: 'w',
  side: undefined,
  withState: false,
  connections: [{ server: 0, from: 10, events: watched }],
});
const history: History = { begin: 10, operations, watches: [watchOf(events)], changes };

/** The history with another operation in place of one. */
const instead = (operation: Operation, change: Partial<Operation>): History => ({
  ...history,
  operations: operations.map((one) => (one === operation ? { ...one, ...change } : one)),
});
const watched = (other: SeenEvent[]): History => ({ ...history, watches: [watchOf(other)] });
const [first, second, mark, third, fourth] = events as [SeenEvent, SeenEvent, SeenEvent, SeenEvent, SeenEvent];

const tampered: [what: string, line: number, history: History][] = [
  ['a read of the past', 2, instead(get, { object: made })],
  ['a read of what was written later', 2, instead(get, { object: put })],
  ['an object that is not found', 2, instead(get, { object: undefined, status: 404 })],
  ['a list of the past', 2, instead(list, { list: { version: 12, items: [patched] } })],
  ['a list of other items', 2, instead(list, { list: { version: 13, items: [] } })],
  ['a deleted object', 2, instead(missing, { status: 200, object: put })],
  ['an older version than asked for', 3, instead(list, { sentVersion: 14 })],
  ['another version than exactly', 3, instead(list, { sentVersion: 12, isExact: true })],
  ['a list newer than its version', 10, instead(list, { list: { version: 12, items: [put] } })],
  ['a lost event', 6, watched([first, second, mark, fourth])],
  ['an event twice', 6, watched([first, second, mark, second, third, fourth])],
  ['events in another order', 6, watched([second, first, mark, third, fourth])],
  ['an event of another type', 6, watched([seen('MODIFIED', made), second, mark, third, fourth])],
  ['a watch that ends early', 6, watched([first, second, mark])],
  ['a bookmark in place of an event', 7, watched([first, mark, third, fourth])],
  ['a bookmark that is too early', 7, watched([first, bookmark(12), second, third, fourth])],
  ['a bookmark that goes back', 7, watched([first, second, mark, third, bookmark(12), fourth])],
  ['a write over a version unseen', 9, instead(replace, { sentVersion: 11 })],
  ['a second creation', 9, instead(replace, { verb: 'create', sentVersion: undefined })],
  ['a refusal without a reason', 9, instead(replace, { status: 409, object: undefined })],
  ['an acknowledged write that is not there', 9, { ...history, changes: changes.slice(0, 3) }],
  ['a change of nobody', 9, { ...history, operations: operations.filter((one) => one !== patch) }],
  ['a lost update', 9, instead(replace, { verb: 'patch', client: 'b', token: 'b-1' })],
  ['a deletion on a wrong condition', 9, instead(remove, { sentVersion: 12 })],
  [
    'a change of nothing',
    9,
    { ...history, changes: [...changes, { revision: 12, type: 'put', object: { ...made, version: 12 } }] },
  ],
];

describe('the checker of histories', () => {
  it('has nothing against a right one', () => {
    expect(problemsOf(history)).toEqual([]);
  });

  it.each(tampered)('finds %s (line %d)', (_what, line, bad) => {
    expect(problemsOf(bad).map((problem) => problem.line)).toContain(line);
  });
});

const faults: [what: string, line: number, spoil: (store: Store) => Store][] = [
  ['servers that do not ask the store how far it is', 2, (store) => changed(store, { barrier: async () => 1 })],
  [
    'writes that do not compare versions',
    9,
    (store) => changed(store, { txn: (txn) => store.txn({ ...txn, compare: [] }) }),
  ],
];

it.each(faults)(
  'it finds %s (line %d)',
  async (_what, line, spoil) => {
    const bed = await Bed.start({ servers: 3, spoil });
    try {
      const bad = await recordHistory(bed, { seed: 1, clients: 6, rounds: 60 });
      expect(problemsOf(bad).map((problem) => problem.line)).toContain(line);
    } finally {
      await bed.close();
    }
  },
  60_000,
);
