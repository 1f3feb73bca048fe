import { z } from 'zod';
import { parseFamilyRanges, parseIpRange } from '@timonel/sdk/contracts/network';

export interface NodeIpamConfig {
  /** Where the pods of all nodes have their addresses: one range, or one of each family with a comma between. */
  readonly clusterCidr: string;
  /** Prefix length of one node's part of it. */
  readonly nodeMaskBits: number;
  /** The same of IPv6. */
  readonly nodeMaskBits6: number;
}

interface Lengths {
  readonly ipv4: number | undefined;
  readonly ipv6: number | undefined;
}

const lengthsOf = (text: string): Lengths => {
  const lengthOf = (range = ''): number | undefined => parseIpRange(range)?.prefixLength;
  const { ipv4, ipv6 } = parseFamilyRanges(text) ?? {};
  return { ipv4: lengthOf(ipv4), ipv6: lengthOf(ipv6) };
};
/** More ranges than this are never looked through. */
const rangeBits = 16;

function isClusterRange(text: string): boolean {
  const { ipv4, ipv6 } = lengthsOf(text);
  return ipv4 === undefined ? ipv6 !== undefined && ipv6 >= 16 : ipv4 >= 8;
}

/** Of the range that nodes are told apart by: IPv4, where there is one. */
function partsOf({ clusterCidr, nodeMaskBits, nodeMaskBits6 }: NodeIpamConfig): { key: string; bits: number } {
  const { ipv4, ipv6 } = lengthsOf(clusterCidr);
  return ipv4 === undefined
    ? { key: 'nodeMaskBits6', bits: nodeMaskBits6 - (ipv6 ?? 0) }
    : { key: 'nodeMaskBits', bits: nodeMaskBits - ipv4 };
}

function problemOf(config: NodeIpamConfig): { readonly path: string; readonly message: string } | undefined {
  const { ipv4, ipv6 } = lengthsOf(config.clusterCidr);
  const { key, bits } = partsOf(config);
  if (bits < 0)
    return {
      path: key,
      message: 'is shorter than the prefix of clusterCidr: one node would need more than all addresses',
    };
  if (bits > rangeBits)
    return {
      path: key,
      message: `makes more than ${2 ** rangeBits} ranges of clusterCidr: choose a smaller clusterCidr or larger ranges`,
    };
  if (ipv4 === undefined || ipv6 === undefined) return undefined;
  if (config.nodeMaskBits6 - ipv6 < bits)
    return {
      path: 'nodeMaskBits6',
      message:
        'makes fewer ranges of IPv6 than there are of IPv4: choose a larger range of IPv6 in clusterCidr, or smaller parts',
    };
  if (128 - config.nodeMaskBits6 >= 32 - config.nodeMaskBits) return undefined;
  return { path: 'nodeMaskBits6', message: 'leaves a node fewer addresses of IPv6 than of IPv4' };
}

export const configSchema: z.ZodType<NodeIpamConfig> = z
  .strictObject({
    clusterCidr: z
      .string()
      .refine(
        isClusterRange,
        'is not a range such as 10.244.0.0/16, at least /8, or fd00:10:244::/48, at least /16, nor one of each family with a comma between',
      )
      .default('10.244.0.0/16'),
    nodeMaskBits: z.int().min(16).max(29).default(24),
    nodeMaskBits6: z.int().min(48).max(124).default(64),
  })
  .superRefine((config, context) => {
    const problem = problemOf(config);
    if (problem !== undefined) context.addIssue({ code: 'custom', path: [problem.path], message: problem.message });
  });
