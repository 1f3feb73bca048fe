/** What of a pod needs the API: a static pod has none of it, so that it can always run. The kubelet's rule. Pure. */
import type { Container, Pod, Volume } from '@timonel/sdk/kube';

const sources: Readonly<Record<string, string>> = {
  secret: 'a Secret',
  configMap: 'a ConfigMap',
  persistentVolumeClaim: 'a PersistentVolumeClaim',
  ephemeral: 'a PersistentVolumeClaim',
};

function ofVolume(volume: Volume): string | undefined {
  const key = Object.keys(sources).find((name) => volume[name] !== undefined);
  if (key !== undefined) return sources[key];
  const parts = (volume['projected'] as { sources?: readonly Record<string, unknown>[] } | undefined)?.sources ?? [];
  for (const part of parts) {
    if (part['secret'] !== undefined) return 'a Secret';
    if (part['configMap'] !== undefined) return 'a ConfigMap';
    if (part['serviceAccountToken'] !== undefined) return 'a ServiceAccount';
    if (part['clusterTrustBundle'] !== undefined) return 'a ClusterTrustBundle';
  }
  const csi = volume['csi'] as { nodePublishSecretRef?: unknown } | undefined;
  return csi?.nodePublishSecretRef === undefined ? undefined : 'a Secret';
}

function ofContainer({ env = [], envFrom = [] }: Container): string | undefined {
  const values = env.map(({ valueFrom }) => valueFrom);
  if (values.some((value) => value?.secretKeyRef !== undefined)) return 'a Secret';
  if (values.some((value) => value?.configMapKeyRef !== undefined)) return 'a ConfigMap';
  if (envFrom.some(({ secretRef }) => secretRef !== undefined)) return 'a Secret';
  return envFrom.some(({ configMapRef }) => configMapRef !== undefined) ? 'a ConfigMap' : undefined;
}

function ofPod({ spec }: Pod): string | undefined {
  if ((spec.serviceAccountName ?? '') !== '' || (spec['serviceAccount'] ?? '') !== '') return 'a ServiceAccount';
  if ((spec.imagePullSecrets ?? []).length > 0) return 'a Secret (imagePullSecrets)';
  if (Array.isArray(spec['resourceClaims']) && spec['resourceClaims'].length > 0) return 'a ResourceClaim';
  return undefined;
}

/** Undefined: it needs none. */
export function apiReferenceOf(pod: Pod): string | undefined {
  const containers = [...(pod.spec.initContainers ?? []), ...pod.spec.containers];
  const volumes = pod.spec.volumes ?? [];
  const found = ofPod(pod) ?? first(containers, ofContainer) ?? first(volumes, ofVolume);
  return found === undefined ? undefined : `spec: static pods cannot use ${found}: they run without the API`;
}

function first<T>(items: readonly T[], of: (item: T) => string | undefined): string | undefined {
  for (const item of items) {
    const found = of(item);
    if (found !== undefined) return found;
  }
  return undefined;
}
