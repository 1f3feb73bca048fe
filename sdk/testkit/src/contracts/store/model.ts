import { expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  compareKeys,
  evaluateTxn,
  type Compare,
  type KeyValue,
  type Operation,
  type Txn,
} from '@timonel/sdk/contracts/store';
import { bytes, codeOf, described, readUntil, text, type StoreBed } from './harness.ts';

const keys = fc.constantFrom('a', 'a/', 'a/b', 'b', 'é', '\uffff', '\u{10000}');
const small = fc.nat({ max: 12 });
const compares: fc.Arbitrary<Compare> = fc.oneof(
  fc.record({ key: keys, modRevision: small }),
  fc.record({ key: keys, createRevision: small }),
  fc.record({ key: keys, version: fc.nat({ max: 3 }) }),
);
const operations: fc.Arbitrary<Operation> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.tuple(keys, small).map(([key, n]): Operation => ({ op: 'put', key, value: bytes(`${n}`) })),
  },
  { weight: 2, arbitrary: keys.map((key): Operation => ({ op: 'delete', key })) },
  { weight: 1, arbitrary: keys.map((key): Operation => ({ op: 'get', key })) },
);
const txns: fc.Arbitrary<Txn> = fc.record({
  compare: fc.array(compares, { maxLength: 2 }),
  success: fc.array(operations, { maxLength: 4 }),
  failure: fc.array(operations, { maxLength: 2 }),
});
type Step = { readonly txn: Txn } | { readonly compactTo: number };
const steps: fc.Arbitrary<Step> = fc.oneof(
  { weight: 8, arbitrary: txns.map((txn) => ({ txn })) },
  { weight: 1, arbitrary: small.map((compactTo) => ({ compactTo })) },
);

/** The whole truth: the state of every revision, kept as a full copy each. */
class Model {
  readonly states: ReadonlyMap<string, KeyValue>[] = [new Map(), new Map()];
  readonly events: string[] = [];
  compacted = 1;

  get revision(): number {
    return this.states.length - 1;
  }

  apply(txn: Txn): { succeeded: boolean; revision: number } {
    const now = this.states[this.revision] ?? new Map<string, KeyValue>();
    const revision = this.revision + 1;
    const outcome = evaluateTxn({ get: (key) => now.get(key), hasLease: () => false }, txn, revision);
    if (outcome.events.length > 0) {
      const next = new Map(now);
      for (const { type, kv } of outcome.events) {
        if (type === 'put') next.set(kv.key, kv);
        else next.delete(kv.key);
        this.events.push(`${type} ${kv.key}=${text(kv)}@${revision}`);
      }
      this.states.push(next);
    }
    return { succeeded: outcome.succeeded, revision: this.revision };
  }

  range(prefix: string, revision: number): string[] {
    const state = this.states[revision] ?? new Map<string, KeyValue>();
    const found = [...state.values()].filter((kv) => kv.key.startsWith(prefix));
    return found.sort((a, b) => compareKeys(a.key, b.key)).map(show);
  }
}

function show(kv: KeyValue): string {
  return `${kv.key}=${text(kv)} ${kv.createRevision} ${kv.modRevision} ${kv.version}`;
}

function recreates(operations: readonly Operation[] = []): boolean {
  return operations.some(
    ({ op, key }, at) =>
      op === 'delete' && operations.slice(at).some((later) => later.op === 'put' && later.key === key),
  );
}

/** Random txns and compactions against a model that keeps everything. */
export function modelContract(bed: () => StoreBed, runs: number): void {
  it('agrees with a small model on every read of every retained revision, and on the watch', async () => {
    const run = async (sequence: readonly Step[]): Promise<void> => {
      const made = await bed().another();
      const { store } = made;
      const model = new Model();
      const watch = store.watch({ prefix: '', fromRevision: 0 });
      for (const step of sequence) {
        if ('txn' in step) {
          if (bed().noRecreation && (recreates(step.txn.success) || recreates(step.txn.failure))) continue;
          expect(await store.txn(step.txn)).toMatchObject(model.apply(step.txn));
        } else if (step.compactTo <= model.revision) {
          await store.compact(step.compactTo);
          model.compacted = Math.max(model.compacted, step.compactTo);
        }
      }
      for (let revision = 1; revision <= model.revision; revision++) {
        for (const prefix of ['', 'a', 'a/']) {
          const read = store.range({ prefix, revision });
          if (revision < model.compacted) expect(await codeOf(read)).toBe('COMPACTED');
          else expect((await read).kvs.map(show)).toEqual(model.range(prefix, revision));
        }
      }
      watch.requestProgress();
      const reached = (read: readonly { revision: number }[]) => (read.at(-1)?.revision ?? 0) >= model.revision;
      expect(described(await readUntil(watch[Symbol.asyncIterator](), reached))).toEqual(model.events);
      await made.close();
    };
    await fc.assert(fc.asyncProperty(fc.array(steps, { minLength: 1, maxLength: 25 }), run), { numRuns: runs });
  });
}
