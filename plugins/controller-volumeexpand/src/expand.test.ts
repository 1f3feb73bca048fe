import { describe, expect, it } from '@jest/globals';
import type { AdmissionContext } from '@timonel/sdk/contracts/api-server';
import type { PersistentVolumeClaim, StorageClass } from '@timonel/sdk/kube';
import { growingClaim, growthRefusal } from './admission.ts';
import { explain, reconcile } from './reconcile.ts';

const now = { nowMs: 0, timestamp: '' };
const growing: StorageClass = { metadata: { name: 'g' }, provisioner: 'csi.example.com', allowVolumeExpansion: true };
const fixed: StorageClass = { metadata: { name: 'g' }, provisioner: 'csi.example.com' };

function claimWith(asked: string, has = '1Gi', annotations: Record<string, string> = {}): PersistentVolumeClaim {
  return {
    metadata: { name: 'c', namespace: 'x', annotations: { 'pv.kubernetes.io/bind-completed': 'yes', ...annotations } },
    spec: { storageClassName: 'g', volumeName: 'v', resources: { requests: { storage: asked } } },
    status: { phase: 'Bound', capacity: { storage: has } },
  };
}

describe('a claim that asks for more than it has', () => {
  it('is handed to the provisioner of its class, once', () => {
    const observed = { ...now, subject: claimWith('2Gi'), storageClass: growing };
    expect(reconcile(observed).actions).toMatchObject([
      {
        do: 'update',
        next: { metadata: { annotations: { 'volume.kubernetes.io/storage-resizer': 'csi.example.com' } } },
        event: { reason: 'ExternalExpanding' },
      },
    ]);
    const handed = claimWith('2Gi', '1Gi', { 'volume.kubernetes.io/storage-resizer': 'csi.example.com' });
    expect(reconcile({ ...observed, subject: handed }).actions).toEqual([]);
    expect(explain({ ...observed, subject: handed })).toMatchObject([{ code: 'expanding' }]);
  });

  it.each([
    ['does not allow it', fixed],
    ['is gone', undefined],
  ])('is told when its class %s', (_what, storageClass) => {
    const observed = { ...now, subject: claimWith('2Gi'), storageClass };
    expect(reconcile(observed).actions).toMatchObject([{ do: 'event', event: { reason: 'VolumeResizeFailed' } }]);
    expect(explain(observed)).toMatchObject([{ code: 'expansion-not-allowed' }]);
  });

  it('is no matter when it has what it asks for, or is not bound', () => {
    const unbound = { ...claimWith('2Gi'), status: { phase: 'Pending' } };
    for (const subject of [claimWith('1Gi'), claimWith('1Gi', '2Gi'), unbound]) {
      expect(reconcile({ ...now, subject, storageClass: growing }).actions).toEqual([]);
      expect(explain({ ...now, subject, storageClass: growing })).toEqual([]);
    }
  });
});

describe('growth at the door', () => {
  const context = (oldObject: PersistentVolumeClaim, more = {}): AdmissionContext =>
    ({
      operation: 'UPDATE',
      group: '',
      resource: 'persistentvolumeclaims',
      subresource: '',
      oldObject,
      ...more,
    }) as AdmissionContext;
  const asObject = (claim: PersistentVolumeClaim) => ({ ...claim });

  it('is decided for updates that ask for more', () => {
    expect(growingClaim(asObject(claimWith('2Gi')), context(claimWith('1Gi')))).toBeDefined();
    expect(growingClaim(asObject(claimWith('1Gi')), context(claimWith('1024Mi')))).toBeUndefined();
    expect(
      growingClaim(asObject(claimWith('2Gi')), context(claimWith('1Gi'), { subresource: 'status' })),
    ).toBeUndefined();
    expect(growingClaim(asObject(claimWith('2Gi')), context(claimWith('1Gi'), { resource: 'pods' }))).toBeUndefined();
  });

  it('is forbidden where the class does not allow it', () => {
    expect(growthRefusal(claimWith('2Gi'), growing)).toBeUndefined();
    for (const storageClass of [fixed, undefined]) {
      expect(growthRefusal(claimWith('2Gi'), storageClass)).toMatchObject([
        { status: { code: 403, reason: 'Forbidden' } },
      ]);
    }
  });
});
