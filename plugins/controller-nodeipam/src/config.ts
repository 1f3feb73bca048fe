import { z } from 'zod';
import { parseFamilyRanges, parseIpRange } from '@timonel/sdk/contracts/network';

export interface NodeIpamConfig {
  /** Where the pods of all nodes have their addresses: a range of IPv4, or one of each family with a comma between. */
  readonly clusterCidr: string;
  /** Prefix length of one node's part of it. */
  readonly nodeMaskBits: number;
  /** The same of IPv6. */
  readonly nodeMaskBits6: number;
}

const lengthsOf = (text: string): { readonly ipv4: number; readonly ipv6: number | undefined } => {
  const ranges = parseFamilyRanges(text);
  const lengthOf = (range: string | undefined): number | undefined =>
    range === undefined ? undefined : parseIpRange(range)?.prefixLength;
  return { ipv4: lengthOf(ranges?.ipv4) ?? -1, ipv6: lengthOf(ranges?.ipv6) };
};
/** More ranges than this are never looked through. */
const rangeBits = 16;

export const configSchema: z.ZodType<NodeIpamConfig> = z
  .strictObject({
    clusterCidr: z
      .string()
      .refine(
        (text) => lengthsOf(text).ipv4 >= 8,
        'is not an IPv4 range such as 10.244.0.0/16, at least /8, nor one of each family with a comma between',
      )
      .default('10.244.0.0/16'),
    nodeMaskBits: z.int().min(16).max(29).default(24),
    nodeMaskBits6: z.int().min(48).max(124).default(64),
  })
  .refine(({ clusterCidr, nodeMaskBits }) => nodeMaskBits >= lengthsOf(clusterCidr).ipv4, {
    path: ['nodeMaskBits'],
    error: 'is shorter than the prefix of clusterCidr: one node would need more than all addresses',
  })
  .refine(({ clusterCidr, nodeMaskBits }) => nodeMaskBits - lengthsOf(clusterCidr).ipv4 <= rangeBits, {
    path: ['nodeMaskBits'],
    error: `makes more than ${2 ** rangeBits} ranges of clusterCidr: choose a smaller clusterCidr or larger ranges`,
  })
  .refine(
    ({ clusterCidr, nodeMaskBits, nodeMaskBits6 }) => {
      const { ipv4, ipv6 } = lengthsOf(clusterCidr);
      return ipv6 === undefined || nodeMaskBits6 - ipv6 >= nodeMaskBits - ipv4;
    },
    {
      path: ['nodeMaskBits6'],
      error:
        'makes fewer ranges of IPv6 than there are of IPv4: choose a larger range of IPv6 in clusterCidr, or smaller parts',
    },
  )
  .refine(
    ({ clusterCidr, nodeMaskBits, nodeMaskBits6 }) =>
      lengthsOf(clusterCidr).ipv6 === undefined || 128 - nodeMaskBits6 >= 32 - nodeMaskBits,
    {
      path: ['nodeMaskBits6'],
      error: 'leaves a node fewer addresses of IPv6 than of IPv4',
    },
  );
