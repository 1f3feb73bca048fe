import { z } from 'zod';
import { familyOf, parseIpRange, type IpFamily } from '@timonel/sdk/contracts/network';

export interface NetworkBridgeConfig {
  /** Addresses of the pods of this node; the first one is the bridge's own. Of IPv6: pods have no others. */
  readonly podCidr: string;
  /** IPv6 addresses of the pods of this node, beside the others: as many as `podCidr` has, at least. */
  readonly podCidr6?: string | undefined;
  /** Ranges that pods reach under their own address: those of other nodes' pods. `podCidr` always is one. */
  readonly clusterCidrs: readonly string[];
  /** MTU of the links; 0: that of the interface with the default route, 1500 without one, without `overheadBytes`. */
  readonly mtuBytes: number;
  /** What is put around packets on their way between nodes. Not for tunnels of routes-auto, of which pods are told when there are any. */
  readonly overheadBytes: number;
  /** Let pods reach what is outside of the node under the node's address. Needs nft. */
  readonly masquerade: boolean;
}

const range = z.string().refine((text) => parseIpRange(text) !== undefined, 'is not a range such as 10.244.0.0/24');
function isPodRange(text: string, family: IpFamily): boolean {
  const parsed = parseIpRange(text);
  const [least, most] = family === 4 ? [8, 29] : [16, 125];
  return parsed?.family === family && parsed.prefixLength >= least && parsed.prefixLength <= most;
}
const podRange6 = z
  .string()
  .refine((text) => isPodRange(text, 6), 'is not an IPv6 range such as fd00:10:244::/64, between /16 and /125');
const podRange = z
  .string()
  .refine(
    (text) => isPodRange(text, familyOf(text)),
    'is not a range such as 10.244.0.0/24, between /8 and /29, or fd00:10:244::/64, between /16 and /125',
  );

export const configSchema: z.ZodType<NetworkBridgeConfig> = z
  .strictObject({
    podCidr: podRange.default('10.244.0.0/24'),
    podCidr6: podRange6.optional(),
    clusterCidrs: z.array(range).max(64).default([]),
    mtuBytes: z.int().min(0).max(65_535).default(0),
    overheadBytes: z.int().min(0).max(200).default(0),
    masquerade: z.boolean().default(true),
  })
  .refine(({ podCidr, podCidr6 }) => podCidr6 === undefined || familyOf(podCidr) === 4, {
    path: ['podCidr6'],
    error: 'is beside podCidr, which must be of IPv4 then',
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
