/**
 * The EndpointSlices and Endpoints of the service default/kubernetes: where pods, nodes and clients find the API servers. Whoever keeps
 * them writes the same, so that it does not matter who does. One slice for each port and address family; the first is named `kubernetes`.
 */
import { isIP } from 'node:net';
import type { ApiClient } from '../../contracts/api/index.ts';
import {
  endpoints,
  endpointSlices,
  isAlreadyExists,
  isConflict,
  isNotFound,
  type Endpoints,
  type EndpointSlice,
  type KubeObject,
  type ResourceType,
} from '../../kube/index.ts';
import { jsonEqual } from '../json-equal.ts';

const at = { namespace: 'default', name: 'kubernetes' } as const;
/** Whoever writes them writes the slices, too. */
const skipMirror = { 'endpointslice.kubernetes.io/skip-mirror': 'true' } as const;
const serviceLabel = 'kubernetes.io/service-name';
const managerLabel = 'endpointslice.kubernetes.io/managed-by';
const manager = 'servers.timonel.dev';

export interface ServerPlace {
  readonly address: string;
  readonly port: number;
  /** The node whose address it is, where it is one. */
  readonly nodeName?: string;
}

/** The address and port of a server's URL. Undefined: it is a name. */
export function addressOfServer(url: string): ServerPlace | undefined {
  const { hostname, port } = new URL(url);
  const address = hostname.replace(/^\[|\]$/g, '');
  return isIP(address) === 0 ? undefined : { address, port: Number(port || 443) };
}

/** The same. Undefined also: it is an address that only one machine knows. */
export function placeOfServer(url: string): ServerPlace | undefined {
  const place = addressOfServer(url);
  return place === undefined || place.address === '::1' || place.address.startsWith('127.') ? undefined : place;
}

interface PortGroup {
  readonly family: 4 | 6;
  readonly port: number;
  readonly addresses: readonly string[];
  /** Nodes of those that have one, by address. */
  readonly nodes: ReadonlyMap<string, string>;
}

/** By family and port; addresses sorted, each once. */
function groupsOf(places: readonly ServerPlace[]): readonly PortGroup[] {
  const groups = new Map<string, { family: 4 | 6; port: number; addresses: Set<string>; nodes: Map<string, string> }>();
  for (const { address, port, nodeName } of places) {
    const family = isIP(address) === 6 ? 6 : 4;
    const key = `${family} ${port}`;
    const group = groups.get(key) ?? { family, port, addresses: new Set(), nodes: new Map() };
    group.addresses.add(address);
    if (nodeName !== undefined) group.nodes.set(address, nodeName);
    groups.set(key, group);
  }
  return [...groups.values()]
    .map((group) => ({ ...group, addresses: [...group.addresses].sort() }))
    .sort((a, b) => a.family - b.family || a.port - b.port);
}

const httpsPort = (port: number): { name: string; port: number; protocol: string } => ({
  name: 'https',
  port,
  protocol: 'TCP',
});

export function endpointsOfServers(places: readonly ServerPlace[]): Endpoints {
  const subsets = groupsOf(places).map(({ port, addresses }) => ({
    addresses: addresses.map((ip) => ({ ip })),
    ports: [httpsPort(port)],
  }));
  return { metadata: { ...at, labels: { ...skipMirror } }, subsets };
}

function endpointAt(address: string, nodeName: string | undefined): EndpointSlice['endpoints'][number] {
  return { addresses: [address], conditions: { ready: true }, ...(nodeName === undefined ? {} : { nodeName }) };
}

export function slicesOfServers(places: readonly ServerPlace[]): readonly EndpointSlice[] {
  return groupsOf(places).map(({ family, port, addresses, nodes }, index) => ({
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: {
      namespace: at.namespace,
      name: index === 0 ? at.name : `${at.name}-${family === 6 ? 'v6-' : ''}${port}`,
      labels: { [serviceLabel]: at.name, [managerLabel]: manager },
    },
    addressType: family === 6 ? 'IPv6' : 'IPv4',
    endpoints: addresses.map((address) => endpointAt(address, nodes.get(address))),
    ports: [httpsPort(port)],
  }));
}

/** A write that lost against another server's is fine: that one wrote the same, or the next round will. */
async function create<T extends KubeObject>(api: ApiClient, type: ResourceType<T>, wanted: T): Promise<void> {
  await api.create(type, wanted).catch((error: unknown) => {
    // That its namespace is not there yet is no race: somebody must try again.
    if (!isAlreadyExists(error)) throw error;
  });
}

/** The same, of an object that was there. */
async function change(work: Promise<unknown>): Promise<void> {
  await work.catch((error: unknown) => {
    if (!isConflict(error) && !isNotFound(error)) throw error;
  });
}

async function keepEndpoints(api: ApiClient, wanted: Endpoints): Promise<void> {
  let found: Endpoints;
  try {
    found = await api.get(endpoints, at);
  } catch (error) {
    if (!isNotFound(error)) throw error;
    await create(api, endpoints, wanted);
    return;
  }
  const labels = { ...found.metadata.labels, ...skipMirror };
  if (jsonEqual(found.subsets, wanted.subsets) && jsonEqual(found.metadata.labels, labels)) return;
  const next = { ...found, metadata: { ...found.metadata, labels }, subsets: wanted.subsets ?? [] };
  await change(api.update(endpoints, next));
}

/** What counts of it. */
function content({ metadata, endpoints: list, ports }: EndpointSlice): string {
  const addresses = list.map((endpoint) => [endpoint.addresses, endpoint.conditions?.ready, endpoint.nodeName]);
  const labels = [metadata.labels?.[serviceLabel], metadata.labels?.[managerLabel]];
  return JSON.stringify([labels, addresses, ports?.map(({ name, port, protocol }) => [name, port, protocol])]);
}

async function keepSlice(api: ApiClient, wanted: EndpointSlice, found: EndpointSlice | undefined): Promise<void> {
  const isOther = found !== undefined && found.addressType !== wanted.addressType;
  // The family of a slice cannot be changed.
  if (isOther) await change(api.delete(endpointSlices, { namespace: at.namespace, name: wanted.metadata.name ?? '' }));
  if (found === undefined || isOther) await create(api, endpointSlices, wanted);
  else if (content(found) !== content(wanted)) {
    const labels = { ...found.metadata.labels, ...wanted.metadata.labels };
    await change(api.update(endpointSlices, { ...wanted, metadata: { ...found.metadata, labels } }));
  }
}

/** Makes slices and Endpoints say where the servers are. Without any place whatever is there stays: it is better. @throws ApiError */
export async function keepServerEndpoints(api: ApiClient, places: readonly ServerPlace[]): Promise<void> {
  if (places.length === 0) return;
  await keepEndpoints(api, endpointsOfServers(places));
  const wanted = slicesOfServers(places);
  const labelSelector = `${serviceLabel}=${at.name}`;
  const { items } = await api.list(endpointSlices, { namespace: at.namespace, labelSelector });
  const isWanted = (name: string): boolean => wanted.some(({ metadata }) => metadata.name === name);
  for (const { metadata } of items) {
    const { name = '', labels } = metadata;
    if (labels?.[managerLabel] === manager && !isWanted(name)) {
      await change(api.delete(endpointSlices, { namespace: at.namespace, name }));
    }
  }
  for (const slice of wanted) {
    const found = items.find(({ metadata }) => metadata.name === slice.metadata.name);
    await keepSlice(api, slice, found);
  }
}
