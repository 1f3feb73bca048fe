import { describe, expect, it } from '@jest/globals';
import type { Operation } from '../workload/operation.ts';
import { KvMachine } from './kv-machine.ts';

function bed() {
  const machine = new KvMachine();
  let index = 0;
  machine.register(1);
  const apply = (operation: Operation) => {
    const applied = machine.apply(
      ++index,
      1,
      { session: 1, sequence: index, floor: index },
      { origin: 'c', operation },
    );
    if (applied.type !== 'answer') throw new Error(applied.type);
    return applied;
  };
  return { machine, apply };
}

describe('key-value machine', () => {
  it('counts revisions and versions as the contract says', () => {
    const { machine, apply } = bed();
    expect(apply({ type: 'put', keys: ['a'], value: '1' }).answer).toEqual({ revision: 2, changed: true, kvs: [] });
    apply({ type: 'put', keys: ['a', 'b'], value: '2' });
    expect(machine.read('a', 'z').kvs).toEqual([
      { key: 'a', value: '2', createRevision: 2, modRevision: 3, version: 2, lease: 0 },
      { key: 'b', value: '2', createRevision: 3, modRevision: 3, version: 1, lease: 0 },
    ]);
    apply({ type: 'delete', key: 'a' });
    apply({ type: 'put', keys: ['a'], value: '3' });
    expect(machine.read('a', 'b').kvs[0]).toMatchObject({ createRevision: 5, version: 1 });
  });

  it('compares before it puts, and a delete of nothing changes nothing', () => {
    const { apply } = bed();
    expect(apply({ type: 'compareAndPut', key: 'a', modRevision: 0, value: '1' }).answer?.changed).toBe(true);
    const refused = apply({ type: 'compareAndPut', key: 'a', modRevision: 0, value: '2' });
    expect(refused.answer).toMatchObject({ changed: false, revision: 2, kvs: [{ value: '1' }] });
    expect(apply({ type: 'delete', key: 'b' })).toEqual({
      type: 'answer',
      answer: { revision: 2, changed: false, kvs: [] },
      change: undefined,
      endedLease: undefined,
    });
  });

  it('applies a retried write once, also after a restore, and a given-up one never', () => {
    const { machine } = bed();
    const command = { origin: 'x', operation: { type: 'put', keys: ['a'], value: '1' } } as const;
    const first = machine.apply(5, 1, { session: 1, sequence: 2, floor: 2 }, command);
    const restored = KvMachine.restore(machine.snapshot());
    for (const each of [machine, restored]) {
      expect(each.apply(5, 1, { session: 1, sequence: 2, floor: 2 }, command)).toEqual({ ...first, change: undefined });
      expect(each.apply(6, 1, { session: 1, sequence: 1, floor: 1 }, command)).toEqual({ type: 'stale' });
      expect(each.apply(7, 1, { session: 9, sequence: 1, floor: 1 }, command)).toEqual({ type: 'noSession' });
    }
    expect(restored.contentHash()).toBe(machine.contentHash());
  });

  it('keeps the changes for watches until they are compacted', () => {
    const { machine, apply } = bed();
    for (const value of ['1', '2', '3']) apply({ type: 'put', keys: ['a'], value });
    expect(machine.changesFrom(3)?.map((change) => change.revision)).toEqual([3, 4]);
    apply({ type: 'compact', revision: 3 });
    expect(machine.changesFrom(3)).toBeUndefined();
    expect(machine.changesFrom(4)).toHaveLength(1);
    expect(machine.changesFrom(9)).toEqual([]);
  });

  it('ends a lease with its keys in one revision, and hangs none on a lease that ended', () => {
    const { machine, apply } = bed();
    const lease = apply({ type: 'grant', ttlMs: 100 }).answer.lease as number;
    expect([...machine.leases]).toEqual([[lease, 100]]);
    apply({ type: 'put', keys: ['a', 'b'], value: '1', lease });
    apply({ type: 'put', keys: ['b'], value: '2' });
    apply({ type: 'put', keys: ['c'], value: '3', lease });
    const restored = KvMachine.restore(machine.snapshot());
    expect(restored.contentHash()).toBe(machine.contentHash());
    const ended = apply({ type: 'revoke', leaseId: lease });
    expect(ended).toMatchObject({ answer: { revision: 5, changed: true, lease }, endedLease: lease });
    expect(ended.change?.events.map(({ kv }) => kv.key)).toEqual(['a', 'c']);
    expect(machine.read('a', 'z').kvs.map((kv) => kv.key)).toEqual(['b']);
    expect(apply({ type: 'put', keys: ['a'], value: '4', lease }).answer).toMatchObject({ changed: false, lease: 0 });
    expect(apply({ type: 'revoke', leaseId: lease }).answer).toMatchObject({ changed: false, lease: 0 });
  });

  it('lets a lease run out only in the term in which a leader saw it', () => {
    const { machine, apply } = bed();
    const lease = apply({ type: 'grant', ttlMs: 100 }).answer.lease as number;
    const expire = { origin: 'm', operation: { type: 'expire', leaseId: lease, term: 3 } } as const;
    expect(machine.apply(8, 4, undefined, expire)).toMatchObject({ change: undefined, endedLease: undefined });
    expect(machine.leases.size).toBe(1);
    expect(machine.apply(9, 3, undefined, expire)).toMatchObject({ endedLease: lease });
    expect(machine.leases.size).toBe(0);
  });
});
