/** The objects that a binding names as parameters. */
import type { ApiClient } from '@timonel/sdk/contracts/api';
import {
  apiVersionOf,
  customResourceDefinitions,
  defineResource,
  formatLabelSelector,
  fromLabelSelector,
  furtherClusterTypes,
  isNotFound,
  namespaces,
  namespacedTypes,
  nodes,
  type KubeObject,
  type PolicyParameters,
  type ResourceType,
} from '@timonel/sdk/kube';

type Api = Pick<ApiClient, 'get' | 'list'>;
export type ParamKind = { readonly apiVersion: string; readonly kind: string };

const builtIn: readonly ResourceType[] = [...namespacedTypes, ...furtherClusterTypes, namespaces, nodes];

export type Parameters = { readonly objects: readonly KubeObject[] } | { readonly problem: string };

/** For one request: it looks up each kind once. */
export class ParameterReader {
  readonly #api: Api;
  readonly #types = new Map<string, Promise<ResourceType | undefined>>();

  constructor(api: Api) {
    this.#api = api;
  }

  /** `namespace`: of the request, where the binding names none. */
  async read(kind: ParamKind, reference: PolicyParameters, namespace: string | undefined): Promise<Parameters> {
    const type = await this.#typeOf(kind);
    if (type === undefined)
      return { problem: `failed to find resource referenced by paramKind: '${kind.apiVersion}, Kind=${kind.kind}'` };
    if (!type.namespaced && reference.namespace !== undefined && reference.namespace !== '')
      return { problem: 'paramRef.namespace must not be provided for a cluster-scoped `paramKind`' };
    const place = type.namespaced ? reference.namespace || namespace : undefined;
    if (type.namespaced && place === undefined)
      return { problem: 'cannot use namespaced paramRef in policy binding that matches cluster-scoped resources' };
    const objects = await found(type, reference, place, this.#api);
    if (objects.length > 0) return { objects };
    if (reference.parameterNotFoundAction === 'Allow') return { objects: [] };
    return { problem: 'no params found for policy binding with `Deny` parameterNotFoundAction' };
  }

  #typeOf(kind: ParamKind): Promise<ResourceType | undefined> {
    const key = `${kind.apiVersion}/${kind.kind}`;
    const known = this.#types.get(key) ?? typeOf(kind, this.#api);
    this.#types.set(key, known);
    return known;
  }
}

/** Undefined: nobody serves it. */
export async function typeOf({ apiVersion, kind }: ParamKind, api: Api): Promise<ResourceType | undefined> {
  const known = builtIn.find((type) => type.kind === kind && apiVersionOf(type) === apiVersion);
  if (known !== undefined) return known;
  const [group = '', version = ''] = apiVersion.split('/');
  const { items } = await api.list(customResourceDefinitions);
  const spec = items.find((one) => one.spec.group === group && one.spec.names.kind === kind)?.spec;
  if (spec === undefined) return undefined;
  return defineResource({
    group,
    version,
    kind,
    resource: spec.names.plural,
    namespaced: spec.scope === 'Namespaced',
  });
}

async function found(
  type: ResourceType,
  { name, selector }: PolicyParameters,
  namespace: string | undefined,
  api: Api,
): Promise<readonly KubeObject[]> {
  const within = namespace === undefined ? {} : { namespace };
  if (name === undefined) {
    const labelSelector = formatLabelSelector(fromLabelSelector(selector ?? {}));
    return (await api.list(type, { ...within, labelSelector })).items;
  }
  try {
    return [await api.get(type, { ...within, name })];
  } catch (error) {
    if (isNotFound(error)) return [];
    throw error;
  }
}
