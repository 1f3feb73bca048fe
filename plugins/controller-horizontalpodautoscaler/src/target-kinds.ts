/** From the kind that an autoscaler names to the type that is served. */
import type { ApiClient } from '@timonel/sdk/contracts/api';
import type { ResourceProvider } from '@timonel/sdk/contracts/api-server';
import {
  customResourceDefinitions,
  deployments,
  isNotFound,
  replicaSets,
  replicationControllers,
  statefulSets,
  typeOfDefinition,
  type CrossVersionObjectReference,
  type ResourceType,
} from '@timonel/sdk/kube';
import type { Refusal } from './metric-problem.ts';

/** Served by every cluster: for when the server of the API is in another process. */
const known: readonly ResourceType[] = [deployments, replicaSets, statefulSets, replicationControllers];

interface Served {
  readonly type: ResourceType;
  readonly scales: boolean;
}

function servedBy(providers: readonly ResourceProvider[]): Served[] {
  if (providers.length === 0) return known.map((type) => ({ type, scales: true }));
  return providers.flatMap((provider) =>
    provider.definitions().map((definition) => {
      const { group, version, resource, kind, namespaced, scale, subresources } = definition;
      const type = { group, version, resource, kind, namespaced };
      return { type, scales: scale !== undefined || Object.hasOwn(subresources, 'scale') };
    }),
  );
}

/** The type of a kind in whatever version of its group is served: the named one, if it is. */
function find(
  { apiVersion = '', kind }: CrossVersionObjectReference,
  providers: readonly ResourceProvider[],
): Served | Refusal {
  const parts = apiVersion.split('/');
  if (parts.length > 2) return { refusal: `unexpected GroupVersion string: ${apiVersion}` };
  const [version = '', group = ''] = parts.toReversed();
  const served = servedBy(providers).filter(({ type }) => type.kind === kind && type.group === group);
  const found = served.find(({ type }) => type.version === version) ?? served[0];
  return found ?? { refusal: `no matches for kind "${kind}" in group "${group}"` };
}

export function scalableType(
  reference: CrossVersionObjectReference,
  providers: readonly ResourceProvider[],
): ResourceType | Refusal {
  const found = find(reference, providers);
  if ('refusal' in found) return found;
  return found.scales ? found.type : { refusal: `the kind "${reference.kind}" has no subresource scale` };
}

/** The type of an object that a metric is about. */
export function describedType(
  reference: CrossVersionObjectReference,
  providers: readonly ResourceProvider[],
): ResourceType | Refusal {
  const found = find(reference, providers);
  return 'refusal' in found ? found : found.type;
}

/** The type of a kind that a CustomResourceDefinition describes; whether it scales, the API says. Undefined: there is none. */
export async function customType(
  { apiVersion = '', kind }: CrossVersionObjectReference,
  api: Pick<ApiClient, 'list'>,
): Promise<ResourceType | undefined> {
  const [version = '', group = ''] = apiVersion.split('/').toReversed();
  if (group === '') return undefined;
  try {
    const { items } = await api.list(customResourceDefinitions);
    const found = items.find(({ spec }) => spec.group === group && spec.names.kind === kind);
    if (found === undefined) return undefined;
    const isServed = found.spec.versions.some(({ name, served }) => served && name === version);
    const type = typeOfDefinition(found);
    return isServed ? { ...type, version } : type;
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}
