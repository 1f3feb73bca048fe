import { describe, expect, it } from '@jest/globals';
import type { VolumeDriver, VolumeMountRequest, VolumePod } from '@timonel/sdk/contracts/volume';
import type { PersistentVolume, Pod } from '@timonel/sdk/kube';
import type { BoundClaim } from '../container/sources.ts';
import { testVolumeNode } from '@timonel/testkit';
import { podWith } from '../plan/testing.ts';
import { ClaimVolumes } from './claim-volumes.ts';

const volume: PersistentVolume = {
  metadata: { name: 'v1' },
  spec: { local: { path: '/data' }, claimRef: { namespace: 'default', name: 'c', uid: 'claim-1' } },
};

function claimWith(changes: Partial<BoundClaim> = {}): BoundClaim {
  const annotations = { 'pv.kubernetes.io/bind-completed': 'yes' };
  return { metadata: { name: 'c', uid: 'claim-1', annotations }, spec: { volumeName: 'v1' }, volume, ...changes };
}

const podOf = (source: Record<string, unknown>): Pod =>
  podWith({
    volumes: [
      { name: 'data', ...source },
      { name: 'plain', emptyDir: {} },
    ],
    securityContext: { fsGroup: 7 },
  });

const place = { directory: '/volumes/data', node: testVolumeNode() };

function bench(claim: BoundClaim | undefined, supports = true) {
  const mounts: VolumeMountRequest[] = [];
  const unmounted: VolumePod[] = [];
  const service: VolumeDriver = {
    supports: () => supports,
    mount: async (request) => (mounts.push(request), { hostPath: '/data' }),
    unmount: async (pod) => void unmounted.push(pod),
    usage: async () => undefined,
  };
  const drivers = { all: () => [{ plugin: 'volumes-x', service }], onChange: () => undefined };
  return { mounts, unmounted, volumes: new ClaimVolumes(drivers, async () => claim) };
}

describe('volumes of claims', () => {
  it('are mounted by whoever supports them, and unmounted with the pod', async () => {
    const { volumes, mounts, unmounted } = bench(claimWith());
    const pod = podOf({ persistentVolumeClaim: { claimName: 'c', readOnly: true } });
    expect(await volumes.mount(pod, 'data', place)).toEqual({ hostPath: '/data', readOnly: true });
    expect(mounts).toMatchObject([
      { name: 'data', volume, readOnly: true, fsGroup: 7, pod: { uid: pod.metadata.uid }, podObject: pod, ...place },
    ]);
    expect(await volumes.mount(pod, 'plain', place)).toBeUndefined();
    await volumes.unmountAll(pod);
    await volumes.unmountAll(podWith());
    expect(unmounted).toHaveLength(1);
  });

  it.each([
    ['that do not exist', undefined, true, 'not found'],
    ['that are not bound', claimWith({ metadata: { name: 'c', uid: 'claim-1' } }), true, 'is not bound'],
    ['that have lost their volume', { ...claimWith(), volume: { metadata: {} } }, true, 'has lost volume v1'],
    ['whose volume nobody mounts', claimWith(), false, 'no plugin of this node mounts volume v1'],
  ])('are refused for claims %s', async (_what, claim, supports, message) => {
    const { volumes } = bench(claim, supports);
    const mounted = volumes.mount(podOf({ persistentVolumeClaim: { claimName: 'c' } }), 'data', place);
    await expect(mounted).rejects.toMatchObject({ name: 'ConfigError', message: expect.stringContaining(message) });
  });

  it('are refused for an ephemeral volume whose claim is of another', async () => {
    const { volumes } = bench(claimWith());
    await expect(volumes.mount(podOf({ ephemeral: {} }), 'data', place)).rejects.toThrow(
      'was not created for this pod',
    );
  });
});
