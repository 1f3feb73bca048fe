import { describe, expect, it } from '@jest/globals';
import { configMaps, nodes, secrets, type KubeObject, type ResourceType } from '@timonel/sdk/kube';
import { reconcile, type Observed } from './actions.ts';
import { explain } from './explain.ts';

const maps = configMaps as ResourceType;
const owner = { apiVersion: 'v1', kind: 'ConfigMap', name: 'o', uid: 'o' };
const other = { apiVersion: 'v1', kind: 'ConfigMap', name: 'p', uid: 'p' };

function seen(subject: KubeObject, more: Partial<Observed> = {}): Observed {
  const nothing = { owners: new Map(), dependents: [], live: [] };
  return { type: maps, subject, nowMs: 0, timestamp: '', ...nothing, ...more };
}
const owned = (...ownerReferences: readonly (typeof owner & { blockOwnerDeletion?: boolean })[]): KubeObject => ({
  metadata: { name: 'x', namespace: 'a', uid: 'x', resourceVersion: '7', ownerReferences: [...ownerReferences] },
});
const deleted = (...finalizers: string[]): KubeObject => ({
  metadata: {
    name: 'o',
    namespace: 'a',
    uid: 'o',
    resourceVersion: '9',
    deletionTimestamp: '2026-01-01T00:00:00Z',
    finalizers,
  },
});

describe('actions', () => {
  it('delete the very version that was looked at', () => {
    const observed = seen(owned(owner), { owners: new Map([['o', 'absent']]) });
    const options = { preconditions: { resourceVersion: '7' }, propagationPolicy: 'Background' };
    expect(reconcile(observed).actions).toMatchObject([{ do: 'delete', options, cause: { code: 'AllOwnersGone' } }]);
    expect(explain(observed)).toMatchObject([{ code: 'AllOwnersGone', text: 'all its owners are gone' }]);
  });

  it('never delete what is no business of the collector', () => {
    const observed = seen(owned(owner), { type: nodes, owners: new Map([['o', 'absent']]) });
    expect(reconcile(observed).actions).toEqual([]);
    expect(explain(observed)).toEqual([]);
  });

  it('take away the references to owners that are gone', () => {
    const owners = new Map([['o', 'absent'] as const, ['p', 'present'] as const]);
    const [action] = reconcile(seen(owned(owner, other), { owners })).actions;
    expect(action).toMatchObject({ do: 'update', next: { metadata: { ownerReferences: [other] } } });
  });

  it('orphan all dependents that the API shows, and take the finalizer away after that', () => {
    const live = [owned(owner), owned(owner, other)].map((object) => ({ type: secrets as ResourceType, object }));
    const { actions } = reconcile(seen(deleted('orphan', 'mine'), { live }));
    expect(actions).toMatchObject([
      { do: 'update', type: secrets, next: { metadata: { name: 'x' } } },
      { do: 'update', type: secrets, next: { metadata: { ownerReferences: [other] } } },
      { do: 'update', type: maps, next: { metadata: { finalizers: ['mine'] } } },
    ]);
    const [first] = actions;
    expect(first?.do === 'update' && 'ownerReferences' in first.next.metadata).toBe(false);
  });

  it('keep an owner that the caches let go, but the API does not; and say what it waits for', () => {
    const blocking = owned({ ...owner, blockOwnerDeletion: true });
    const live = [{ type: secrets as ResourceType, object: blocking }];
    const observed = seen(deleted('foregroundDeletion'), { live });
    expect(reconcile(observed).actions).toEqual([]);
    const text = 'it was deleted in the foreground, and waits for what it owns: secrets/x';
    expect(explain(observed)).toMatchObject([{ component: 'controller-gc', code: 'WaitsForDependents', text }]);
    expect(reconcile(seen(deleted('foregroundDeletion'))).actions).toMatchObject([
      { do: 'update', next: { metadata: { finalizers: [] } }, cause: { code: 'NoBlockingDependents' } },
    ]);
  });

  it('are none where there is nothing to do', () => {
    const observed = seen(owned(owner), { owners: new Map([['o', 'present']]) });
    expect(reconcile(observed).actions).toEqual([]);
    expect(explain(observed)).toEqual([]);
  });
});
