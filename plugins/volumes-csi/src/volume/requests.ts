/** What is told to drivers of a volume and its pod. */
import { VolumeError } from '@timonel/sdk/contracts/volume';
import { timestampOf, type CsiDriver, type SecretReference } from '@timonel/sdk/kube';
import { accessMode, type VolumeCapability } from '../node/messages.ts';
import type { NodeService } from '../node/node-service.ts';
import type { WantedVolume } from './wanted.ts';

export type DriverSpec = NonNullable<CsiDriver['spec']>;

function modeOf(modes: readonly string[], service: Pick<NodeService, 'can'>): number {
  const several = service.can('singleNodeMultiWriter');
  switch (modes[0]) {
    case 'ReadOnlyMany':
      return accessMode.multiNodeReaderOnly;
    case 'ReadWriteMany':
      return accessMode.multiNodeMultiWriter;
    case 'ReadWriteOncePod':
      return several ? accessMode.singleNodeSingleWriter : accessMode.singleNodeWriter;
    default:
      return several ? accessMode.singleNodeMultiWriter : accessMode.singleNodeWriter;
  }
}

/** The group of the pod is told to drivers that set it themselves. */
export function capabilityOf(wanted: WantedVolume, service: Pick<NodeService, 'can'>): VolumeCapability {
  const mode = { mode: modeOf(wanted.accessModes, service) };
  if (wanted.isBlock) return { block: {}, accessMode: mode };
  const group = service.can('volumeMountGroup') ? wanted.fsGroup : undefined;
  const volumeMountGroup = group === undefined ? '' : String(group);
  return {
    mount: { fsType: wanted.fsType, mountFlags: wanted.mountOptions, volumeMountGroup },
    accessMode: mode,
  };
}

/** Undefined: the files are left to whom they are. */
export function groupToGive(
  wanted: WantedVolume,
  spec: DriverSpec,
  service: Pick<NodeService, 'can'>,
): number | undefined {
  const group = wanted.fsGroup;
  if (group === undefined || wanted.readOnly || wanted.isBlock || service.can('volumeMountGroup')) return undefined;
  const { fsGroupPolicy = 'ReadWriteOnceWithFSType' } = spec;
  if (fsGroupPolicy === 'None') return undefined;
  if (fsGroupPolicy === 'File') return group;
  return wanted.fsType !== '' && wanted.accessModes.includes('ReadWriteOnce') ? group : undefined;
}

export async function volumeContextOf(wanted: WantedVolume, spec: DriverSpec): Promise<Record<string, string>> {
  const { attributes, pod, lifecycle } = wanted;
  const context: Record<string, string> = { ...attributes };
  if (spec.podInfoOnMount === true) {
    const { name = '', namespace = '', uid = '' } = pod.metadata;
    const { serviceAccountName = '' } = pod.spec;
    Object.assign(context, {
      'csi.storage.k8s.io/pod.name': name,
      'csi.storage.k8s.io/pod.namespace': namespace,
      'csi.storage.k8s.io/pod.uid': uid,
      'csi.storage.k8s.io/serviceAccount.name': serviceAccountName,
      'csi.storage.k8s.io/ephemeral': String(lifecycle === 'Ephemeral'),
    });
  }
  const tokens = await tokensOf(wanted, spec);
  if (tokens !== undefined) context['csi.storage.k8s.io/serviceAccount.tokens'] = tokens;
  return context;
}

async function tokensOf({ node }: WantedVolume, { tokenRequests = [] }: DriverSpec): Promise<string | undefined> {
  if (tokenRequests.length === 0) return undefined;
  const found: Record<string, { token: string; expirationTimestamp: string }> = {};
  for (const { audience, expirationSeconds = 3600 } of tokenRequests) {
    const { token, expiresAt } = await node.token({ audience, expirationSeconds });
    found[audience] = { token, expirationTimestamp: timestampOf(expiresAt) };
  }
  return JSON.stringify(found);
}

/** @throws VolumeError when it is not there */
export async function secretOf(
  { node, specName }: WantedVolume,
  reference: SecretReference | undefined,
): Promise<Record<string, string>> {
  if (reference === undefined) return {};
  const { namespace = '', name = '' } = reference;
  const secret = await node.secret(namespace, name);
  if (secret === undefined)
    throw new VolumeError(
      `volume ${specName}: secret ${namespace}/${name}, which its driver is to get, does not exist`,
    );
  const entries = Object.entries(secret.data ?? {});
  return Object.fromEntries(entries.map(([key, text]) => [key, Buffer.from(text, 'base64').toString('utf8')]));
}
