/** Volumes that were made larger while they are mounted: the file system follows, and the claim says so. */
import type { ApiClient } from '@timonel/sdk/contracts/api';
import { persistentVolumeClaims, wholeQuantity, type PersistentVolumeClaim } from '@timonel/sdk/kube';
import { calls } from '../node/messages.ts';
import type { NodeService } from '../node/node-service.ts';
import type { VolumeRecord } from './records.ts';
import { capabilityOf, secretOf } from './requests.ts';
import type { WantedVolume } from './wanted.ts';

const pendingCondition = 'FileSystemResizePending';
const pendingStatus = 'NodeResizePending';

/** Whoever made the volume larger asks the node to go on. */
export function isToExpand({ bound }: WantedVolume): boolean {
  if (bound === undefined) return false;
  const { conditions = [], allocatedResourceStatuses = {} } = bound.claim.status ?? {};
  const asked =
    conditions.some(({ type, status }) => type === pendingCondition && status === 'True') ||
    allocatedResourceStatuses['storage'] === pendingStatus;
  return asked && sizeOf(bound.volume.spec?.capacity) > sizeOf(bound.claim.status?.capacity);
}

const sizeOf = (capacity: Readonly<Record<string, string>> | undefined): number =>
  wholeQuantity(capacity?.['storage'] ?? '0') ?? 0;

/** @throws VolumeError, ApiError */
export async function expand(
  wanted: WantedVolume,
  record: VolumeRecord,
  service: NodeService,
  api: ApiClient,
): Promise<void> {
  const { bound } = wanted;
  if (bound === undefined) return;
  const capacity = bound.volume.spec?.capacity?.['storage'] ?? '0';
  // Without the ability, what was made larger is larger for the node already.
  if (service.can('expandVolume')) {
    await service.call(calls.nodeExpand, {
      volumeId: wanted.handle,
      volumePath: record.targetPath,
      capacityRange: { requiredBytes: wholeQuantity(capacity) ?? 0 },
      stagingTargetPath: record.stagingPath,
      volumeCapability: capabilityOf(wanted, service),
      secrets: await secretOf(wanted, wanted.expandSecret),
    });
  }
  await tell(api, bound.claim, capacity);
}

async function tell(api: ApiClient, claim: PersistentVolumeClaim, storage: string): Promise<void> {
  const { namespace, name = '', resourceVersion } = claim.metadata;
  const { conditions = [], allocatedResourceStatuses } = claim.status ?? {};
  const left = conditions.filter(({ type }) => type !== pendingCondition && type !== 'Resizing');
  const status = {
    capacity: { ...claim.status?.capacity, storage },
    conditions: left.length === 0 ? null : left,
    ...(allocatedResourceStatuses === undefined ? {} : { allocatedResourceStatuses: { storage: null } }),
  };
  const body = { metadata: { resourceVersion }, status };
  await api.patch(
    persistentVolumeClaims,
    { namespace, name },
    { type: 'merge', body },
    { subresource: 'status', fieldManager: 'volumes-csi' },
  );
}
