/**
 * Ranges that were promised to a node and may not be written into it yet. Kept in one object and replaced only if nobody has
 * written it since: so two control planes that both believe to lead for a moment never promise one range to two nodes, which
 * could not be taken back. A promise ends when the node has a range, or is gone.
 */
import type { ApiClient } from '@timonel/sdk/contracts/api';
import { act, type Action } from '@timonel/sdk/controller';
import { configMaps, isNotFound, type ConfigMap } from '@timonel/sdk/kube';

/** Whose a range is: `name uid`. By the range, `10.244.3.0/24`. */
export type Claims = ReadonlyMap<string, string>;

const at = { namespace: 'kube-system', name: 'timonel-node-ranges' };

export interface StoredClaims {
  readonly claims: Claims;
  readonly object: ConfigMap | undefined;
}

/** A key of a ConfigMap may hold neither a slash nor colons. */
const keyOf = (cidr: string): string => cidr.replace('/', '-').replaceAll(':', '_');
const cidrOf = (key: string): string => key.replace('-', '/').replaceAll('_', ':');

export async function readClaims(api: ApiClient): Promise<StoredClaims> {
  try {
    const object = await api.get(configMaps, at);
    const entries = Object.entries(object.data ?? {}).map(([key, owner]) => [cidrOf(key), owner] as const);
    return { claims: new Map(entries), object };
  } catch (error) {
    if (!isNotFound(error)) throw error;
    return { claims: new Map(), object: undefined };
  }
}

/** Refused with Conflict or AlreadyExists: another has written since `before` was read. Undefined: they are stored already. */
export function writeClaims(before: StoredClaims, claims: Claims): Action | undefined {
  if (sameClaims(before.claims, claims)) return undefined;
  const data = Object.fromEntries([...claims].map(([cidr, owner]) => [keyOf(cidr), owner]));
  const cause = {
    code: 'RangesPromised',
    text: `${claims.size} ranges are promised to nodes that have yet to get them`,
  };
  if (before.object === undefined) return act.create(configMaps, { metadata: at, data }, { cause });
  return act.update(configMaps, before.object, { ...before.object, data }, { cause });
}

function sameClaims(a: Claims, b: Claims): boolean {
  return a.size === b.size && [...a].every(([cidr, owner]) => b.get(cidr) === owner);
}
