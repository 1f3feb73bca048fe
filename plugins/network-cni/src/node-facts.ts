import { networkInterfaces } from 'node:os';
import { NetworkError, parseIpv4Range } from '@timonel/sdk/contracts/network';
import type { NetworkCniConfig } from './config.ts';
import type { NetworkList } from './network-list.ts';

interface HostLocal {
  readonly subnet?: unknown;
  readonly ranges?: readonly (readonly { readonly subnet?: unknown }[])[];
}

/** The node's pod addresses: as configured, or the first IPv4 range of host-local. @throws NetworkError when neither is there */
export function podCidrOf({ podCidr }: NetworkCniConfig, { name, plugins }: NetworkList): string {
  if (podCidr !== undefined) return podCidr;
  for (const { ipam } of plugins) {
    const { subnet, ranges } = (ipam ?? {}) as HostLocal;
    const found = [subnet, ...(Array.isArray(ranges) ? ranges.flat().map((range) => range?.subnet) : [])];
    const first = found.find((text) => typeof text === 'string' && parseIpv4Range(text) !== undefined);
    if (typeof first === 'string') return first;
  }
  throw new NetworkError(
    'COMMAND_FAILED',
    `the CNI network ${name} does not say which addresses the pods of this node have: set podCidr of network-cni`,
  );
}

/** As configured, or the first IPv4 address of an interface that is not the loopback. */
export function nodeAddress({ nodeAddress: given }: NetworkCniConfig): string {
  if (given !== undefined) return given;
  const all = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  return all.find(({ family, internal }) => family === 'IPv4' && !internal)?.address ?? '127.0.0.1';
}
