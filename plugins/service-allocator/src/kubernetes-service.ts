/**
 * The service `kubernetes` in the namespace `default`, through which pods reach the API: first address of the range, no
 * selector, and an endpoint when the server listens where pods can reach it.
 */
import { errorMessage, type Env, type Logger } from '@timonel/sdk';
import type { ApiClient } from '@timonel/sdk/contracts/api';
import { isApiAbsent } from '@timonel/sdk/controller';
import {
  endpointSlices,
  isAlreadyExists,
  isNotFound,
  services,
  type EndpointSlice,
  type Service,
} from '@timonel/sdk/kube';

const name = 'kubernetes';
const namespace = 'default';
const retryMs = 250;

interface Place {
  readonly address: string;
  readonly port: number;
}

function placeOf(url: string): Place {
  const { hostname, port } = new URL(url);
  return { address: hostname.replace(/^\[|\]$/g, ''), port: Number(port || 443) };
}

function serviceOf(clusterIP: string, { port }: Place): Service {
  return {
    metadata: { name, namespace, labels: { component: 'apiserver', provider: 'kubernetes' } },
    spec: { type: 'ClusterIP', clusterIP, ports: [{ name: 'https', protocol: 'TCP', port: 443, targetPort: port }] },
  };
}

function sliceOf({ address, port }: Place): EndpointSlice {
  return {
    metadata: { name, namespace, labels: { 'kubernetes.io/service-name': name } },
    addressType: address.includes(':') ? 'IPv6' : 'IPv4',
    endpoints: [{ addresses: [address], conditions: { ready: true } }],
    ports: [{ name: 'https', port, protocol: 'TCP' }],
  };
}

async function ensure(api: ApiClient, clusterIP: string, place: Place, publishEndpoint: boolean): Promise<void> {
  try {
    await api.create(services, serviceOf(clusterIP, place));
  } catch (error) {
    if (!isAlreadyExists(error)) throw error;
    const ports = serviceOf(clusterIP, place).spec.ports;
    await api.patch(services, { namespace, name }, { type: 'merge', body: { spec: { ports } } });
  }
  // Nobody but this machine reaches a loopback address, and endpoints may not have one.
  if (!publishEndpoint || place.address === '::1' || place.address.startsWith('127.')) return;
  try {
    await api.create(endpointSlices, sliceOf(place));
  } catch (error) {
    if (!isAlreadyExists(error)) throw error;
    await api.update(endpointSlices, sliceOf(place));
  }
}

/** Goes on until it is there: its namespace may be made by another plugin a moment later. */
export async function keepKubernetesService(
  parts: {
    readonly api: ApiClient;
    readonly env: Env;
    readonly log: Logger;
    readonly signal: AbortSignal;
    readonly publishEndpoint: boolean;
  },
  clusterIP: string,
  url: string,
): Promise<void> {
  const { api, env, log, signal, publishEndpoint } = parts;
  while (!signal.aborted) {
    try {
      await ensure(api, clusterIP, placeOf(url), publishEndpoint);
      return;
    } catch (error) {
      const soon = isNotFound(error) || isApiAbsent(error);
      if (!soon) log.warn({}, `cannot make the service ${namespace}/${name}: ${errorMessage(error)}`);
      await env.timers.sleep(soon ? retryMs : retryMs * 20, signal).catch(() => undefined);
    }
  }
}
