import { describe, expect, it } from '@jest/globals';
import type { Node, PersistentVolume, Pod, VolumeAttachment } from '@timonel/sdk/kube';
import { attachmentName, uniqueVolumeName } from '@timonel/sdk/volumes';
import { reconcileNode } from './attached.ts';
import { explain, reconcile, type Observed } from './reconcile.ts';

const csi = { driver: 'csi.example.com', volumeHandle: 'h' };
const volume: PersistentVolume = { metadata: { name: 'v' }, spec: { csi, accessModes: ['ReadWriteOnce'] } };
const name = attachmentName('h', 'csi.example.com', 'n');

function podOf(podName: string, phase = 'Pending'): Pod {
  return { metadata: { name: podName, namespace: 'x', uid: podName }, spec: { containers: [] }, status: { phase } };
}

function nodeOf({ ready = true, inUse = false, taints = [] as string[] } = {}): Node {
  return {
    metadata: { name: 'n' },
    spec: { taints: taints.map((key) => ({ key, effect: 'NoExecute' })) },
    status: {
      conditions: [{ type: 'Ready', status: ready ? 'True' : 'Unknown' }],
      ...(inUse ? { volumesInUse: [uniqueVolumeName('csi.example.com', 'h')] } : {}),
    },
  };
}

function attachment(status?: VolumeAttachment['status'], metadata = {}): VolumeAttachment {
  const source = { persistentVolumeName: 'v' };
  return {
    metadata: { name, uid: 'a', ...metadata },
    spec: { attacher: 'csi.example.com', nodeName: 'n', source },
    ...(status === undefined ? {} : { status }),
  };
}

function observed(changes: Partial<Observed> = {}): Observed {
  return {
    nowMs: 1_000_000,
    timestamp: '',
    nodeName: 'n',
    volumeName: 'v',
    subject: undefined,
    volume,
    driver: undefined,
    node: nodeOf(),
    users: [],
    otherUsers: [],
    others: [],
    unwantedSince: undefined,
    forceDetachAfterMs: 360_000,
    ...changes,
  };
}

describe('a volume that a pod of a node needs', () => {
  const users = [podOf('p')];

  it('is attached, once', () => {
    expect(reconcile(observed({ users })).actions).toMatchObject([
      { do: 'create', object: { metadata: { name }, spec: attachment().spec } },
    ]);
    expect(reconcile(observed({ users, subject: attachment({ attached: false }) })).actions).toEqual([]);
  });

  it.each([
    ['its driver attaches nothing', { driver: { metadata: {}, spec: { attachRequired: false } } }],
    ['it is of no driver', { volume: { metadata: { name: 'v' }, spec: { hostPath: { path: '/' } } } }],
    ['its node is gone', { node: undefined }],
  ])('is not when %s', (_what, changes) => {
    expect(reconcile(observed({ users, ...changes })).actions).toEqual([]);
  });

  it('is told to be attached, or not to be, to the pods that wait', () => {
    const both = [podOf('p'), podOf('q', 'Running')];
    const told = (status: VolumeAttachment['status']) =>
      reconcile(observed({ users: both, subject: attachment(status) })).actions;
    expect(told({ attached: true })).toMatchObject([
      {
        do: 'event',
        event: {
          reason: 'SuccessfulAttachVolume',
          message: 'AttachVolume.Attach succeeded for volume "v"',
          about: { object: { metadata: { name: 'p' } } },
        },
      },
    ]);
    expect(told({ attached: false, attachError: { message: 'no slot' } })).toMatchObject([
      { event: { reason: 'FailedAttachVolume', message: 'AttachVolume.Attach failed for volume "v" : no slot' } },
    ]);
  });

  it('waits while it is attached elsewhere, unless it may be shared', () => {
    const others = [attachment({ attached: true })];
    const alone = reconcile(observed({ users, others }));
    expect(alone.actions).toMatchObject([
      {
        event: {
          reason: 'FailedAttachVolume',
          message: `Multi-Attach error for volume "v" Volume is already exclusively attached to one node and can't be attached to another`,
        },
      },
    ]);
    const named = reconcile(observed({ users, others, otherUsers: [podOf('other')] })).actions;
    expect(named).toMatchObject([
      { event: { message: 'Multi-Attach error for volume "v" Volume is already used by pod(s) other' } },
    ]);
    expect(explain(observed({ users, others }))).toMatchObject([{ code: 'not-attached' }]);
    const shared = { metadata: { name: 'v' }, spec: { csi, accessModes: ['ReadWriteMany'] } };
    expect(reconcile(observed({ users, others, volume: shared })).actions).toMatchObject([{ do: 'create' }]);
  });
});

describe('a volume that no pod of a node needs any more', () => {
  const subject = attachment({ attached: true });
  const detaches = (changes: Partial<Observed>): boolean =>
    reconcile(observed({ subject, ...changes })).actions.some((action) => action.do === 'delete');

  it('is detached', () => {
    expect(detaches({})).toBe(true);
    expect(detaches({ node: undefined })).toBe(true);
    expect(detaches({ volume: undefined })).toBe(true);
    expect(detaches({ subject: attachment({ attached: true }, { deletionTimestamp: 'now' }) })).toBe(false);
  });

  it('waits while its node uses it, but not for one that is lost', () => {
    const used = nodeOf({ inUse: true });
    expect(reconcile(observed({ subject, node: used }))).toMatchObject({ actions: [], requeueAfterMs: 10_000 });
    expect(explain(observed({ subject, node: used }))).toMatchObject([
      { code: 'in-use', text: 'node n still uses it' },
    ]);
    expect(detaches({ node: used, unwantedSince: 0 })).toBe(false);
    const lost = nodeOf({ inUse: true, ready: false });
    expect(detaches({ node: lost, unwantedSince: 1_000_000 - 359_999 })).toBe(false);
    expect(detaches({ node: lost, unwantedSince: 1_000_000 - 360_000 })).toBe(true);
    const out = nodeOf({ inUse: true, ready: false, taints: ['node.kubernetes.io/out-of-service'] });
    expect(detaches({ node: out })).toBe(true);
  });

  it('stays when somebody else attached it', () => {
    expect(detaches({ subject: attachment({ attached: true }, { name: 'mine' }) })).toBe(false);
    expect(detaches({ subject: attachment({ attached: true }, { name: 'mine' }), volume: undefined })).toBe(false);
  });
});

describe('volumesAttached of a node', () => {
  const base = { nowMs: 0, timestamp: '' };
  it('is written when it is another', () => {
    const node: Node = { metadata: { name: 'n' }, spec: {} };
    const { actions } = reconcileNode({ ...base, subject: node, attached: ['b', 'a'] });
    const volumesAttached = [
      { name: 'a', devicePath: '' },
      { name: 'b', devicePath: '' },
    ];
    expect(actions).toMatchObject([
      { do: 'patch', subresource: 'status', patch: { body: { status: { volumesAttached } } } },
    ]);
    const told = { ...node, status: { volumesAttached } };
    expect(reconcileNode({ ...base, subject: told, attached: ['a', 'b'] }).actions).toEqual([]);
    expect(reconcileNode({ ...base, subject: node, attached: [] }).actions).toEqual([]);
  });
});
