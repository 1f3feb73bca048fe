import { describe, expect, it } from '@jest/globals';
import { controllerReference, pods, type PersistentVolumeClaim, type Pod } from '@timonel/sdk/kube';
import { explain, reconcile, type Observed } from './reconcile.ts';

const volumeClaimTemplate = {
  metadata: { labels: { tier: 'scratch' }, annotations: { note: 'x' } },
  spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
};

function podWith(parts: Partial<Pod> = {}): Pod {
  const volumes = [
    { name: 'scratch', ephemeral: { volumeClaimTemplate } },
    { name: 'plain', emptyDir: {} },
  ];
  return {
    metadata: { name: 'p', namespace: 'x', uid: 'pod-1' },
    spec: { containers: [], volumes },
    status: { phase: 'Pending' },
    ...parts,
  };
}

function seen(pod: Pod, claim?: PersistentVolumeClaim): Observed {
  const claims = new Map(claim === undefined ? [] : [['p-scratch', claim]]);
  return { subject: pod, claims, nowMs: 0, timestamp: '' };
}

const claimOwnedBy = (owner: Pod): PersistentVolumeClaim => ({
  metadata: { name: 'p-scratch', namespace: 'x', ownerReferences: [controllerReference(owner, pods)] },
});

describe('the claims of ephemeral volumes', () => {
  it('are made of the template, and owned by the pod', () => {
    const pod = podWith();
    const { actions } = reconcile(seen(pod));
    expect(actions).toMatchObject([
      {
        do: 'create',
        object: {
          metadata: {
            name: 'p-scratch',
            namespace: 'x',
            labels: { tier: 'scratch' },
            annotations: { note: 'x' },
            ownerReferences: [{ kind: 'Pod', name: 'p', uid: 'pod-1', controller: true, blockOwnerDeletion: true }],
          },
          spec: volumeClaimTemplate.spec,
        },
      },
    ]);
    expect(reconcile(seen(pod, claimOwnedBy(pod)))).toEqual({ actions: [] });
  });

  it('are left alone when they are of another pod, or of nobody, which the pod is told', () => {
    const former = podWith({ metadata: { name: 'p', namespace: 'x', uid: 'pod-0' } });
    for (const claim of [claimOwnedBy(former), { metadata: { name: 'p-scratch', namespace: 'x' } }]) {
      const observed = seen(podWith(), claim);
      expect(reconcile(observed).actions).toMatchObject([
        {
          do: 'event',
          event: {
            kind: 'Warning',
            reason: 'FailedBinding',
            message: expect.stringContaining('not created for this pod'),
          },
        },
      ]);
      expect(explain(observed)).toMatchObject([{ code: 'claim-taken' }]);
    }
  });

  it.each([
    ['is being deleted', podWith({ metadata: { name: 'p', uid: 'u', deletionTimestamp: '2026-01-01T00:00:00Z' } })],
    ['has ended', podWith({ status: { phase: 'Failed' } })],
  ])('are not made for a pod that %s', (_what, pod) => {
    expect(reconcile(seen(pod))).toEqual({ actions: [] });
  });
});
