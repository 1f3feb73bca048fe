/**
 * Ranges that were promised to a node and may not be written into it yet. Kept in one object and replaced only if nobody has
 * written it since: so two control planes that both believe to lead for a moment never promise one range to two nodes, which
 * could not be taken back. A promise ends when the node has a range, or is gone.
 */
import type { ApiClient } from '@timonel/sdk/contracts/api';
import { configMaps, isNotFound, type ConfigMap } from '@timonel/sdk/kube';

/** Whose a range is: `name uid`. By the range, `10.244.3.0/24`. */
export type Claims = ReadonlyMap<string, string>;

const at = { namespace: 'kube-system', name: 'timonel-node-ranges' };

export interface StoredClaims {
  readonly claims: Claims;
  readonly object: ConfigMap | undefined;
}

/** A key of a ConfigMap may not hold a slash. */
const keyOf = (cidr: string): string => cidr.replace('/', '-');
const cidrOf = (key: string): string => key.replace('-', '/');

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

/** @throws ApiError Conflict or AlreadyExists: another has written since `before` was read */
export async function writeClaims(api: ApiClient, before: StoredClaims, claims: Claims, writer: string): Promise<void> {
  if (sameClaims(before.claims, claims)) return;
  const data = Object.fromEntries([...claims].map(([cidr, owner]) => [keyOf(cidr), owner]));
  const options = { fieldManager: writer };
  if (before.object === undefined) await api.create(configMaps, { metadata: at, data }, options);
  else await api.update(configMaps, { ...before.object, data }, options);
}

function sameClaims(a: Claims, b: Claims): boolean {
  return a.size === b.size && [...a].every(([cidr, owner]) => b.get(cidr) === owner);
}
