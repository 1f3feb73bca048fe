/** Where a node can be called, by what its object says. */
import { isIP } from 'node:net';
import { ApiError, type Node } from '@timonel/sdk/kube';

export interface NodeAddress {
  readonly nodeName: string;
  readonly host: string;
  readonly port: number;
}

/** @throws ApiError ServiceUnavailable when it says too little */
export function addressOf(node: Node): NodeAddress {
  const nodeName = node.metadata.name ?? '';
  const { addresses = [], daemonEndpoints } = node.status ?? {};
  const host = addresses.find(({ type, address }) => type === 'InternalIP' && isIP(address) !== 0)?.address;
  const port = daemonEndpoints?.kubeletEndpoint?.Port;
  if (host === undefined)
    throw new ApiError('ServiceUnavailable', `node "${nodeName}" cannot be called: its status has no InternalIP`);
  if (port === undefined || port === 0)
    throw new ApiError(
      'ServiceUnavailable',
      `node "${nodeName}" cannot be called: it does not run a server (plugin node-server) for other machines`,
    );
  return { nodeName, host, port };
}

/** For messages. */
export function placeOf({ host, port }: NodeAddress): string {
  return isIP(host) === 6 ? `[${host}]:${port}` : `${host}:${port}`;
}
