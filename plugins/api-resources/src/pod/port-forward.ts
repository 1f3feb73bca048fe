/** pods/portforward: connections to ports of the pod, through its node. */
import type { ConnectionHandler } from '@timonel/sdk/contracts/api-server';
import { ApiError, type Pod } from '@timonel/sdk/kube';
import { portNumber } from '../proxy/scheme-name-port.ts';
import { nodeOf, referenceTo } from './node-of-pod.ts';
import type { SubresourceServices } from './subresources.ts';

function portsOf(query: URLSearchParams): number[] {
  const texts = query.getAll('ports').flatMap((text) => text.split(','));
  return texts.map((text) => {
    const port = portNumber(text);
    if (port === undefined)
      throw new ApiError('BadRequest', `ports: "${text.slice(0, 64)}" is not a port: it must be from 1 to 65535`);
    return port;
  });
}

export function portForwardHandler(services: SubresourceServices): ConnectionHandler<Pod> {
  return {
    kind: 'PodPortForwardOptions',
    options: (query) => ({ ports: portsOf(query) }),
    async connect({ query }, access) {
      const pod = await access.get();
      const node = await nodeOf(services, pod);
      return { kind: 'ports', ports: portsOf(query), dial: (port) => node.portForward(referenceTo(pod), port) };
    },
  };
}
