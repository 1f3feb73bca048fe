import { z } from 'zod';
import { parseIpv4Range } from '@timonel/sdk/contracts/network';

export interface NetworkBridgeConfig {
  /** Addresses of the pods of this node; the first one is the bridge's own. */
  readonly podCidr: string;
  /** Ranges that pods reach under their own address: those of other nodes' pods. `podCidr` always is one. */
  readonly clusterCidrs: readonly string[];
  /** MTU of the links; 0: that of the interface with the default route, 1500 without one, without `overheadBytes`. */
  readonly mtuBytes: number;
  /** What is put around packets on their way between nodes: 50 with VXLAN, 80 with WireGuard. */
  readonly overheadBytes: number;
  /** Let pods reach what is outside of the node under the node's address. Needs nft. */
  readonly masquerade: boolean;
}

const range = z
  .string()
  .refine((text) => parseIpv4Range(text) !== undefined, 'is not an IPv4 range such as 10.244.0.0/24');
const podRange = range.refine((text) => {
  const prefixLength = parseIpv4Range(text)?.prefixLength ?? 0;
  return prefixLength >= 8 && prefixLength <= 29;
}, 'must be between /8 and /29');

export const configSchema: z.ZodType<NetworkBridgeConfig> = z.strictObject({
  podCidr: podRange.default('10.244.0.0/24'),
  clusterCidrs: z.array(range).max(64).default([]),
  mtuBytes: z.int().min(0).max(65_535).default(0),
  overheadBytes: z.int().min(0).max(200).default(0),
  masquerade: z.boolean().default(true),
});
