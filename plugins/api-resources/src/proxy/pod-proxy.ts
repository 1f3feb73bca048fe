/** pods/proxy: a server in the pod, reached through its node. */
import type { ConnectionHandler } from '@timonel/sdk/contracts/api-server';
import { ApiError, pods, type Pod } from '@timonel/sdk/kube';
import { nodeOf, referenceTo } from '../pod/node-of-pod.ts';
import type { SubresourceServices } from '../pod/subresources.ts';
import { itemsOf, objectOf, textOf } from '../validation/loose.ts';
import { portNumber, schemeNamePort } from './scheme-name-port.ts';

/** The first port that a container names, or that of the scheme. */
function defaultPort(pod: Pod, secure: boolean): number {
  for (const container of itemsOf(objectOf(pod.spec).containers)) {
    const [first] = itemsOf(objectOf(container).ports);
    const port = objectOf(first).containerPort;
    if (typeof port === 'number') return port;
  }
  return secure ? 443 : 80;
}

export function hostOf(address: string, port: number): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}

export function podProxyHandler(services: SubresourceServices): ConnectionHandler<Pod> {
  return {
    kind: 'PodProxyOptions',
    proxy: true,
    async connect(request, { api }) {
      const { secure, name, port: wanted } = schemeNamePort(request.name, 'pod');
      const pod = await api.get(pods, { namespace: request.namespace, name });
      const port = wanted === '' ? defaultPort(pod, secure) : portNumber(wanted);
      if (port === undefined) throw new ApiError('BadRequest', `invalid pod request: "${wanted}" is not a port number`);
      const node = await nodeOf(services, pod);
      const address = textOf(objectOf(pod.status).podIP) || name;
      return {
        kind: 'http',
        secure,
        host: hostOf(address, port),
        dial: () => node.portForward(referenceTo(pod), port),
      };
    },
  };
}
