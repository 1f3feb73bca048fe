import { z } from 'zod';
import { parseIpRange } from '@timonel/sdk/contracts/network';

export interface RoutesAutoConfig {
  /** Name of this machine's Node object: it gets no route. */
  readonly nodeName: string;
  /** Interface of plain routes. Absent: the one that the kernel reaches the other node through. */
  readonly dev?: string | undefined;
  /** Only ranges within these get a route. None of a family: all of it, but such as cannot be one node's. */
  readonly clusterCidrs: readonly string[];
  /**
   * Which nodes' pods are reached through a tunnel: `auto` those of nodes on another link, `always` all (for networks that let
   * only packets with addresses of machines pass, or that others listen to), `never` none.
   */
  readonly tunnels: 'auto' | 'always' | 'never';
  /**
   * What tunnels are made of: `auto` WireGuard, which encrypts, to nodes that have it as this one does, and VXLAN to the others; `vxlan` that
   * alone; `wireguard` that alone: nodes without are not reached, and no packet goes to them or counts from them unencrypted.
   */
  readonly tunnelKind: 'auto' | 'vxlan' | 'wireguard';
  /** Who does WireGuard: the `kernel`; `userspace` the program wireguard-go, which takes more CPU; `auto` it where the kernel has none. */
  readonly wireguardImplementation: 'kernel' | 'auto' | 'userspace';
  /** UDP port of WireGuard on this node; the others hear of it. */
  readonly wireguardPort: number;
  /** Number of the VXLAN tunnels' network (VNI): the same on all nodes, and no other's on these machines. */
  readonly vni: number;
  /** UDP port of VXLAN tunnels: the same on all nodes, and open between them. */
  readonly tunnelPort: number;
  /** Packets of VXLAN tunnels count only from addresses that Node objects have. Needs nft. Turn it off where machines send from others. */
  readonly tunnelGuard: boolean;
  /** How often the routes of the kernel are compared with what they should be. */
  readonly checkIntervalMs: number;
  /** What happens to the routes when this process ends: `keep` where containers go on without it. A disabled plugin removes them. */
  readonly onShutdown: 'remove' | 'keep';
}

export const configSchema: z.ZodType<RoutesAutoConfig> = z.strictObject({
  nodeName: z.string().regex(/^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/, 'must be an RFC 1123 subdomain'),
  dev: z
    .string()
    .regex(/^[^\s/]{1,15}$/, 'must be the name of an interface')
    .optional(),
  clusterCidrs: z
    .array(z.string().refine((text) => parseIpRange(text) !== undefined, 'is not a range such as 10.244.0.0/16'))
    .max(64)
    .default([]),
  tunnels: z.enum(['auto', 'always', 'never']).default('auto'),
  tunnelKind: z.enum(['auto', 'vxlan', 'wireguard']).default('auto'),
  wireguardImplementation: z.enum(['kernel', 'auto', 'userspace']).default('kernel'),
  wireguardPort: z.int().min(1).max(65_535).default(51_820),
  vni: z
    .int()
    .min(1)
    .max(2 ** 24 - 1)
    .default(84),
  tunnelPort: z.int().min(1).max(65_535).default(4789),
  tunnelGuard: z.boolean().default(true),
  checkIntervalMs: z.int().min(100).default(10_000),
  onShutdown: z.enum(['remove', 'keep']).default('remove'),
});
