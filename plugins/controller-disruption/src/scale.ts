/** How many pods the owners of some pods declare: for budgets that are a share, or a number of missing pods. */
import type { ApiClient } from '@timonel/sdk/contracts/api';
import type { Informer } from '@timonel/sdk/controller';
import {
  controllerOf,
  defineResource,
  isNotFound,
  type Deployment,
  type KubeObject,
  type OwnerReference,
  type Pod,
  type ReplicaSet,
  type ReplicationController,
  type StatefulSet,
} from '@timonel/sdk/kube';

export interface OwnerCaches {
  readonly deployments: Pick<Informer<Deployment>, 'get'>;
  readonly replicaSets: Pick<Informer<ReplicaSet>, 'get'>;
  readonly statefulSets: Pick<Informer<StatefulSet>, 'get'>;
  readonly replicationControllers: Pick<Informer<ReplicationController>, 'get'>;
}

/** What the owners declare together, or why that is not known. */
export type Scale =
  | {
      readonly known: true;
      readonly pods: number;
      /** Names of pods without an owner. */ readonly unmanaged: readonly string[];
    }
  | { readonly known: false; readonly problem: string };

interface Scaled extends KubeObject {
  readonly spec?: { readonly replicas?: number };
}

function kindOf({ apiVersion, kind }: OwnerReference): string {
  const group = apiVersion.includes('/') ? (apiVersion.split('/')[0] ?? '') : '';
  return group === '' ? kind : `${kind}.${group}`;
}

function cached(caches: OwnerCaches, namespace: string, owner: OwnerReference): Scaled | undefined {
  const at = `${namespace}/${owner.name}`;
  const caught: Readonly<Record<string, () => Scaled | undefined>> = {
    'Deployment.apps': () => caches.deployments.get(at),
    'ReplicaSet.apps': () => caches.replicaSets.get(at),
    'StatefulSet.apps': () => caches.statefulSets.get(at),
    ReplicationController: () => caches.replicationControllers.get(at),
  };
  const found = caught[kindOf(owner)]?.();
  return found?.metadata.uid === owner.uid ? found : undefined;
}

const cachedKinds: ReadonlySet<string> = new Set([
  'Deployment.apps',
  'ReplicaSet.apps',
  'StatefulSet.apps',
  'ReplicationController',
]);

/** As most kinds are called in the plural. */
function pluralOf(kind: string): string {
  const name = kind.toLowerCase();
  if (/[^aeiou]y$/.test(name)) return `${name.slice(0, -1)}ies`;
  return /(s|x|z|ch|sh)$/.test(name) ? `${name}es` : `${name}s`;
}

/** Undefined: there is no such owner, or its kind has no scale. */
async function asked(api: ApiClient, namespace: string, owner: OwnerReference): Promise<Scaled | undefined> {
  const [version = '', group = ''] = owner.apiVersion.split('/').toReversed();
  const type = defineResource({ group, version, kind: owner.kind, resource: pluralOf(owner.kind), namespaced: true });
  try {
    const scale: Scaled = await api.getSubresource(type, { namespace, name: owner.name }, 'scale');
    // Zeros are left out on the wire, unlike where an object of its own declares nothing.
    return { ...scale, spec: { replicas: scale.spec?.replicas ?? 0 } };
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

/** The object whose replicas count: that of a ReplicaSet is its Deployment, if it has one. */
async function scaledOwner(
  caches: OwnerCaches,
  api: ApiClient,
  namespace: string,
  owner: OwnerReference,
): Promise<Scaled | undefined> {
  if (!cachedKinds.has(kindOf(owner))) return asked(api, namespace, owner);
  const found = cached(caches, namespace, owner);
  const above = found === undefined ? undefined : controllerOf(found);
  if (kindOf(owner) !== 'ReplicaSet.apps' || above === undefined || kindOf(above) !== 'Deployment.apps') return found;
  return cached(caches, namespace, above);
}

/** @throws ApiError when the API does not answer */
export async function scaleOf(caches: OwnerCaches, api: ApiClient, pods: readonly Pod[]): Promise<Scale> {
  const replicas = new Map<string, number>();
  const seen = new Set<string>();
  const unmanaged: string[] = [];
  for (const pod of pods) {
    const { name = '', namespace = '' } = pod.metadata;
    const owner = controllerOf(pod);
    if (owner === undefined) unmanaged.push(name);
    if (owner === undefined || seen.has(owner.uid)) continue;
    seen.add(owner.uid);
    const scaled = await scaledOwner(caches, api, namespace, owner);
    if (scaled === undefined) {
      const problem = `${owner.kind} ${owner.name}, which owns pod ${name}, has no scale or is gone: such pods need minAvailable as a number`;
      return { known: false, problem };
    }
    replicas.set(scaled.metadata.uid ?? owner.uid, scaled.spec?.replicas ?? 1);
  }
  const total = [...replicas.values()].reduce((sum, count) => sum + count, 0);
  return { known: true, pods: total, unmanaged };
}
