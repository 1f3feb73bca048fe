import { describe, expect, it } from '@jest/globals';
import type { VolumeDriver, VolumeMountRequest, VolumePod } from '@timonel/sdk/contracts/volume';
import type { PersistentVolume, Pod } from '@timonel/sdk/kube';
import type { BoundClaim } from '../container/sources.ts';
import { podWith } from '../plan/testing.ts';
import { testFacts, testServed } from './testing/test-volumes.ts';
import type { Reads } from './volume-node.ts';

const volume: PersistentVolume = {
  metadata: { name: 'v1' },
  spec: { local: { path: '/data' }, claimRef: { namespace: 'default', name: 'c', uid: 'claim-1' } },
};

function claimWith(changes: Partial<BoundClaim> = {}): BoundClaim {
  const annotations = { 'pv.kubernetes.io/bind-completed': 'yes' };
  return {
    metadata: { name: 'c', uid: 'claim-1', annotations, resourceVersion: '5' },
    spec: { volumeName: 'v1' },
    volume,
    ...changes,
  };
}

const podOf = (source: Record<string, unknown>): Pod =>
  podWith({
    volumes: [
      { name: 'data', ...source },
      { name: 'plain', emptyDir: {} },
    ],
    securityContext: { fsGroup: 7 },
  });

function bench(claim: BoundClaim | undefined, supports = true) {
  const mounts: VolumeMountRequest[] = [];
  const unmounted: VolumePod[] = [];
  const driver: VolumeDriver = {
    supports: () => supports,
    mount: async (request) => (mounts.push(request), { hostPath: '/data', follows: true }),
    unmount: async (pod) => void unmounted.push(pod),
    usage: async ({ volume: { metadata } }) => ({
      usedBytes: 1,
      inodesUsed: metadata.name?.length ?? 0,
      medium: 'own',
    }),
  };
  const node = { metadata: { name: 'node-1', labels: { 'kubernetes.io/hostname': 'node-1' } }, spec: {} };
  const served = testServed({ node, drivers: [driver], ...(claim === undefined ? {} : { claim }) });
  const reads: Reads = new Map();
  const prepare = (pod: Pod) => {
    const use = { pod, volume: { name: 'data' }, directory: '/volumes/data', facts: testFacts, ...asked };
    return served.prepare(use, reads);
  };
  return { mounts, unmounted, served, reads, prepare };
}

const none = async (): Promise<undefined> => undefined;
const asked = {
  sources: { configMap: none, secret: none },
  token: async () => ({ token: '', expiresAt: 0, renewAfterMs: 1 }),
};

describe('volumes of claims', () => {
  it('are mounted by whoever supports them, and unmounted with the pod', async () => {
    const { prepare, served, mounts, unmounted, reads } = bench(claimWith());
    const pod = podOf({ persistentVolumeClaim: { claimName: 'c', readOnly: true } });
    const { prepared, usage } = await prepare(pod);
    expect(prepared).toEqual({ hostPath: '/data', readOnly: true, follows: true, isDevice: false });
    expect(await usage()).toEqual({ usedBytes: 1, inodesUsed: 2, medium: 'own' });
    const directory = '/volumes/data';
    expect(mounts).toMatchObject([{ name: 'data', volume, readOnly: true, fsGroup: 7, podObject: pod, directory }]);
    expect([...reads]).toEqual([['persistentvolumeclaims/default/c', '5']]);
    const reference = { namespace: 'default', name: 'web', uid: 'uid-1' };
    await served.remove(reference, '/volumes');
    expect(unmounted).toEqual([reference]);
  });

  it.each([
    ['that do not exist', undefined, true, 'not found'],
    ['that are not bound', claimWith({ metadata: { name: 'c', uid: 'claim-1' } }), true, 'is not bound'],
    ['that have lost their volume', { ...claimWith(), volume: { metadata: {} } }, true, 'has lost volume v1'],
    ['whose volume nobody mounts', claimWith(), false, 'no plugin of this node mounts volume v1'],
  ])('are refused for claims %s', async (_what, claim, supports, message) => {
    const prepared = bench(claim, supports).prepare(podOf({ persistentVolumeClaim: { claimName: 'c' } }));
    await expect(prepared).rejects.toMatchObject({ name: 'VolumeError', message: expect.stringContaining(message) });
  });

  it('are devices where their volume says so', async () => {
    const block = { ...volume, spec: { ...volume.spec, volumeMode: 'Block' } };
    const { prepare } = bench(claimWith({ volume: block }));
    const { prepared } = await prepare(podOf({ persistentVolumeClaim: { claimName: 'c' } }));
    expect(prepared.isDevice).toBe(true);
  });

  it.each([
    ['node-1', undefined],
    ['node-2', 'volume v1 is not for this node: no matching NodeSelectorTerms'],
  ])('for node %s only are mounted there only', async (host, message) => {
    const matchExpressions = [{ key: 'kubernetes.io/hostname', operator: 'In', values: [host] }];
    const nodeAffinity = { required: { nodeSelectorTerms: [{ matchExpressions }] } };
    const { prepare } = bench(claimWith({ volume: { ...volume, spec: { ...volume.spec, nodeAffinity } } }));
    const prepared = prepare(podOf({ persistentVolumeClaim: { claimName: 'c' } }));
    if (message === undefined) await prepared;
    else await expect(prepared).rejects.toThrow(message);
  });

  it('are refused for an ephemeral volume whose claim is of another', async () => {
    await expect(bench(claimWith()).prepare(podOf({ ephemeral: {} }))).rejects.toThrow('was not created for this pod');
  });
});
