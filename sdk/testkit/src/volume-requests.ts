/** What the node agent asks of volumes, for tests of those who answer. */
import type { VolumeMountRequest, VolumeNode, VolumeRequest } from '@timonel/sdk/contracts/volume';
import type { PersistentVolume, Pod, Volume } from '@timonel/sdk/kube';

/** A node that has no objects and knows no fields but those given. */
export function testVolumeNode(changes: Partial<VolumeNode> = {}): VolumeNode {
  return {
    name: 'node-1',
    allocatable: { cpu: '4', memory: '8Gi' },
    configMap: async () => undefined,
    secret: async () => undefined,
    field: () => '',
    resource: () => '0',
    token: async () => ({ token: 'token', expiresAt: Number.MAX_SAFE_INTEGER, renewAfterMs: 3_600_000 }),
    ...changes,
  };
}

function podOf(volume: Volume, changes: Partial<Pod>): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { namespace: 'default', name: 'web', uid: 'uid-1' },
    spec: { containers: [{ name: 'app', image: 'web:1' }], volumes: [volume] },
    ...changes,
  };
}

/** Of one volume, which needs a name, a key and what the pod says of it. */
export function volumeRequest(
  volume: Volume,
  changes: Partial<VolumeRequest> & Pick<VolumeRequest, 'directory'>,
): VolumeRequest {
  const key = Object.keys(volume).find((each) => each !== 'name') ?? '';
  return { pod: podOf(volume, {}), volume, key, node: testVolumeNode(), ...changes };
}

export function volumeMountRequest(
  changes: Partial<VolumeMountRequest> & { readonly volume: PersistentVolume },
): VolumeMountRequest {
  const { name = 'data' } = changes;
  const claimName = 'claim';
  return {
    pod: { namespace: 'x', name: 'p', uid: 'u' },
    podObject: podOf({ name, persistentVolumeClaim: { claimName } }, {}),
    name,
    claim: { metadata: { namespace: 'x', name: claimName }, spec: {} },
    readOnly: false,
    fsGroup: undefined,
    directory: '/var/lib/timonel-test/volumes/data',
    node: testVolumeNode(),
    ...changes,
  };
}
