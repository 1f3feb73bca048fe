/** Whether a pod takes more local storage than it may, by the kubelet's rules and in its words. Pure. */
import { wholeQuantity, type Container, type Pod } from '@timonel/sdk/kube';
import { podRequest } from '@timonel/sdk/scheduling';
import { ephemeralStorage, summed, type PodUse } from './pod-use.ts';
import { bytesText } from './quantity-text.ts';

const resource = 'ephemeral-storage';

interface EmptyDir {
  readonly medium?: string;
  readonly sizeLimit?: string;
}

function sizeLimits({ spec }: Pod): [name: string, limit: string][] {
  return (spec.volumes ?? []).flatMap((volume): [string, string][] => {
    const { sizeLimit = '0' } = (volume['emptyDir'] ?? {}) as EmptyDir;
    return (wholeQuantity(sizeLimit) ?? 0) > 0 ? [[volume.name, sizeLimit]] : [];
  });
}

/** Kinds whose limits stand in the pod, and those that have none. */
const knownKinds = new Set([
  'name',
  'configMap',
  'csi',
  'downwardAPI',
  'emptyDir',
  'ephemeral',
  'hostPath',
  'image',
  'persistentVolumeClaim',
  'projected',
  'secret',
]);

/** A volume of another kind: whoever serves it may have given it a limit. */
function mayHaveLimit({ spec }: Pod): boolean {
  return (spec.volumes ?? []).some((volume) => Object.keys(volume).some((key) => !knownKinds.has(key)));
}

function limitOf({ resources }: Pick<Container, 'resources'>): string | undefined {
  return resources?.limits?.[resource];
}

/** Of the pod as a whole, from those of its containers. Undefined: none has one. */
function podLimit({ spec }: Pod): number | undefined {
  const limitsAsRequests = ({ name, restartPolicy, ...container }: Container): Container => {
    const requests = { [resource]: limitOf(container) ?? '0' };
    return { name, ...(restartPolicy === undefined ? {} : { restartPolicy }), resources: { requests } };
  };
  const containers = spec.containers.map(limitsAsRequests);
  const initContainers = (spec.initContainers ?? []).map(limitsAsRequests);
  const bytes = podRequest({ metadata: {}, spec: { containers, initContainers } }).ephemeralStorageBytes;
  return bytes === 0 ? undefined : bytes;
}

export function hasStorageLimit(pod: Pod): boolean {
  return sizeLimits(pod).length > 0 || mayHaveLimit(pod) || podLimit(pod) !== undefined;
}

/** `ownImages`: what containers write lies on another filesystem than their logs. Undefined: it keeps within its limits. */
export function storageExcess(pod: Pod, use: PodUse, ownImages: boolean): string | undefined {
  for (const [name, limit] of sizeLimits(pod)) {
    if ((use.volumes.get(name)?.bytes ?? 0) > (wholeQuantity(limit) ?? 0)) {
      return `Usage of EmptyDir volume "${name}" exceeds the limit "${limit}". `;
    }
  }
  for (const [name, { bytes, limitBytes = Infinity }] of use.volumes) {
    if (bytes > limitBytes) return `Usage of volume "${name}" exceeds the limit "${bytesText(limitBytes)}". `;
  }
  const whole = podLimit(pod);
  if (whole !== undefined && ephemeralStorage(use).bytes > whole) {
    return `Pod ephemeral local storage usage exceeds the total limit of containers ${bytesText(whole)}. `;
  }
  for (const container of pod.spec.containers) {
    const limit = wholeQuantity(limitOf(container) ?? '0') ?? 0;
    const own = use.containers.find(({ name }) => name === container.name);
    if (limit === 0 || own === undefined) continue;
    const used = summed([...(own.written === undefined ? [] : [own.written]), ...(ownImages ? [] : [own.logs])]).bytes;
    if (used > limit) {
      return `Container ${container.name} exceeded its local ephemeral storage limit "${limitOf(container)}". `;
    }
  }
  return undefined;
}
