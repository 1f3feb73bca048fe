import { z } from 'zod';
import { parseIpRange, parseIpv4Range } from '@timonel/sdk/contracts/network';

export interface NetworkBridgeConfig {
  /** Addresses of the pods of this node; the first one is the bridge's own. */
  readonly podCidr: string;
  /** IPv6 addresses of the pods of this node, beside the others: as many as `podCidr` has, at least. */
  readonly podCidr6?: string | undefined;
  /** Ranges that pods reach under their own address: those of other nodes' pods. `podCidr` always is one. */
  readonly clusterCidrs: readonly string[];
  /** MTU of the links; 0: that of the interface with the default route, 1500 without one, without `overheadBytes`. */
  readonly mtuBytes: number;
  /** What is put around packets on their way between nodes: 50 with VXLAN, 80 with WireGuard. */
  readonly overheadBytes: number;
  /** Let pods reach what is outside of the node under the node's address. Needs nft. */
  readonly masquerade: boolean;
}

const range = z.string().refine((text) => parseIpRange(text) !== undefined, 'is not a range such as 10.244.0.0/24');
const podRange = z.string().refine((text) => {
  const prefixLength = parseIpv4Range(text)?.prefixLength ?? 0;
  return prefixLength >= 8 && prefixLength <= 29;
}, 'is not an IPv4 range such as 10.244.0.0/24, between /8 and /29');

const podRange6 = z.string().refine((text) => {
  const parsed = parseIpRange(text);
  return parsed?.family === 6 && parsed.prefixLength >= 16 && parsed.prefixLength <= 125;
}, 'is not an IPv6 range such as fd00:10:244::/64, between /16 and /125');

export const configSchema: z.ZodType<NetworkBridgeConfig> = z
  .strictObject({
    podCidr: podRange.default('10.244.0.0/24'),
    podCidr6: podRange6.optional(),
    clusterCidrs: z.array(range).max(64).default([]),
    mtuBytes: z.int().min(0).max(65_535).default(0),
    overheadBytes: z.int().min(0).max(200).default(0),
    masquerade: z.boolean().default(true),
  })
  .refine(({ podCidr, podCidr6 }) => podCidr6 === undefined || holdsAsMany(podCidr6, podCidr), {
    path: ['podCidr6'],
    error: 'has fewer addresses than podCidr',
  });

function holdsAsMany(podCidr6: string, podCidr: string): boolean {
  const [bits6, bits] = [
    128 - (parseIpRange(podCidr6)?.prefixLength ?? 0),
    32 - (parseIpRange(podCidr)?.prefixLength ?? 0),
  ];
  return bits6 >= bits;
}
