/** Which objects a pod or a volume cannot do without, as keys of the objects that a node may read for it. */
import type { PersistentVolume, Pod } from '@timonel/sdk/kube';

export type ReferencedResource = 'secrets' | 'configmaps' | 'persistentvolumeclaims' | 'serviceaccounts';

const secretMembers: ReadonlySet<string> = new Set([
  'secret',
  'secretRef',
  'secretKeyRef',
  'nodePublishSecretRef',
  'nodeStageSecretRef',
  'nodeExpandSecretRef',
]);
const configMapMembers: ReadonlySet<string> = new Set(['configMap', 'configMapRef', 'configMapKeyRef']);

export const mirrorAnnotation = 'kubernetes.io/config.mirror';

/** Whether the pod only shows one that a node runs from a file of its own. */
export function isMirror({ metadata }: Pod): boolean {
  return metadata.annotations?.[mirrorAnnotation] !== undefined;
}

type Found = (resource: ReferencedResource, name: unknown, namespace?: unknown) => void;

/** Every member that names a Secret or ConfigMap, wherever it stands. */
function walk(value: unknown, found: Found): void {
  if (Array.isArray(value)) {
    for (const item of value) walk(item, found);
    return;
  }
  if (typeof value !== 'object' || value === null) return;
  for (const [member, part] of Object.entries(value as Record<string, unknown>)) {
    if (typeof part !== 'object' || part === null) continue;
    const { name, secretName, namespace } = part as Record<string, unknown>;
    if (secretMembers.has(member)) found('secrets', name ?? secretName, namespace);
    else if (configMapMembers.has(member)) found('configmaps', name);
    walk(part, found);
  }
}

export function accountOf({ spec }: Pod): string {
  return spec.serviceAccountName === undefined || spec.serviceAccountName === '' ? 'default' : spec.serviceAccountName;
}

export function referenceKey(resource: ReferencedResource, namespace: string, name: string): string {
  return `${resource} ${namespace}/${name}`;
}

function claimsOf({ metadata, spec }: Pod): string[] {
  return (spec.volumes ?? []).flatMap((volume) => {
    const { persistentVolumeClaim, ephemeral, name } = volume as {
      persistentVolumeClaim?: { claimName?: string };
      ephemeral?: unknown;
      name: string;
    };
    if (persistentVolumeClaim?.claimName !== undefined) return [persistentVolumeClaim.claimName];
    return ephemeral === undefined ? [] : [`${metadata.name ?? ''}-${name}`];
  });
}

/** All in the pod's own namespace, whatever it says. */
export function referencesOfPod(pod: Pod): string[] {
  const { namespace = '' } = pod.metadata;
  const keys = new Set<string>();
  const found: Found = (resource, name) => {
    if (typeof name === 'string' && name !== '') keys.add(referenceKey(resource, namespace, name));
  };
  walk(pod.spec, found);
  for (const { name } of pod.spec.imagePullSecrets ?? []) found('secrets', name);
  for (const name of claimsOf(pod)) found('persistentvolumeclaims', name);
  // What runs under the account may use its Secrets, and its authority is in every token volume. Nodes make mirror pods as they like,
  // in any namespace: these run under none, whatever their specification names.
  if (!isMirror(pod)) found('serviceaccounts', accountOf(pod));
  return [...keys];
}

/** Secrets that a node needs to mount the volume, in the namespaces that it names. */
export function secretsOfVolume({ spec }: PersistentVolume): string[] {
  const keys = new Set<string>();
  walk(spec, (resource, name, namespace = spec?.claimRef?.namespace) => {
    if (typeof name === 'string' && typeof namespace === 'string') keys.add(referenceKey(resource, namespace, name));
  });
  return [...keys];
}
