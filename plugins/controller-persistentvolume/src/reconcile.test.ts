import { describe, expect, it } from '@jest/globals';
import type { PersistentVolume, PersistentVolumeClaim, StorageClass } from '@timonel/sdk/kube';
import {
  bindCompleted,
  boundByController,
  provisionedBy,
  selectedNode,
  storageProvisioner,
} from '@timonel/sdk/volumes';
import { explainClaim } from './claim/explain.ts';
import { claimOf, Cluster, observeClaim, volumeOf, worldOf } from './testing/world.ts';

function classOf(
  name: string,
  more: Partial<StorageClass> = {},
  annotations: Record<string, string> = {},
): StorageClass {
  return { metadata: { name, annotations }, provisioner: 'csi.example.com', volumeBindingMode: 'Immediate', ...more };
}
const isDefault = { 'storageclass.kubernetes.io/is-default-class': 'true' };
const waiting = classOf('waiting', { volumeBindingMode: 'WaitForFirstConsumer' });
const sized = (storage: string) => ({ capacity: { storage } });
const asking = (storage: string) => ({ resources: { requests: { storage } } });

interface Settled {
  readonly claim: PersistentVolumeClaim;
  readonly cluster: Cluster;
  readonly volume: (name: string) => PersistentVolume | undefined;
}

/** The state to which claim `a` and the volumes come by themselves. */
function settled(
  claim: PersistentVolumeClaim,
  volumes: readonly PersistentVolume[] = [],
  classes: readonly StorageClass[] = [],
  others: readonly PersistentVolumeClaim[] = [],
): Settled {
  const cluster = new Cluster(worldOf([claim, ...others], volumes, classes));
  cluster.settle();
  const { claims } = cluster.world;
  return {
    claim: claims.get('x/a') as PersistentVolumeClaim,
    cluster,
    volume: (name) => cluster.world.volumes.get(name),
  };
}

describe('a claim that leaves the choice to the cluster', () => {
  it('gets the smallest volume that fits, and both sides say so', () => {
    const { claim, volume } = settled(claimOf('a', asking('2Gi')), [
      volumeOf('small'),
      volumeOf('large', sized('9Gi')),
      volumeOf('fits', sized('3Gi')),
    ]);
    expect(claim.spec?.volumeName).toBe('fits');
    expect(claim.metadata.annotations).toEqual({ [bindCompleted]: 'yes', [boundByController]: 'yes' });
    expect(claim.status).toEqual({ phase: 'Bound', accessModes: ['ReadWriteOnce'], capacity: { storage: '3Gi' } });
    expect(volume('fits')).toMatchObject({
      metadata: { annotations: { [boundByController]: 'yes' } },
      spec: { claimRef: { kind: 'PersistentVolumeClaim', namespace: 'x', name: 'a', uid: 'claim-a' } },
      status: { phase: 'Bound', lastPhaseTransitionTime: '2026-01-01T00:00:00Z' },
    });
    expect(volume('large')?.status?.phase).toBe('Available');
  });

  it.each([
    ['class', { storageClassName: 'other' }, {}],
    ['access modes', { accessModes: ['ReadOnlyMany'] }, {}],
    ['volume mode', { volumeMode: 'Block' }, {}],
    ['size', sized('100Mi'), {}],
    ['labels', {}, { labels: { tier: 'slow' } }],
    ['deletion', {}, { deletionTimestamp: '2026-01-01T00:00:00Z' }],
  ])('does not get a volume of the wrong %s', (_what, spec, metadata) => {
    const volume = volumeOf('v', spec, { labels: { tier: 'fast' }, ...metadata });
    const { claim } = settled(claimOf('a', { selector: { matchLabels: { tier: 'fast' } } }), [volume]);
    expect(claim.spec?.volumeName).toBeUndefined();
    expect(claim.status).toEqual({ phase: 'Pending' });
  });

  it('gets the volume that a person has set aside for it, before smaller ones', () => {
    const claimRef = { namespace: 'x', name: 'a' };
    const { claim, volume } = settled(claimOf('a'), [volumeOf('free'), volumeOf('own', { ...sized('9Gi'), claimRef })]);
    expect(claim.spec?.volumeName).toBe('own');
    expect(volume('own')?.metadata.annotations?.[boundByController]).toBeUndefined();
    expect(volume('free')?.status?.phase).toBe('Available');
  });

  it('asks for nothing that a bad selector could select', () => {
    const selector = { matchExpressions: [{ key: 'a', operator: 'Like' }] };
    expect(settled(claimOf('a', { selector }), [volumeOf('v')]).claim.status?.phase).toBe('Pending');
  });

  it('says what to do when there is no class and no volume', () => {
    const { cluster, claim } = settled(claimOf('a'));
    expect(claim.status?.phase).toBe('Pending');
    expect(cluster.events).toContain('FailedBinding');
    const seen = observeClaim(cluster.world, 'x/a');
    expect(seen === undefined ? [] : explainClaim(seen)).toMatchObject([
      { code: 'no-class', unblock: 'name a storage class in the claim, or mark one as the default' },
    ]);
  });

  it('gets the default class when it names none, of several the newest; but not when it asks for none', () => {
    const old = classOf('old', {}, isDefault);
    const metadata = { name: 'new', annotations: isDefault, creationTimestamp: '2026-01-02T00:00:00Z' };
    const classes = [old, { ...classOf('new'), metadata }, classOf('plain')];
    const unnamed = claimOf('a');
    delete unnamed.spec?.storageClassName;
    expect(settled(unnamed, [], classes).claim.spec?.storageClassName).toBe('new');
    expect(settled(claimOf('a'), [], classes).claim.spec?.storageClassName).toBe('');
  });

  it('is given to the provisioner of its class when no volume fits', () => {
    const { claim, cluster } = settled(claimOf('a', { storageClassName: 'made' }), [], [classOf('made')]);
    expect(claim.metadata.annotations?.[storageProvisioner]).toBe('csi.example.com');
    expect(claim.metadata.annotations?.['volume.beta.kubernetes.io/storage-provisioner']).toBe('csi.example.com');
    expect(cluster.events.filter((reason) => reason === 'ExternalProvisioning')).toHaveLength(1);
  });

  it('waits for its consumer where the class says so; then its volume is made on the chosen node', () => {
    const before = settled(
      claimOf('a', { storageClassName: 'waiting' }),
      [volumeOf('v', { storageClassName: 'waiting' })],
      [waiting],
    );
    expect(before.claim.metadata.annotations).toBeUndefined();
    expect(before.cluster.events).toContain('WaitForFirstConsumer');
    const annotations = { [selectedNode]: 'n' };
    const after = settled(claimOf('a', { storageClassName: 'waiting' }, { annotations }), [], [waiting]);
    expect(after.claim.metadata.annotations).toMatchObject({ [storageProvisioner]: 'csi.example.com' });
  });

  it('says that its class does not exist, or makes no volumes', () => {
    const fixed = classOf('fixed', { provisioner: 'kubernetes.io/no-provisioner' });
    expect(settled(claimOf('a', { storageClassName: 'absent' })).cluster.events).toContain('ProvisioningFailed');
    expect(settled(claimOf('a', { storageClassName: 'fixed' }), [], [fixed]).cluster.events).toContain('FailedBinding');
  });
});

describe('a claim that names its volume', () => {
  it('gets it when it fits', () => {
    const { claim, volume } = settled(claimOf('a', { volumeName: 'v' }), [volumeOf('v'), volumeOf('u')]);
    expect(claim.status?.phase).toBe('Bound');
    expect(claim.metadata.annotations).toEqual({ [bindCompleted]: 'yes' });
    expect(volume('v')?.status?.phase).toBe('Bound');
  });

  it.each([
    ['does not exist', [], undefined],
    ['is too small', [volumeOf('v', sized('1Mi'))], 'VolumeMismatch'],
    ['has another class', [volumeOf('v', { storageClassName: 'other' })], 'VolumeMismatch'],
    [
      'is of another claim',
      [volumeOf('v', { claimRef: { namespace: 'x', name: 'b', uid: 'claim-b' } })],
      'FailedBinding',
    ],
  ])('waits while that %s', (_what, volumes, event) => {
    const { claim, cluster } = settled(
      claimOf('a', { volumeName: 'v' }),
      volumes,
      [],
      [claimOf('b', { volumeName: 'v' })],
    );
    expect(claim.status?.phase).toBe('Pending');
    if (event !== undefined) expect(cluster.events).toContain(event);
    const seen = observeClaim(cluster.world, 'x/a');
    expect(seen === undefined ? [] : explainClaim(seen)).toHaveLength(1);
  });
});

describe('what was bound', () => {
  const bound = () => settled(claimOf('a'), [volumeOf('v')]);

  it('is lost when the volume is gone or given to another, and says so once', () => {
    const { cluster, claim } = bound();
    cluster.world = { ...cluster.world, volumes: new Map() };
    cluster.settle();
    expect(cluster.world.claims.get('x/a')?.status).toEqual({ phase: 'Lost' });
    expect(cluster.events).toEqual(['ClaimLost']);
    const claimRef = { namespace: 'x', name: 'b', uid: 'claim-b' };
    const taken = settled(claim, [volumeOf('v', { claimRef })], [], [claimOf('b', { volumeName: 'v' })]);
    expect(taken.claim.status?.phase).toBe('Lost');
    expect(taken.cluster.events).toContain('ClaimMisbound');
  });

  it('is found again when the volume comes back', () => {
    const { cluster } = bound();
    const { volumes } = cluster.world;
    cluster.world = { ...cluster.world, volumes: new Map() };
    cluster.settle();
    cluster.world = { ...cluster.world, volumes };
    cluster.settle();
    expect(cluster.world.claims.get('x/a')?.status?.phase).toBe('Bound');
  });

  it('leaves its volume Released, which no new claim of the name gets', () => {
    const { cluster, volume } = bound();
    cluster.deleteClaim('x/a');
    cluster.settle();
    expect(volume('v')?.status?.phase).toBe('Released');
    cluster.put(claimOf('a', {}, { uid: 'another' }));
    cluster.settle();
    expect(cluster.world.claims.get('x/a')?.status?.phase).toBe('Pending');
    expect(volume('v')?.spec?.claimRef?.uid).toBe('claim-a');
  });

  it.each([
    ['Released, for its provisioner to remove', { [provisionedBy]: 'csi.example.com' }, 'Delete', 'Released', []],
    ['Failed, when nobody made it who could remove it', {}, 'Delete', 'Failed', ['VolumeFailedDelete']],
    ['Failed, when it is to be recycled', {}, 'Recycle', 'Failed', ['VolumeFailedDelete']],
  ])('leaves its volume %s', (_what, annotations, policy, phase, events) => {
    const { cluster, volume } = settled(claimOf('a'), [
      volumeOf('v', { persistentVolumeReclaimPolicy: policy }, { annotations }),
    ]);
    cluster.deleteClaim('x/a');
    cluster.settle();
    expect(volume('v')?.status?.phase).toBe(phase);
    expect(cluster.events).toEqual(events);
  });

  it('keeps the capacity that somebody made larger', () => {
    const { cluster, claim } = bound();
    cluster.put({ ...claim, status: { ...claim.status, capacity: { storage: '5Gi' } } });
    cluster.settle();
    expect(cluster.world.claims.get('x/a')?.status?.capacity).toEqual({ storage: '5Gi' });
  });
});

describe('a volume whose claim has another one', () => {
  const claim = () => claimOf('a', { volumeName: 'v' });
  const claimRef = { namespace: 'x', name: 'a', uid: 'claim-a' };

  it('is free again for all; for the name, when a person set it aside; and goes, when it was made for the claim', () => {
    const chosen = { annotations: { [boundByController]: 'yes' } };
    const made = { annotations: { [provisionedBy]: 'csi.example.com' } };
    const { volume } = settled(claim(), [
      volumeOf('v'),
      volumeOf('chosen', { claimRef }, chosen),
      volumeOf('aside', { claimRef }),
      volumeOf('made', { claimRef, persistentVolumeReclaimPolicy: 'Delete' }, made),
    ]);
    expect(volume('chosen')).toMatchObject({ status: { phase: 'Available' } });
    expect(volume('chosen')?.spec?.claimRef).toBeUndefined();
    expect(volume('aside')?.spec?.claimRef).toEqual({ namespace: 'x', name: 'a' });
    expect(volume('made')?.status?.phase).toBe('Released');
  });
});
