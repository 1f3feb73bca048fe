/** Where objects are served, and the query of each verb. */
import type { ApiWatchOptions, ListOptions, ObjectName, WriteOptions } from '@timonel/sdk/contracts/api';
import { ApiError, type ResourceType } from '@timonel/sdk/kube';

type Parameters = Readonly<Record<string, string | number | boolean | undefined>>;

function withQuery(path: string, parameters: Parameters): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) if (value !== undefined) query.set(name, String(value));
  const text = query.toString();
  return text === '' ? path : `${path}?${text}`;
}

export function collectionPath(type: ResourceType, namespace: string | undefined): string {
  const root = type.group === '' ? `/api/${type.version}` : `/apis/${type.group}/${type.version}`;
  const scope = type.namespaced && namespace !== undefined ? `/namespaces/${encodeURIComponent(namespace)}` : '';
  return `${root}${scope}/${type.resource}`;
}

/** @throws ApiError BadRequest without a name, or without a namespace where one is needed */
export function objectPath(type: ResourceType, { name, namespace }: ObjectName, subresource = ''): string {
  const text = name as string | undefined;
  if (text === undefined || text === '') throw new ApiError('BadRequest', `a name is required for ${type.resource}`);
  requireNamespace(type, name, namespace);
  const path = `${collectionPath(type, namespace)}/${encodeURIComponent(name)}`;
  return subresource === '' ? path : `${path}/${subresource.split('/').map(encodeURIComponent).join('/')}`;
}

/** @throws ApiError BadRequest */
export function requireNamespace(type: ResourceType, name: string, namespace: string | undefined): void {
  if (!type.namespaced || (namespace !== undefined && namespace !== '')) return;
  throw new ApiError('BadRequest', `a namespace is required for ${type.resource} "${name}"`);
}

export function listPath(type: ResourceType, options: ListOptions): string {
  const { namespace, labelSelector, fieldSelector, limit, resourceVersion } = options;
  return withQuery(collectionPath(type, namespace), {
    labelSelector,
    fieldSelector,
    limit,
    continue: options.continue,
    resourceVersion,
  });
}

export function watchPath(type: ResourceType, options: ApiWatchOptions): string {
  const { namespace, labelSelector, fieldSelector, resourceVersion, allowBookmarks } = options;
  return withQuery(collectionPath(type, namespace), {
    watch: true,
    labelSelector,
    fieldSelector,
    resourceVersion,
    allowWatchBookmarks: allowBookmarks,
  });
}

export function writePath(path: string, { dryRun, fieldManager }: WriteOptions, force?: boolean): string {
  return withQuery(path, { dryRun: dryRun === true ? 'All' : undefined, fieldManager, force });
}
