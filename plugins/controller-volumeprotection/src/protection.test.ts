import { describe, expect, it } from '@jest/globals';
import type { AdmissionContext } from '@timonel/sdk/contracts/api-server';
import type { PersistentVolumeClaim, Pod } from '@timonel/sdk/kube';
import { protectNew } from './admission.ts';
import { explainClaim, reconcileClaim } from './claim.ts';
import { reconcileVolume } from './volume.ts';

const now = { nowMs: 0, timestamp: '' };
const going = '2026-01-01T00:00:00Z';

function claimWith(metadata: PersistentVolumeClaim['metadata']): PersistentVolumeClaim {
  return { metadata: { name: 'c', namespace: 'x', uid: 'claim-1', ...metadata } };
}

const goingClaim = (metadata: PersistentVolumeClaim['metadata'] = {}): PersistentVolumeClaim =>
  claimWith({ deletionTimestamp: going, finalizers: ['other', 'kubernetes.io/pvc-protection'], ...metadata });

function podWith(
  volume: Record<string, unknown>,
  spec: Partial<Pod['spec']> = {},
  metadata: Pod['metadata'] = {},
): Pod {
  return {
    metadata: { name: 'p', namespace: 'x', uid: 'pod-1', ...metadata },
    spec: { containers: [], nodeName: 'n', volumes: [{ name: 'v', ...volume }], ...spec },
  };
}

const uses = { persistentVolumeClaim: { claimName: 'c' } };
const ownedByPod = {
  name: 'p-v',
  ownerReferences: [{ apiVersion: 'v1', kind: 'Pod', name: 'p', uid: 'pod-1', controller: true }],
};

describe('a claim', () => {
  it('is protected while it lives, and written once for that', () => {
    const [action] = reconcileClaim({ ...now, subject: claimWith({}), pods: [] }).actions;
    expect(action).toMatchObject({
      do: 'update',
      next: { metadata: { finalizers: ['kubernetes.io/pvc-protection'] } },
    });
    const isProtected = claimWith({ finalizers: ['kubernetes.io/pvc-protection'] });
    expect(reconcileClaim({ ...now, subject: isProtected, pods: [] }).actions).toEqual([]);
  });

  it.each([
    ['no pod', goingClaim(), []],
    ['a pod of another claim', goingClaim(), [podWith({ persistentVolumeClaim: { claimName: 'd' } })]],
    ['a pod without a node', goingClaim(), [podWith(uses, { nodeName: '' })]],
    [
      'a pod whose ephemeral volume has that name, but which it was not made for',
      goingClaim({ name: 'p-v' }),
      [podWith({ ephemeral: {} })],
    ],
    [
      'its own pod, which the node is done with',
      goingClaim(ownedByPod),
      [podWith({ ephemeral: {} }, {}, { deletionTimestamp: going, deletionGracePeriodSeconds: 0 })],
    ],
  ])('goes when it is deleted and there is %s', (_what, subject, pods) => {
    const [action] = reconcileClaim({ ...now, subject, pods }).actions;
    expect(action).toMatchObject({ do: 'update', next: { metadata: { finalizers: ['other'] } } });
  });

  it.each([
    ['a pod that runs', goingClaim(), podWith(uses)],
    ['a pod that has ended', goingClaim(), { ...podWith(uses), status: { phase: 'Succeeded' } }],
    ['the pod that it was made for', goingClaim(ownedByPod), podWith({ ephemeral: {} })],
  ])('stays as long as there is %s, and says so', (_what, subject, pod) => {
    const observed = { ...now, subject, pods: [pod] };
    expect(reconcileClaim(observed).actions).toEqual([]);
    expect(explainClaim(observed)).toMatchObject([{ code: 'in-use', detail: { pods: ['p'] } }]);
  });
});

describe('a volume', () => {
  const goingVolume = (phase: string) => ({
    metadata: { name: 'v', deletionTimestamp: going, finalizers: ['kubernetes.io/pv-protection'] },
    status: { phase },
  });

  it('is protected, stays while it is bound, and goes then', () => {
    const protect = reconcileVolume({ ...now, subject: { metadata: { name: 'v' } } }).actions;
    expect(protect).toMatchObject([{ next: { metadata: { finalizers: ['kubernetes.io/pv-protection'] } } }]);
    expect(reconcileVolume({ ...now, subject: goingVolume('Bound') }).actions).toEqual([]);
    expect(reconcileVolume({ ...now, subject: goingVolume('Released') }).actions).toMatchObject([
      { next: { metadata: { finalizers: [] } } },
    ]);
  });
});

describe('new objects', () => {
  const context = (resource: string, operation = 'CREATE', subresource = ''): AdmissionContext =>
    ({ group: '', resource, operation, subresource }) as unknown as AdmissionContext;

  it('are protected from the beginning, and nothing else is touched', () => {
    const object = { metadata: { name: 'a' } };
    expect(protectNew(object, context('persistentvolumeclaims'))?.metadata.finalizers).toEqual([
      'kubernetes.io/pvc-protection',
    ]);
    expect(protectNew(object, context('persistentvolumes'))?.metadata.finalizers).toEqual([
      'kubernetes.io/pv-protection',
    ]);
    expect(protectNew(object, context('pods'))).toBeUndefined();
    expect(protectNew(object, context('persistentvolumeclaims', 'UPDATE'))).toBeUndefined();
    const own = { metadata: { name: 'a', finalizers: ['kubernetes.io/pvc-protection'] } };
    expect(protectNew(own, context('persistentvolumeclaims'))).toBeUndefined();
  });
});
