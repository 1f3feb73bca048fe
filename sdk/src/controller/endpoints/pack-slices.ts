/** Spreads endpoints over EndpointSlices with as few writes as it can. Pure. */
import type { Endpoint, EndpointSlice } from '../../kube/index.ts';
import { jsonEqual } from '../json-equal.ts';
import type { SlicePort } from './service-pods.ts';

/** Endpoints that have the same ports and family. */
export interface EndpointGroup {
  /** `IPv4`, `IPv6`. */
  readonly family: string;
  readonly ports: readonly SlicePort[];
  readonly endpoints: readonly Endpoint[];
}

export interface SliceContent {
  readonly addressType: string;
  readonly ports: readonly SlicePort[];
  readonly endpoints: readonly Endpoint[];
}

export interface PackedSlices {
  readonly create: readonly SliceContent[];
  /** `content` differs from what the slice has. */
  readonly update: readonly { readonly slice: EndpointSlice; readonly content: SliceContent }[];
  readonly keep: readonly EndpointSlice[];
  readonly remove: readonly EndpointSlice[];
}

interface Fill {
  readonly slice: EndpointSlice;
  readonly endpoints: Endpoint[];
  changed: boolean;
}

/** The same endpoint in another state has the same key. A target may have several addresses. */
export function endpointKey({ targetRef, addresses, hostname = '' }: Endpoint): string {
  return `${addresses.join()} ${targetRef?.uid ?? hostname}`;
}

/** Ports in another order are the same ports. */
export function portsKey(ports: readonly SlicePort[] | undefined): string {
  const all = (ports ?? []).map((port) =>
    JSON.stringify([port.name ?? '', port.protocol ?? 'TCP', port.port ?? 0, port.appProtocol ?? '']),
  );
  return all.sort().join();
}

/** What of the wanted endpoints stays where it is. Takes it from `left`. */
function keepInPlace(slice: EndpointSlice, left: Map<string, Endpoint>, limit: number): Fill {
  const endpoints: Endpoint[] = [];
  const before = slice.endpoints ?? [];
  for (const old of before) {
    const key = endpointKey(old);
    const endpoint = left.get(key);
    if (endpoint === undefined || endpoints.length >= limit) continue;
    endpoints.push(endpoint);
    left.delete(key);
  }
  return { slice, endpoints, changed: !jsonEqual(before, endpoints) };
}

/** The slice that is fullest when all `count` are in it. */
function fittest(fills: readonly Fill[], count: number, limit: number): Fill | undefined {
  const fitting = fills.filter(({ endpoints, changed }) => !changed && endpoints.length + count <= limit);
  return fitting.sort((a, b) => b.endpoints.length - a.endpoints.length)[0];
}

interface Packed {
  readonly filled: readonly Fill[];
  readonly emptied: readonly EndpointSlice[];
  readonly added: readonly (readonly Endpoint[])[];
}

/**
 * Each endpoint stays where it is. New ones fill the slices that are to be written anyway; what is left goes into one that has
 * room for all of it, else into new ones.
 */
function packGroup(wanted: readonly Endpoint[], slices: readonly EndpointSlice[], limit: number): Packed {
  const left = new Map(wanted.map((endpoint) => [endpointKey(endpoint), endpoint]));
  const fills = slices.map((slice) => keepInPlace(slice, left, limit));
  const filled = fills.filter(({ endpoints }) => endpoints.length > 0);
  const rest = [...left.values()];
  for (const { endpoints, changed } of filled) if (changed) endpoints.push(...rest.splice(0, limit - endpoints.length));
  const added: Endpoint[][] = [];
  while (rest.length > 0) {
    const fill = rest.length < limit ? fittest(filled, rest.length, limit) : undefined;
    if (fill === undefined) added.push(rest.splice(0, limit));
    else {
      fill.endpoints.push(...rest.splice(0));
      fill.changed = true;
    }
  }
  const emptied = fills.filter(({ endpoints }) => endpoints.length === 0).map(({ slice }) => slice);
  return { filled, emptied, added };
}

function isEmpty({ ports, endpoints }: Partial<SliceContent>): boolean {
  return (ports ?? []).length === 0 && (endpoints ?? []).length === 0;
}

/** Slices that are not needed take what new ones would: one write instead of two, and no moment without. */
class Spare {
  readonly create: SliceContent[] = [];
  readonly update: { slice: EndpointSlice; content: SliceContent }[] = [];
  readonly keep: EndpointSlice[] = [];
  /** By family, the first one last. */
  readonly #slices = new Map<string, EndpointSlice[]>();

  constructor(slices: readonly EndpointSlice[]) {
    for (const slice of slices.toReversed()) listIn(this.#slices, slice.addressType).push(slice);
  }

  put(content: SliceContent): void {
    const slices = listIn(this.#slices, content.addressType);
    // What has endpoints is in none of these, or it would not be wanted.
    const same = isEmpty(content) ? slices.findLastIndex(isEmpty) : -1;
    const [slice] = same >= 0 ? slices.splice(same, 1) : slices.splice(-1);
    if (slice === undefined) this.create.push(content);
    else if (same >= 0) this.keep.push(slice);
    else this.update.push({ slice, content });
  }

  get left(): readonly EndpointSlice[] {
    return [...this.#slices.values()].flat();
  }
}

function listIn<T>(lists: Map<string, T[]>, key: string): T[] {
  const list = lists.get(key) ?? [];
  lists.set(key, list);
  return list;
}

/**
 * `families` that have no group get one slice without endpoints, which tells "none" from "not looked at yet". `slices`: those
 * that may be used; what is not needed is removed.
 */
export function packSlices(
  groups: readonly EndpointGroup[],
  families: readonly string[],
  slices: readonly EndpointSlice[],
  limit: number,
): PackedSlices {
  const update: { slice: EndpointSlice; content: SliceContent }[] = [];
  const keep: EndpointSlice[] = [];
  const spare = new Set(slices);
  const wanted: SliceContent[] = [];
  const byPorts = new Map<string, EndpointSlice[]>();
  for (const slice of slices) listIn(byPorts, `${slice.addressType} ${portsKey(slice.ports)}`).push(slice);
  for (const { family: addressType, ports, endpoints } of groups) {
    const own = byPorts.get(`${addressType} ${portsKey(ports)}`) ?? [];
    const { filled, added } = packGroup(endpoints, own, limit);
    for (const { slice, endpoints: content, changed } of filled) {
      spare.delete(slice);
      if (changed) update.push({ slice, content: { addressType, ports: slice.ports ?? [], endpoints: content } });
      else keep.push(slice);
    }
    wanted.push(...added.map((content) => ({ addressType, ports, endpoints: content })));
  }
  for (const addressType of families) {
    if (!groups.some(({ family }) => family === addressType)) wanted.push({ addressType, ports: [], endpoints: [] });
  }
  const reuse = new Spare([...spare]);
  for (const content of wanted) reuse.put(content);
  return {
    create: reuse.create,
    update: [...update, ...reuse.update],
    keep: [...keep, ...reuse.keep],
    remove: reuse.left,
  };
}
