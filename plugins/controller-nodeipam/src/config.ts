import { z } from 'zod';
import { parseIpv4Range } from '@timonel/sdk/contracts/network';

export interface NodeIpamConfig {
  /** Where the pods of all nodes have their addresses. */
  readonly clusterCidr: string;
  /** Prefix length of one node's part of it. */
  readonly nodeMaskBits: number;
}

const prefixLengthOf = (cidr: string): number => parseIpv4Range(cidr)?.prefixLength ?? -1;
/** More ranges than this are never looked through. */
const rangeBits = 16;

export const configSchema: z.ZodType<NodeIpamConfig> = z
  .strictObject({
    clusterCidr: z
      .string()
      .refine((text) => prefixLengthOf(text) >= 8, 'is not an IPv4 range such as 10.244.0.0/16, at least /8')
      .default('10.244.0.0/16'),
    nodeMaskBits: z.int().min(16).max(29).default(24),
  })
  .refine(({ clusterCidr, nodeMaskBits }) => nodeMaskBits >= prefixLengthOf(clusterCidr), {
    path: ['nodeMaskBits'],
    error: 'is shorter than the prefix of clusterCidr: one node would need more than all addresses',
  })
  .refine(({ clusterCidr, nodeMaskBits }) => nodeMaskBits - prefixLengthOf(clusterCidr) <= rangeBits, {
    path: ['nodeMaskBits'],
    error: `makes more than ${2 ** rangeBits} ranges of clusterCidr: choose a smaller clusterCidr or larger ranges`,
  });
