import { describe, expect, it } from '@jest/globals';
import type { KubeObject } from '@timonel/sdk/kube';
import { plan, type OwnerState } from './reconcile.ts';

function object(...uids: string[]): KubeObject {
  const ownerReferences = uids.map((uid) => ({ apiVersion: 'v1', kind: 'ConfigMap', name: uid, uid }));
  return { metadata: { name: 'a', ...(uids.length === 0 ? {} : { ownerReferences }) } };
}

const does = (
  target: KubeObject,
  states: Record<string, OwnerState>,
  dependents: readonly KubeObject[] = [],
): unknown => plan({ object: target, owners: new Map(Object.entries(states)), dependents });

describe('plan', () => {
  it('deletes only when every owner is known to be absent', () => {
    expect(does(object('x', 'y'), { x: 'absent', y: 'absent' })).toEqual({
      do: 'delete',
      propagationPolicy: 'Background',
      cause: 'AllOwnersGone',
    });
    expect(does(object('x'), { x: 'present' })).toBeUndefined();
    expect(does(object('x'), { x: 'unknown' })).toBeUndefined();
    expect(does(object('x'), {})).toBeUndefined();
    expect(does(object(), {})).toBeUndefined();
  });

  it('drops the references to absent owners while others are left', () => {
    const target = object('x', 'y', 'z');
    expect(does(target, { x: 'absent', y: 'present', z: 'unknown' })).toEqual({
      do: 'dropReferences',
      keep: target.metadata.ownerReferences?.slice(1),
      cause: 'SomeOwnersGone',
    });
  });

  it('leaves an object alone that is being deleted', () => {
    const target = object('x');
    target.metadata.deletionTimestamp = '2026-01-01T00:00:00Z';
    expect(does(target, { x: 'absent' })).toBeUndefined();
  });

  it('deletes what an owner waits for, which waits for its own dependents, but not in a circle', () => {
    const deleted = { do: 'delete', cause: 'OwnersLeave' };
    const leaving = object('y');
    leaving.metadata = {
      ...leaving.metadata,
      deletionTimestamp: '2026-01-01T00:00:00Z',
      finalizers: ['foregroundDeletion'],
    };
    expect(does(object('x'), { x: 'leaving' })).toEqual({ ...deleted, propagationPolicy: 'Background' });
    expect(does(object('x'), { x: 'leaving' }, [object('y')])).toEqual({ ...deleted, propagationPolicy: 'Foreground' });
    expect(does(object('x'), { x: 'leaving' }, [leaving])).toEqual({ ...deleted, propagationPolicy: 'Background' });
    expect(does(object('x', 'y'), { x: 'leaving', y: 'present' })).toMatchObject({ do: 'dropReferences' });
  });

  it('lets an object go when nothing blocks it any more, and orphans first', () => {
    const owner: KubeObject = {
      metadata: { uid: 'o', deletionTimestamp: '2026-01-01T00:00:00Z', finalizers: ['foregroundDeletion'] },
    };
    const free = object('o');
    const blocking = object('o');
    for (const reference of blocking.metadata.ownerReferences ?? []) reference.blockOwnerDeletion = true;
    expect(does(owner, {}, [free, blocking])).toBeUndefined();
    expect(does(owner, {}, [free])).toEqual({ do: 'release', cause: 'NoBlockingDependents' });
    owner.metadata.finalizers?.push('orphan');
    expect(does(owner, {}, [blocking])).toEqual({ do: 'orphanDependents', cause: 'DeletedAsOrphaning' });
  });
});
