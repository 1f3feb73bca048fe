import { BlockList, connect, isIP, type Socket } from 'node:net';
import { errorMessage, type Env } from '@timonel/sdk';
import { ApiError } from '@timonel/sdk/kube';

const connectTimeoutMs = 5000;

type Version = 'ipv4' | 'ipv6';

function listOf(version: Version, networks: readonly (readonly [string, number])[]): BlockList {
  const list = new BlockList();
  for (const [network, prefix] of networks) list.addSubnet(network, prefix, version);
  return list;
}

/**
 * Addresses of the machine itself and of its links: who may write endpoints must not reach what listens there. A list for each
 * version: to one with both, every address of IPv4 would be one of ::ffff:0:0/96.
 */
const own: Readonly<Record<Version, BlockList>> = {
  ipv4: listOf('ipv4', [
    ['0.0.0.0', 8],
    ['127.0.0.0', 8],
    ['169.254.0.0', 16],
    ['224.0.0.0', 4],
    ['255.255.255.255', 32],
  ]),
  ipv6: listOf('ipv6', [
    // The unspecified one, loopback, and those of IPv4 in an older notation.
    ['::', 96],
    ['::ffff:0:0', 96],
    ['fe80::', 10],
    ['ff00::', 8],
  ]),
};

/** Whether the server dials it for others. A zone names a link of the machine. */
export function mayDial(address: string): boolean {
  const found = isIP(address);
  if (found === 0 || address.includes('%')) return false;
  const version = found === 4 ? 'ipv4' : 'ipv6';
  return !own[version].check(address, version);
}

/** A TCP connection. @throws ApiError BadRequest, ServiceUnavailable */
export async function dialAddress({ timers }: Pick<Env, 'timers'>, address: string, port: number): Promise<Socket> {
  if (!mayDial(address)) throw new ApiError('BadRequest', `address not allowed: ${address}`);
  const socket = connect({ host: address, port, allowHalfOpen: true, noDelay: true });
  const timer = timers.after(connectTimeoutMs, () =>
    socket.destroy(new Error(`no connection within ${connectTimeoutMs} ms`)),
  );
  try {
    await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject));
    return socket;
  } catch (cause) {
    const message = `error trying to reach service: ${address}:${port}: ${errorMessage(cause)}`;
    throw new ApiError('ServiceUnavailable', message, undefined, { cause });
  } finally {
    timer.cancel();
  }
}
