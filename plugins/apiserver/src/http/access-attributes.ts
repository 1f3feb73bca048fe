/** What a request asks for, as those who decide on access see it. */
import type { AccessAttributes } from '@timonel/sdk/contracts/api-server';
import type { UserInfo } from '@timonel/sdk/contracts/auth';
import type { ResourcePath } from './resource-path.ts';

const verbOfObject: Readonly<Record<string, string>> = {
  GET: 'get',
  HEAD: 'get',
  POST: 'create',
  PUT: 'update',
  PATCH: 'patch',
  DELETE: 'delete',
};

/** Of these a field selector says which objects. */
const selecting: ReadonlySet<string> = new Set(['list', 'watch', 'deletecollection']);

/** As Go's ParseBool: whatever it takes for true makes a watch. */
export const isTrue = (value: string | null): boolean => value !== null && /^(?:1|t|true)$/i.test(value);

/** The one name that a field selector leaves; empty: several. An escaped comma could make a part of a value look like a term. */
function selectedName(fieldSelector: string): string {
  if (fieldSelector === '' || fieldSelector.includes('\\')) return '';
  for (const term of fieldSelector.split(',')) {
    const name = /^metadata\.name==?([^\s=!]+)$/.exec(term)?.[1];
    if (name !== undefined) return name;
  }
  return '';
}

function verbOf({ name, subresource }: ResourcePath, method: string, watches: boolean): string {
  if (method === 'DELETE' && name === undefined) return 'deletecollection';
  if (method !== 'GET' && method !== 'HEAD') return verbOfObject[method] ?? method.toLowerCase();
  if (subresource !== '') return 'get';
  if (watches) return 'watch';
  return name === undefined ? 'list' : 'get';
}

/** Of a request to a resource. */
export function resourceAttributes(
  path: ResourcePath,
  { method, querystring }: { readonly method: string; readonly querystring: string },
  user: UserInfo,
): AccessAttributes {
  const { group, version, resource, subresource } = path;
  const query = new URLSearchParams(querystring);
  const verb = verbOf(path, method, isTrue(query.get('watch')));
  const fieldSelector = selecting.has(verb) ? (query.get('fieldSelector') ?? '') : '';
  // Who may do something in a namespace may do it to the namespace, as in Kubernetes.
  const ofNamespace = group === '' && resource === 'namespaces' ? (path.name ?? '') : '';
  return {
    user,
    verb,
    group,
    version,
    resource,
    subresource,
    namespace: path.namespace ?? ofNamespace,
    name: path.name ?? selectedName(fieldSelector),
    ...(fieldSelector === '' ? {} : { fieldSelector }),
  };
}

/** Of a request to anything else. */
export function pathAttributes(path: string, method: string, user: UserInfo): AccessAttributes {
  const noResource = { group: '', version: '', resource: '', subresource: '', namespace: '', name: '' };
  return { user, verb: method.toLowerCase(), ...noResource, path };
}
