/** Which verbs a resource and its subresources serve. */
import { objectVerbs } from '@timonel/sdk/contracts/api-server';
import type { Kind } from '../kinds/kind-table.ts';
import { serves } from '../kinds/served-verbs.ts';

/** What can be done to the objects of a kind. */
export function verbsOf(kind: Kind): readonly string[] {
  return objectVerbs.filter((verb) => serves(kind, verb));
}

const verbOf = { GET: 'get', POST: 'create', PUT: 'update', PATCH: 'patch', DELETE: 'delete' } as const;

const proxyVerbs = ['create', 'delete', 'get', 'patch', 'update'];

export interface Subresource {
  readonly name: string;
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly verbs: readonly string[];
}

export function subresourcesOf({ definition }: Kind): Subresource[] {
  const { group, version, kind, subresources, parts, scale, status, connections = {} } = definition;
  const connected = Object.entries(connections).map(([name, handler]) => {
    const verbs = handler.proxy === true ? proxyVerbs : ['create', 'get'];
    return { name, group, version, kind: handler.kind, verbs };
  });
  const own: Subresource[] = Object.entries(subresources).map(([name, handler]) => ({
    name,
    group: handler.group ?? group,
    version: handler.version ?? version,
    kind: handler.kind,
    verbs: handler.methods.map((method) => verbOf[method]).sort(),
  }));
  const found = [...connected, ...own];
  const has = (name: string): boolean => found.some((one) => one.name === name);
  const verbs = ['get', 'patch', 'update'];
  if (scale !== undefined && !has('scale')) {
    found.push({ name: 'scale', group: 'autoscaling', version: 'v1', kind: 'Scale', verbs });
  }
  const served = [...Object.keys(parts ?? {}), ...(status ? ['status'] : [])];
  for (const name of served) if (!has(name)) found.push({ name, group, version, kind, verbs });
  return found.sort((a, b) => (a.name < b.name ? -1 : 1));
}
