/** The ConfigMaps, Secrets, claims and others that a pod names. Pure. */
import type { Pod } from '@timonel/sdk/kube';
import { podClaims } from '@timonel/sdk/volumes';
import { allContainers } from '../plan/containers.ts';

export type SourceKind = 'configmaps' | 'secrets' | 'persistentvolumeclaims' | 'serviceaccounts' | 'runtimeclasses';

/** `configmaps/<namespace>/<name>`; the namespace of runtime classes is empty. */
export type SourceKey = `${SourceKind}/${string}/${string}`;

export function sourceKey(kind: SourceKind, namespace: string, name: string): SourceKey {
  return `${kind}/${namespace}/${name}`;
}

export function serviceAccountOf({ spec }: Pod): string {
  return spec.serviceAccountName === undefined || spec.serviceAccountName === '' ? 'default' : spec.serviceAccountName;
}

interface Named {
  readonly name?: string;
  readonly secretName?: string;
}

interface VolumeSources {
  readonly configMap?: Named;
  readonly secret?: Named;
  readonly projected?: { readonly sources?: readonly { readonly configMap?: Named; readonly secret?: Named }[] };
}

export function sourcesOf(pod: Pod): Set<SourceKey> {
  const namespace = pod.metadata.namespace ?? '';
  const found = new Set<SourceKey>();
  const add = (kind: SourceKind, name: string | undefined): void => {
    if (name !== undefined && name !== '') found.add(sourceKey(kind, namespace, name));
  };
  for (const container of allContainers(pod)) {
    for (const from of container.envFrom ?? []) {
      add('configmaps', from.configMapRef?.name);
      add('secrets', from.secretRef?.name);
    }
    for (const { valueFrom } of container.env ?? []) {
      add('configmaps', valueFrom?.configMapKeyRef?.name);
      add('secrets', valueFrom?.secretKeyRef?.name);
    }
  }
  for (const volume of (pod.spec.volumes ?? []) as readonly VolumeSources[]) {
    for (const part of [volume, ...(volume.projected?.sources ?? [])]) {
      add('configmaps', part.configMap?.name);
      add('secrets', part.secret?.secretName ?? part.secret?.name);
    }
  }
  for (const { name } of pod.spec.imagePullSecrets ?? []) add('secrets', name);
  add('serviceaccounts', serviceAccountOf(pod));
  const { runtimeClassName = '' } = pod.spec;
  if (runtimeClassName !== '') found.add(sourceKey('runtimeclasses', '', runtimeClassName));
  for (const { name } of podClaims(pod, pod.metadata.name ?? '')) add('persistentvolumeclaims', name);
  return found;
}
