/** The servers as the cluster itself names them, remembered in a file for the next start. */
import { isIP } from 'node:net';
import { errorMessage, type Logger } from '@timonel/sdk';
import type { ApiClient } from '@timonel/sdk/contracts/api';
import { readFileIfThere, writeFileAtomically } from '@timonel/sdk/files';
import { endpoints, endpointSlices, isNotFound, type Endpoints, type EndpointSlice } from '@timonel/sdk/kube';
import { serverKey } from './server-set.ts';

/** More API servers than any cluster has. */
const serverLimit = 16;
const namespace = 'default';
const name = 'kubernetes';

function urlOf(address: string, port: number): string[] {
  const family = isIP(address);
  if (family === 0 || !Number.isInteger(port) || port < 1 || port > 65_535) return [];
  return [serverKey(`https://${family === 6 ? `[${address}]` : address}:${port}`)];
}

function portOf(ports: readonly { readonly name?: string; readonly port?: number }[] | undefined): number {
  return (ports?.find((port) => port.name === 'https') ?? ports?.[0])?.port ?? 0;
}

export function serversOfSlices(slices: readonly EndpointSlice[]): string[] {
  return slices.flatMap((slice) => {
    const port = portOf(slice.ports);
    const usable = (slice.endpoints ?? []).filter((endpoint) => endpoint.conditions?.ready !== false);
    return usable.flatMap((endpoint) => endpoint.addresses.flatMap((address) => urlOf(address, port)));
  });
}

export function serversOfEndpoints(object: Endpoints): string[] {
  return (object.subsets ?? []).flatMap((subset) => {
    const port = portOf(subset.ports);
    return (subset.addresses ?? []).flatMap(({ ip }) => urlOf(ip, port));
  });
}

/** What the endpoints of the service default/kubernetes say; none: nobody keeps them. @throws ApiError */
export async function readServers(api: ApiClient): Promise<string[]> {
  const labelSelector = `kubernetes.io/service-name=${name}`;
  const slices = await api.list(endpointSlices, { namespace, labelSelector });
  let found = serversOfSlices(slices.items);
  if (found.length === 0) {
    try {
      found = serversOfEndpoints(await api.get(endpoints, { namespace, name }));
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }
  return [...new Set(found)].sort().slice(0, serverLimit);
}

/** A damaged file counts as none: the configured servers are there too. */
export async function loadServers(file: string, log: Logger): Promise<string[]> {
  try {
    const text = await readFileIfThere(file);
    if (text === undefined) return [];
    const { servers } = JSON.parse(text) as { servers?: unknown };
    if (!Array.isArray(servers)) throw new Error('it has no list of servers');
    return servers.map((url) => serverKey(String(url))).slice(0, serverLimit);
  } catch (error) {
    log.warn(
      { file, error: errorMessage(error) },
      'the remembered API servers cannot be read: using the configured ones',
    );
    return [];
  }
}

export async function saveServers(file: string, servers: readonly string[]): Promise<void> {
  await writeFileAtomically(file, `${JSON.stringify({ servers }, undefined, 2)}\n`);
}
