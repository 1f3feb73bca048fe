import { describe, expect, it } from '@jest/globals';
import type { Outcome } from '@timonel/sdk/controller';
import type { CsiStorageCapacity, PersistentVolume, PersistentVolumeClaim, StorageClass } from '@timonel/sdk/kube';
import { reconcile as tell, type ObservedClass } from './capacity/reconcile.ts';
import { classFor } from './initial-objects.ts';
import { directoryFinalizer, nodeAnnotation } from './names.ts';
import { isAskedOf, reconcile as provision, type ObservedClaim } from './provision/reconcile.ts';
import { planStatus, reconcile as resize, type ObservedClaim as GrowingClaim } from './resize/reconcile.ts';
import { reconcile as remove } from './volume/reconcile.ts';

const now = { nowMs: 1_000_000, timestamp: '1970-01-01T00:16:40Z' };
const gibibyte = 2 ** 30;
const selected = 'volume.kubernetes.io/selected-node';
const asked = { 'volume.kubernetes.io/storage-provisioner': 'timonel.dev/local' };
const waiting: StorageClass = {
  metadata: { name: 'local' },
  provisioner: 'timonel.dev/local',
  volumeBindingMode: 'WaitForFirstConsumer',
  reclaimPolicy: 'Retain',
};
const immediate: StorageClass = { ...waiting, volumeBindingMode: 'Immediate' };

function claimWith(
  annotations: Record<string, string> = {},
  spec: PersistentVolumeClaim['spec'] = {},
): PersistentVolumeClaim {
  return {
    metadata: {
      name: 'c',
      namespace: 'x',
      uid: 'u',
      annotations: { ...asked, ...annotations },
      creationTimestamp: '1970-01-01T00:16:40Z',
    },
    spec: {
      accessModes: ['ReadWriteOnce'],
      resources: { requests: { storage: '2Gi' } },
      storageClassName: 'local',
      ...spec,
    },
  };
}

function seen(subject: PersistentVolumeClaim, more: Partial<ObservedClaim> = {}): ObservedClaim {
  return {
    ...now,
    subject,
    storageClass: waiting,
    nodeName: 'n',
    directory: '/d',
    freeBytes: 5 * gibibyte,
    rank: 0,
    ...more,
  };
}

const here = { [selected]: 'n' };
const verbs = (actions: readonly { readonly do: string }[]): string[] => actions.map((action) => action.do);

describe('a claim whose pod goes to this node', () => {
  it('gets a directory, and a volume that only this node can use', () => {
    const { actions } = provision(seen(claimWith(here)));
    expect(verbs(actions)).toEqual(['effect', 'create']);
    expect(actions[1]).toMatchObject({
      ifExists: 'report',
      object: {
        metadata: {
          name: 'pvc-u',
          annotations: { 'pv.kubernetes.io/provisioned-by': 'timonel.dev/local', [nodeAnnotation]: 'n' },
          finalizers: [directoryFinalizer],
        },
        spec: {
          capacity: { storage: '2Gi' },
          claimRef: { namespace: 'x', name: 'c', uid: 'u' },
          local: { path: '/d/pvc-u' },
          persistentVolumeReclaimPolicy: 'Retain',
          storageClassName: 'local',
        },
      },
    });
  });

  it('is put back, with an event, when there is no room for it', () => {
    const { actions } = provision(seen(claimWith(here), { freeBytes: gibibyte }));
    expect(actions).toMatchObject([
      {
        do: 'event',
        event: {
          reason: 'ProvisioningFailed',
          kind: 'Warning',
          message: expect.stringContaining('node n has 1073741824 bytes left'),
        },
      },
      { do: 'patch', patch: { body: { metadata: { annotations: { [selected]: null } } } } },
    ]);
  });

  it.each([
    ['block volumes', { volumeMode: 'Block' }],
    ['a selector', { selector: { matchLabels: { a: 'b' } } }],
    ['a copy of another claim', { dataSource: { kind: 'PersistentVolumeClaim', name: 'other' } }],
    ['a volume of a populator', { dataSourceRef: { apiGroup: 'example.com', kind: 'Backup', name: 'b' } }],
    ['a class of attributes', { volumeAttributesClassName: 'fast' }],
    ['shared access', { accessModes: ['ReadWriteOnce', 'ReadWriteMany'] }],
  ])('is told that %s cannot be made', (_what, spec) => {
    expect(provision(seen(claimWith(here, spec))).actions).toMatchObject([
      { do: 'event', event: { reason: 'ProvisioningFailed', message: expect.stringContaining('not supported') } },
    ]);
  });

  it('is remembered as begun only as long as it asks this node for a volume', () => {
    const asks = [claimWith(here), claimWith(here, { volumeName: 'v' }), claimWith({ [selected]: 'm' }), undefined];
    expect(asks.map((claim) => isAskedOf('n', claim))).toEqual([true, false, false, false]);
  });

  it.each([
    ['goes to another node', claimWith({ [selected]: 'other' }), {}],
    ['has a volume', claimWith(here, { volumeName: 'v' }), {}],
    ['waits for its pod', claimWith(), {}],
    ['is of another provisioner', claimWith({ ...here, 'volume.kubernetes.io/storage-provisioner': 'other' }), {}],
    ['is of a class that is gone', claimWith(here), { storageClass: undefined }],
  ])('is no matter when it %s', (_what, claim, more) => {
    expect(provision(seen(claim, more)).actions).toEqual([]);
  });
});

describe('a claim of an Immediate class', () => {
  it('is taken by the node with most room, and by the others only when that one does not', () => {
    const patch = { do: 'patch', patch: { body: { metadata: { annotations: here } } } };
    expect(provision(seen(claimWith(), { storageClass: immediate })).actions).toMatchObject([patch]);
    const later = seen(claimWith(), { storageClass: immediate, rank: 2 });
    expect(provision(later)).toEqual({ actions: [], requeueAfterMs: 6000 });
    expect(provision({ ...later, nowMs: now.nowMs + 6000 }).actions).toMatchObject([patch]);
  });

  it('waits no longer than its turn when it was made by a clock that is ahead', () => {
    const ahead = { ...seen(claimWith(), { storageClass: immediate, rank: 2 }), nowMs: 0 };
    expect(provision(ahead)).toEqual({ actions: [], requeueAfterMs: 6000 });
  });

  it('is told once when no node has room', () => {
    const full = { storageClass: immediate, freeBytes: 0 };
    expect(verbs(provision(seen(claimWith(), full)).actions)).toEqual(['event']);
    expect(provision({ ...seen(claimWith(), { ...full, rank: 1 }), nowMs: now.nowMs + 60_000 }).actions).toEqual([]);
  });
});

describe('a volume of this node', () => {
  function volumeWith(phase: string, policy: string, metadata: PersistentVolume['metadata'] = {}): PersistentVolume {
    const annotations = { 'pv.kubernetes.io/provisioned-by': 'timonel.dev/local', [nodeAnnotation]: 'n' };
    return {
      metadata: {
        name: 'v',
        resourceVersion: '7',
        annotations,
        finalizers: [directoryFinalizer, 'other'],
        ...metadata,
      },
      spec: { persistentVolumeReclaimPolicy: policy, local: { path: '/d/v' } },
      status: { phase },
    };
  }
  const going = { deletionTimestamp: now.timestamp };

  it.each([
    ['bound', volumeWith('Bound', 'Delete'), []],
    ['released and kept', volumeWith('Released', 'Retain'), []],
    ['released', volumeWith('Released', 'Delete'), ['delete']],
    ['deleted while it is bound', volumeWith('Bound', 'Delete', going), []],
    ['deleted', volumeWith('Released', 'Delete', going), ['effect', 'update']],
    ['deleted, its data to be kept', volumeWith('Released', 'Retain', going), ['update']],
    [
      'deleted, its directory removed before',
      volumeWith('Released', 'Delete', { ...going, finalizers: ['other'] }),
      [],
    ],
    [
      'of another node',
      { ...volumeWith('Released', 'Delete'), metadata: { name: 'v', annotations: { [nodeAnnotation]: 'm' } } },
      [],
    ],
  ])('that is %s', (_what, subject, expected) => {
    const { actions } = remove({ ...now, subject, nodeName: 'n' });
    expect(verbs(actions)).toEqual(expected);
    for (const action of actions) {
      // What was seen may be old: the volume may be kept by now.
      if (action.do === 'delete') expect(action.options?.preconditions).toEqual({ resourceVersion: '7' });
    }
    const update = actions.find((action) => action.do === 'update');
    if (update !== undefined) expect(update.next.metadata.finalizers).toEqual(['other']);
  });
});

describe('a claim that asks for more', () => {
  const volume: PersistentVolume = {
    metadata: {
      name: 'v',
      annotations: { 'pv.kubernetes.io/provisioned-by': 'timonel.dev/local', [nodeAnnotation]: 'n' },
    },
    spec: { capacity: { storage: '1Gi' } },
  };
  const claim: PersistentVolumeClaim = {
    ...claimWith({ 'volume.kubernetes.io/storage-resizer': 'timonel.dev/local' }, { volumeName: 'v' }),
    status: { phase: 'Bound', capacity: { storage: '1Gi' } },
  };
  const growing = (more: Partial<GrowingClaim> = {}): GrowingClaim => ({
    ...now,
    subject: claim,
    volume,
    nodeName: 'n',
    limitBytes: 3 * gibibyte,
    ...more,
  });
  const fine: Outcome = { answers: new Map(), existing: [] };

  it('gets it while there is room: the volume first, then the claim says so', () => {
    expect(resize(growing()).actions).toMatchObject([
      { do: 'effect', effect: 'reserve' },
      { do: 'update', next: { spec: { capacity: { storage: '2Gi' } } }, event: { reason: 'VolumeResizeSuccessful' } },
    ]);
    expect(planStatus(growing(), fine)?.status).toEqual({ phase: 'Bound', capacity: { storage: '2Gi' } });
    const larger = { ...volume, spec: { capacity: { storage: '2Gi' } } };
    expect(resize(growing({ volume: larger })).actions).toEqual([]);
  });

  it('is told once when there is no room, and loses the condition when there is', () => {
    const full = growing({ limitBytes: gibibyte });
    expect(resize(full).actions).toMatchObject([{ do: 'event', event: { reason: 'VolumeResizeFailed' } }]);
    const status = planStatus(full, fine)?.status;
    expect(status).toMatchObject({
      capacity: { storage: '1Gi' },
      conditions: [{ type: 'ControllerResizeError', status: 'True' }],
      allocatedResourceStatuses: { storage: 'ControllerResizeInfeasible' },
    });
    const told = { ...claim, ...(status === undefined ? {} : { status }) };
    expect(resize({ ...full, subject: told })).toMatchObject({ actions: [], requeueAfterMs: 60_000 });
    expect(planStatus(growing({ subject: told }), fine)?.status).toEqual({
      phase: 'Bound',
      capacity: { storage: '2Gi' },
    });
  });

  it('is no matter when the volume is on another node, or nobody handed the claim over', () => {
    const elsewhere = { ...volume, metadata: { name: 'v' } };
    for (const more of [
      { volume: elsewhere },
      { volume: undefined },
      { subject: { ...claim, metadata: { name: 'c' } } },
    ]) {
      expect(resize(growing(more)).actions).toEqual([]);
      expect(planStatus(growing(more), fine)).toBeUndefined();
    }
  });
});

describe('what the node tells of its room', () => {
  const told = (capacity: string): CsiStorageCapacity => ({
    metadata: { name: 't' },
    storageClassName: 'local',
    capacity,
  });
  const observed = (more: Partial<ObservedClass> = {}): ObservedClass => ({
    ...now,
    subject: waiting,
    className: 'local',
    nodeName: 'n',
    node: { metadata: { name: 'n', uid: 'node-uid' }, spec: {} },
    namespace: 'kube-system',
    told: undefined,
    freeBytes: 2 * gibibyte,
    ...more,
  });

  it('is told once it is registered, in a object that goes with the node', () => {
    expect(tell(observed()).actions).toMatchObject([
      {
        do: 'create',
        object: {
          metadata: { namespace: 'kube-system', ownerReferences: [{ kind: 'Node', name: 'n', uid: 'node-uid' }] },
          nodeTopology: { matchLabels: { 'kubernetes.io/hostname': 'n' } },
          capacity: '2048Mi',
        },
      },
    ]);
    expect(tell(observed({ node: undefined })).actions).toEqual([]);
  });

  it('is written when it differs, however it is written, and removed with the class', () => {
    expect(tell(observed({ told: told('2Gi') })).actions).toEqual([]);
    expect(tell(observed({ told: told('1Gi') })).actions).toMatchObject([
      { do: 'update', next: { capacity: '2048Mi' } },
    ]);
    expect(tell(observed({ told: told('1Gi'), freeBytes: -5 })).actions).toMatchObject([{ next: { capacity: '0Mi' } }]);
    expect(verbs(tell(observed({ subject: undefined, told: told('1Gi') })).actions)).toEqual(['delete']);
    expect(tell(observed({ subject: { ...waiting, provisioner: 'other' } })).actions).toEqual([]);
  });
});

describe('the storage class', () => {
  it('is the default one, unless that is switched off', () => {
    const config = {
      nodeName: 'n',
      directory: '',
      capacity: undefined,
      storageClass: 'disk',
      reclaimPolicy: 'Delete',
      namespace: 'x',
    } as const;
    expect(classFor({ ...config, isDefault: true })).toMatchObject({
      metadata: { name: 'disk', annotations: { 'storageclass.kubernetes.io/is-default-class': 'true' } },
      volumeBindingMode: 'WaitForFirstConsumer',
      allowVolumeExpansion: true,
    });
    expect(classFor({ ...config, isDefault: false }).metadata).toEqual({ name: 'disk' });
  });
});
