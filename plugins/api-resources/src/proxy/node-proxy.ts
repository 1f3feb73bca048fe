/** nodes/proxy: the node's own server, or another port of the machine. */
import type { ConnectionHandler } from '@timonel/sdk/contracts/api-server';
import { ApiError, nodes, type Node } from '@timonel/sdk/kube';
import type { SubresourceServices } from '../pod/subresources.ts';
import { itemsOf, objectOf, textOf } from '../validation/loose.ts';
import { dialAddress } from './dial-address.ts';
import { hostOf } from './pod-proxy.ts';
import { portNumber, schemeNamePort } from './scheme-name-port.ts';

function addressOf(node: Node): string {
  const found = itemsOf(objectOf(node.status).addresses)
    .map((item) => objectOf(item))
    .find(({ type }) => type === 'InternalIP');
  return textOf(found?.address);
}

export function nodeProxyHandler(services: SubresourceServices): ConnectionHandler<Node> {
  return {
    kind: 'NodeProxyOptions',
    proxy: true,
    async connect(request, { api }) {
      const { secure, name, port: wanted } = schemeNamePort(request.name, 'node');
      const node = await api.get(nodes, { name });
      const own = objectOf(objectOf(objectOf(node.status).daemonEndpoints).kubeletEndpoint).Port;
      const port = portNumber(wanted);
      if (wanted !== '' && port === undefined)
        throw new ApiError('BadRequest', `invalid node request: "${wanted}" is not a port number`);
      const address = addressOf(node);
      if (port !== undefined && port !== own)
        return {
          kind: 'http',
          secure,
          host: hostOf(address, port),
          dial: () => dialAddress(services.env, address, port),
        };
      for (const { service } of services.resolvers()) {
        const remote = await service.resolve(name);
        // The connection is one with the rights of this control plane; TLS is done already.
        if (remote?.connect !== undefined)
          return { kind: 'http', secure: false, host: name, dial: remote.connect.bind(remote) };
      }
      throw new ApiError('ServiceUnavailable', `node "${name}" runs no server of its own (plugin node-server)`);
    },
  };
}
