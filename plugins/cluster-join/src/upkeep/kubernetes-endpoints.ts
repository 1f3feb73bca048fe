/**
 * The EndpointSlices (and Endpoints) of the service default/kubernetes: where pods and nodes find the API servers. Every server writes the
 * same, so that it does not matter who does. One slice for each port and address family.
 */
import { isIP } from 'node:net';
import type { ApiClient } from '@timonel/sdk/contracts/api';
import { keepEndpointsOfServers } from '@timonel/sdk/controller/endpoints';
import { endpointSlices, isAlreadyExists, isConflict, isNotFound, type EndpointSlice } from '@timonel/sdk/kube';

const namespace = 'default';
const service = 'kubernetes';
const manager = 'cluster-join.timonel.dev';
const managerLabel = 'endpointslice.kubernetes.io/managed-by';

function isLoopback(address: string): boolean {
  return address === '::1' || address.startsWith('127.');
}

/** What the slices should be. Names, and addresses that only one machine knows, are left out. */
export function slicesOf(urls: readonly string[]): EndpointSlice[] {
  const groups = new Map<string, { readonly family: number; readonly port: number; readonly addresses: string[] }>();
  for (const text of urls) {
    const url = new URL(text);
    const address = url.hostname.replace(/^\[|\]$/g, '');
    const family = isIP(address);
    if (family === 0 || isLoopback(address)) continue;
    const port = Number(url.port || 443);
    const key = `${family === 6 ? 'v6-' : ''}${port}`;
    const group = groups.get(key) ?? { family, port, addresses: [] };
    group.addresses.push(address);
    groups.set(key, group);
  }
  return [...groups]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, { family, port, addresses }]) => ({
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: {
        name: `${service}-${key}`,
        namespace,
        labels: { 'kubernetes.io/service-name': service, [managerLabel]: manager },
      },
      addressType: family === 6 ? 'IPv6' : 'IPv4',
      endpoints: addresses.sort().map((address) => ({ addresses: [address], conditions: { ready: true } })),
      ports: [{ name: 'https', port, protocol: 'TCP' }],
    }));
}

function content({ addressType, endpoints, ports }: EndpointSlice): string {
  const addresses = endpoints.flatMap((endpoint) => endpoint.addresses);
  return JSON.stringify([addressType, addresses, ports?.map(({ name, port }) => [name, port])]);
}

/** A write that lost against another server's is fine: that one wrote the same, or the next round will. */
async function write(work: Promise<unknown>): Promise<void> {
  try {
    await work;
  } catch (error) {
    if (!isConflict(error) && !isAlreadyExists(error) && !isNotFound(error)) throw error;
  }
}

/** Makes slices and Endpoints say where the servers are. @throws ApiError */
export async function keepKubernetesEndpoints(api: ApiClient, urls: readonly string[]): Promise<void> {
  const wanted = slicesOf(urls);
  // Without any address that others can reach, whatever is there is better.
  if (wanted.length === 0) return;
  await keepEndpointsOfServers(api, urls);
  const labelSelector = `kubernetes.io/service-name=${service},${managerLabel}=${manager}`;
  const { items } = await api.list(endpointSlices, { namespace, labelSelector });
  for (const slice of wanted) {
    const found = items.find(({ metadata }) => metadata.name === slice.metadata.name);
    if (found === undefined) await write(api.create(endpointSlices, slice));
    else if (content(found) !== content(slice)) {
      const { resourceVersion = '' } = found.metadata;
      await write(api.update(endpointSlices, { ...slice, metadata: { ...slice.metadata, resourceVersion } }));
    }
  }
  for (const { metadata } of items) {
    const { name = '' } = metadata;
    if (!wanted.some((slice) => slice.metadata.name === name)) {
      await write(api.delete(endpointSlices, { namespace, name }));
    }
  }
}
