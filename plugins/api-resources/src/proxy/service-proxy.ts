/** services/proxy: a ready endpoint of the service. Pods are reached through their nodes, other addresses at once. */
import type { ConnectionHandler, HttpConnection, ServiceDialer } from '@timonel/sdk/contracts/api-server';
import {
  ApiError,
  endpointSlices,
  isNotFound,
  pods,
  services as serviceType,
  type Endpoint,
  type Service,
} from '@timonel/sdk/kube';
import { nodeOf, referenceTo } from '../pod/node-of-pod.ts';
import type { SubresourceServices } from '../pod/subresources.ts';
import { itemsOf, objectOf, textOf } from '../validation/loose.ts';
import { dialAddress } from './dial-address.ts';
import { hostOf } from './pod-proxy.ts';
import { portNumber, schemeNamePort } from './scheme-name-port.ts';

const serviceNameLabel = 'kubernetes.io/service-name';

function unavailable(message: string): ApiError {
  return new ApiError('ServiceUnavailable', message);
}

/** The name of the port that is meant: endpoints know ports by their names. */
function portName(service: Service, name: string, wanted: string): string {
  const number = portNumber(wanted);
  if (number === undefined) return wanted;
  const found = itemsOf(objectOf(service.spec).ports)
    .map((item) => objectOf(item))
    .find(({ port }) => port === number);
  if (found === undefined) throw unavailable(`no service port ${number} found for service "${name}"`);
  return textOf(found.name);
}

interface Candidate {
  readonly endpoint: Endpoint;
  readonly port: number;
}

async function candidates(
  api: Parameters<ConnectionHandler['connect']>[1]['api'],
  namespace: string,
  name: string,
  wanted: string,
): Promise<Candidate[]> {
  const slices = await api.list(endpointSlices, { namespace, labelSelector: `${serviceNameLabel}=${name}` });
  const found: Candidate[] = [];
  for (const { endpoints = [], ports = [] } of slices.items) {
    const port = ports.find((one) => (one.name ?? '') === wanted)?.port;
    if (port === undefined) continue;
    // Absent: unknown, which counts as ready.
    for (const endpoint of endpoints) if (endpoint.conditions?.ready !== false) found.push({ endpoint, port });
  }
  return found;
}

type Api = Parameters<ConnectionHandler['connect']>[1]['api'];

/** A ready endpoint of a port, by its name or number. @throws ApiError NotFound, ServiceUnavailable */
async function endpointOf(
  services: SubresourceServices,
  api: Api,
  { namespace, name, port: wanted, shown }: { namespace: string; name: string; port: string; shown: string },
): Promise<Pick<HttpConnection, 'host' | 'dial'>> {
  const service = await api.get(serviceType, { namespace, name });
  const found = await candidates(api, namespace, name, portName(service, name, wanted));
  const chosen = found[services.env.random.int(Math.max(1, found.length))];
  const address = chosen?.endpoint.addresses[0];
  if (chosen === undefined || address === undefined) throw unavailable(`no endpoints available for service "${shown}"`);
  const { endpoint, port } = chosen;
  const host = hostOf(address, port);
  const { targetRef } = endpoint;
  if (targetRef?.kind !== 'Pod') return { host, dial: () => dialAddress(services.env, address, port) };
  const pod = await api.get(pods, { namespace, name: targetRef.name ?? '' }).catch((error: unknown) => {
    throw isNotFound(error) ? unavailable(`the endpoint of service "${shown}" is gone`) : error;
  });
  const node = await nodeOf(services, pod);
  return { host, dial: () => node.portForward(referenceTo(pod), port) };
}

export function serviceProxyHandler(services: SubresourceServices): ConnectionHandler<Service> {
  return {
    kind: 'ServiceProxyOptions',
    proxy: true,
    async connect(request, { api }) {
      const { secure, name, port } = schemeNamePort(request.name, 'service');
      const namespace = request.namespace ?? '';
      const found = await endpointOf(services, api, { namespace, name, port, shown: request.name });
      return { kind: 'http', secure, ...found };
    },
  };
}

/** For those in the server who call services themselves. */
export function serviceDialerOf(services: SubresourceServices): ServiceDialer {
  return {
    async dial({ namespace, name, port }, api) {
      const { dial } = await endpointOf(services, api, { namespace, name, port: String(port), shown: name });
      return dial();
    },
  };
}
