/** The Endpoints of the service default/kubernetes: where clients that do not read EndpointSlices find the API servers. */
import { isIP } from 'node:net';
import type { ApiClient } from '../../contracts/api/index.ts';
import { endpoints, isAlreadyExists, isConflict, isNotFound, type Endpoints } from '../../kube/index.ts';
import { jsonEqual } from '../json-equal.ts';

const at = { namespace: 'default', name: 'kubernetes' } as const;
/** Whoever writes them writes the slices, too. */
const skipMirror = { 'endpointslice.kubernetes.io/skip-mirror': 'true' } as const;

/** The address and port of a server's URL. Undefined: it is a name, or an address that only one machine knows. */
export function placeOfServer(url: string): { readonly address: string; readonly port: number } | undefined {
  const { hostname, port } = new URL(url);
  const address = hostname.replace(/^\[|\]$/g, '');
  if (isIP(address) === 0 || address === '::1' || address.startsWith('127.')) return undefined;
  return { address, port: Number(port || 443) };
}

/** Undefined: there is no address that others can reach. */
export function endpointsOfServers(urls: readonly string[]): Endpoints | undefined {
  const ports = new Map<number, Set<string>>();
  for (const url of urls) {
    const place = placeOfServer(url);
    if (place !== undefined) ports.set(place.port, (ports.get(place.port) ?? new Set()).add(place.address));
  }
  if (ports.size === 0) return undefined;
  const subsets = [...ports]
    .sort(([a], [b]) => a - b)
    .map(([port, addresses]) => ({
      addresses: [...addresses].sort((a, b) => (a < b ? -1 : 1)).map((ip) => ({ ip })),
      ports: [{ name: 'https', port, protocol: 'TCP' }],
    }));
  return { metadata: { ...at, labels: { ...skipMirror } }, subsets };
}

/** Makes the Endpoints say where the servers are; a write that loses against another server's is fine. @throws ApiError */
export async function keepEndpointsOfServers(api: ApiClient, urls: readonly string[]): Promise<void> {
  const wanted = endpointsOfServers(urls);
  if (wanted === undefined) return;
  try {
    const found = await api.get(endpoints, at);
    const labels = { ...found.metadata.labels, ...skipMirror };
    if (jsonEqual(found.subsets, wanted.subsets) && jsonEqual(found.metadata.labels, labels)) return;
    await api.update(endpoints, { ...found, metadata: { ...found.metadata, labels }, subsets: wanted.subsets ?? [] });
  } catch (error) {
    if (isConflict(error)) return;
    if (!isNotFound(error)) throw error;
    await api.create(endpoints, wanted).catch((refusal: unknown) => {
      if (!isAlreadyExists(refusal)) throw refusal;
    });
  }
}
