import { describe, expect, it } from '@jest/globals';
import type { Operation } from '../workload/operation.ts';
import { KvMachine } from './kv-machine.ts';

function bed() {
  const machine = new KvMachine();
  let index = 0;
  machine.register(1);
  const apply = (operation: Operation) => {
    const applied = machine.apply(++index, { session: 1, sequence: index, floor: index }, { origin: 'c', operation });
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
      { key: 'a', value: '2', createRevision: 2, modRevision: 3, version: 2 },
      { key: 'b', value: '2', createRevision: 3, modRevision: 3, version: 1 },
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
    });
  });

  it('applies a retried write once, also after a restore, and a given-up one never', () => {
    const { machine } = bed();
    const command = { origin: 'x', operation: { type: 'put', keys: ['a'], value: '1' } } as const;
    const first = machine.apply(5, { session: 1, sequence: 2, floor: 2 }, command);
    const restored = KvMachine.restore(machine.snapshot());
    for (const each of [machine, restored]) {
      expect(each.apply(5, { session: 1, sequence: 2, floor: 2 }, command)).toEqual({ ...first, change: undefined });
      expect(each.apply(6, { session: 1, sequence: 1, floor: 1 }, command)).toEqual({ type: 'stale' });
      expect(each.apply(7, { session: 9, sequence: 1, floor: 1 }, command)).toEqual({ type: 'noSession' });
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
});
