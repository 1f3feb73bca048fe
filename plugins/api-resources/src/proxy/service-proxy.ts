/** services/proxy: a ready endpoint of the service. Pods are reached through their nodes, other addresses at once. */
import type { ConnectionHandler } from '@timonel/sdk/contracts/api-server';
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

export function serviceProxyHandler(services: SubresourceServices): ConnectionHandler<Service> {
  return {
    kind: 'ServiceProxyOptions',
    proxy: true,
    async connect(request, { api }) {
      const { secure, name, port: wanted } = schemeNamePort(request.name, 'service');
      const namespace = request.namespace ?? '';
      const service = await api.get(serviceType, { namespace, name });
      const found = await candidates(api, namespace, name, portName(service, name, wanted));
      const chosen = found[services.env.random.int(Math.max(1, found.length))];
      const address = chosen?.endpoint.addresses[0];
      if (chosen === undefined || address === undefined)
        throw unavailable(`no endpoints available for service "${request.name}"`);
      const { endpoint, port } = chosen;
      const host = hostOf(address, port);
      const { targetRef } = endpoint;
      if (targetRef?.kind !== 'Pod')
        return { kind: 'http', secure, host, dial: () => dialAddress(services.env, address, port) };
      const pod = await api.get(pods, { namespace, name: targetRef.name ?? '' }).catch((error: unknown) => {
        throw isNotFound(error) ? unavailable(`the endpoint of service "${request.name}" is gone`) : error;
      });
      const node = await nodeOf(services, pod);
      return { kind: 'http', secure, host, dial: () => node.portForward(referenceTo(pod), port) };
    },
  };
}
