import { describe, expect, it } from '@jest/globals';
import { SimRandom } from '../parts/random.ts';
import { KvMachine } from '../cluster/kv-machine.ts';
import { History, type HistoryEntry } from '../workload/history.ts';
import type { Answer, KeyValue, Operation } from '../workload/operation.ts';
import { checkLinearizability } from './linearizability.ts';

type Step = readonly ['call' | 'return', string, (Operation | Answer)?];

/** One client each; a `return` belongs to the client's last call. */
function historyOf(...steps: readonly Step[]): readonly HistoryEntry[] {
  const history = new History();
  const open = new Map<string, HistoryEntry>();
  for (const [what, client, body] of steps) {
    if (what === 'call') open.set(client, history.call(client, 1, body as Operation));
    else history.return(open.get(client) as HistoryEntry, body as Answer, 'm', 1);
  }
  return history.entries;
}

const put = (value: string): Operation => ({ type: 'put', keys: ['k'], value });
const read: Operation = { type: 'read', from: 'k', to: 'l', linearizable: true };
const wrote = (revision: number): Answer => ({ revision, changed: true, kvs: [] });
const saw = (value: string | undefined, modRevision = 0, version = 1): Answer => {
  const kv: KeyValue[] =
    value === undefined ? [] : [{ key: 'k', value, createRevision: 2, modRevision, version, lease: 0 }];
  return { revision: Math.max(1, modRevision), changed: false, kvs: kv };
};
const outcome = (...steps: readonly Step[]): string => checkLinearizability(historyOf(...steps)).outcome;

describe('linearizability', () => {
  it('accepts a read of the last write', () => {
    expect(
      outcome(['call', 'a', put('1')], ['return', 'a', wrote(2)], ['call', 'b', read], ['return', 'b', saw('1', 2)]),
    ).toBe('linearizable');
  });

  it('refuses a stale read after an acknowledged write', () => {
    expect(
      outcome(['call', 'a', put('1')], ['return', 'a', wrote(2)], ['call', 'b', read], ['return', 'b', saw(undefined)]),
    ).toBe('violation');
  });

  it('accepts either value while a write is under way, but not back again', () => {
    const begin = [
      ['call', 'a', put('1')],
      ['call', 'b', read],
      ['return', 'b', saw('1', 2)],
    ] as const;
    expect(outcome(...begin, ['return', 'a', wrote(2)])).toBe('linearizable');
    expect(outcome(...begin, ['call', 'c', read], ['return', 'c', saw(undefined)], ['return', 'a', wrote(2)])).toBe(
      'violation',
    );
  });

  it('lets a write of unknown outcome happen late, early or never', () => {
    const lost = ['call', 'a', put('1')] as const;
    expect(outcome(lost, ['call', 'b', read], ['return', 'b', saw(undefined)])).toBe('linearizable');
    expect(
      outcome(
        lost,
        ['call', 'b', read],
        ['return', 'b', saw(undefined)],
        ['call', 'b', read],
        ['return', 'b', saw('1', 2)],
      ),
    ).toBe('linearizable');
    expect(
      outcome(
        lost,
        ['call', 'b', read],
        ['return', 'b', saw('1', 2)],
        ['call', 'b', read],
        ['return', 'b', saw(undefined)],
      ),
    ).toBe('violation');
  });

  it('finds a lost update, a double success of one compare and a write applied twice', () => {
    const compare = (value: string): Operation => ({ type: 'compareAndPut', key: 'k', modRevision: 0, value });
    expect(
      outcome(
        ['call', 'a', compare('1')],
        ['call', 'b', compare('2')],
        ['return', 'a', wrote(2)],
        ['return', 'b', wrote(3)],
      ),
    ).toBe('violation');
    expect(
      outcome(
        ['call', 'a', compare('1')],
        ['call', 'b', compare('2')],
        ['return', 'a', wrote(2)],
        ['return', 'b', { ...saw('1', 2) }],
      ),
    ).toBe('linearizable');
    expect(
      outcome(['call', 'a', put('1')], ['return', 'a', wrote(2)], ['call', 'b', read], ['return', 'b', saw('1', 2, 2)]),
    ).toBe('violation');
  });

  it('judges leases: a key goes with its lease, and a lease that ended stays so', () => {
    const granted: Answer = { revision: 1, changed: false, kvs: [], lease: 7 };
    const begin = [
      ['call', 'a', { type: 'grant', ttlMs: 9 }],
      ['return', 'a', granted],
      ['call', 'a', { ...put('1'), lease: 7 }],
      ['return', 'a', { ...wrote(2), lease: 7 }],
    ] as const;
    const gone = [
      ['call', 'b', read],
      ['return', 'b', saw(undefined)],
    ] as const;
    const expire = ['call', 'm', { type: 'expire', leaseId: 7, term: 1 }] as const;
    const keepAlive = (lease: number): readonly Step[] => [
      ['call', 'c', { type: 'keepAlive', leaseId: 7 }],
      ['return', 'c', { ...granted, lease }],
    ];
    expect(outcome(...begin, ...gone)).toBe('violation');
    expect(outcome(...begin, expire, ...gone)).toBe('linearizable');
    expect(outcome(...begin, ...keepAlive(7))).toBe('linearizable');
    expect(outcome(...begin, ...keepAlive(0))).toBe('violation');
    expect(outcome(...begin, expire, ...keepAlive(0))).toBe('linearizable');
    expect(outcome(...begin, expire, ...keepAlive(0), ...keepAlive(7))).toBe('violation');
  });

  it('decides the same with a wrong guess of the order', () => {
    const entries = randomHistory(new SimRandom(7));
    for (const guess of [() => undefined, () => 1, ({ id }: HistoryEntry) => 1_000 - id]) {
      expect(checkLinearizability(entries, { guess }).outcome).toBe('linearizable');
    }
  });

  it('accepts what one copy answers in random order, and refuses it after one changed answer', () => {
    let refused = 0;
    for (let seed = 0; seed < 40; seed++) {
      const entries = randomHistory(new SimRandom(seed));
      expect(checkLinearizability(entries)).toEqual({ outcome: 'linearizable' });
      const reads = entries.filter((entry) => entry.operation.type === 'read' && entry.returned !== undefined);
      const target = reads[reads.length >> 1];
      if (target?.returned === undefined) continue;
      target.returned = {
        ...target.returned,
        answer: { ...target.returned.answer, kvs: saw('never written', 1).kvs },
      };
      if (checkLinearizability(entries, { limitStates: 500_000 }).outcome === 'violation') refused += 1;
    }
    expect(refused).toBe(40);
  });

  it('says so when it gives up', () => {
    expect(checkLinearizability(randomHistory(new SimRandom(1)), { limitStates: 3 }).outcome).toBe('undecided');
  });
});

/** Clients of one copy: each operation takes effect somewhere between call and return; some answers are lost. */
function randomHistory(random: SimRandom): readonly HistoryEntry[] {
  const machine = new KvMachine();
  const history = new History();
  const under = new Map<string, { entry: HistoryEntry; answer: Answer | undefined }>();
  let count = 0;
  for (let i = 0; i < 300; i++) {
    const client = `c${random.int(6)}`;
    const running = under.get(client);
    if (running === undefined) {
      const operation = random.chance(0.5) ? read : random.chance(0.2) ? deleteKey : put(`v${i}`);
      under.set(client, { entry: history.call(client, ++count, operation), answer: undefined });
    } else if (running.answer === undefined) {
      const { entry } = running;
      running.answer = entry.operation.type === 'read' ? machine.read('k', 'l') : applyOnce(machine, entry);
    } else {
      if (random.chance(0.9)) history.return(running.entry, running.answer, 'm', 1);
      under.delete(client);
    }
  }
  return history.entries;
}

function applyOnce(machine: KvMachine, { id, operation }: HistoryEntry): Answer {
  machine.register(id);
  const applied = machine.apply(id, 1, { session: id, sequence: 1, floor: 1 }, { origin: '', operation });
  if (applied.type !== 'answer') throw new Error(applied.type);
  return applied.answer;
}

const deleteKey: Operation = { type: 'delete', key: 'k' };
