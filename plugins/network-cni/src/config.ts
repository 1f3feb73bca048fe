import { z } from 'zod';
import { parseIpv4, parseIpv4Range } from '@timonel/sdk/contracts/network';

export interface NetworkCniConfig {
  /** Where network configurations lie; the first one by name counts. */
  readonly confDirectory: string;
  /** Takes the one with this `name` instead. */
  readonly network?: string | undefined;
  /** Where the programs are; the first directory that has one counts. */
  readonly pluginDirectories: readonly string[];
  /** The node's pod addresses. Absent: the range of the plugin host-local in the configuration. */
  readonly podCidr?: string | undefined;
  /** Under which pods reach this node. Absent: that of a network interface. */
  readonly nodeAddress?: string | undefined;
  /** A program that takes longer is ended, and what it was to do has failed. */
  readonly timeoutMs: number;
}

export const configSchema: z.ZodType<NetworkCniConfig> = z.strictObject({
  confDirectory: z.string().startsWith('/').default('/etc/cni/net.d'),
  network: z.string().optional(),
  pluginDirectories: z.array(z.string().startsWith('/')).min(1).max(16).default(['/opt/cni/bin', '/usr/lib/cni']),
  podCidr: z
    .string()
    .refine((text) => parseIpv4Range(text) !== undefined, 'is not an IPv4 range such as 10.244.0.0/24')
    .optional(),
  nodeAddress: z
    .string()
    .refine((text) => parseIpv4(text) !== undefined, 'is not an IPv4 address')
    .optional(),
  timeoutMs: z.int().min(1000).max(600_000).default(60_000),
});
