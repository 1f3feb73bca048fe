import { definePlugin, type PluginDefinition } from '@timonel/sdk';
import { parseIpv4Range, podNetwork } from '@timonel/sdk/contracts/network';
import { z } from 'zod';
import { LoopbackNetwork } from './loopback-network.ts';

export interface NetworkLoopbackConfig {
  /** Addresses of the pods: a part of 127.0.0.0/8. */
  readonly podCidr: string;
}

const configSchema: z.ZodType<NetworkLoopbackConfig> = z.strictObject({
  podCidr: z
    .string()
    .refine((text) => {
      const range = text.startsWith('127.') ? parseIpv4Range(text) : undefined;
      return range !== undefined && range.prefixLength >= 9 && range.prefixLength <= 29;
    }, 'is not a part of 127.0.0.0/8 between /9 and /29')
    .refine(
      (text) => parseIpv4Range(text)?.first !== parseIpv4Range('127.0.0.0')?.first,
      'holds 127.0.0.1, the node itself',
    )
    .default('127.80.0.0/16'),
});

const plugin: PluginDefinition<{ network: typeof podNetwork }, {}, {}, {}, typeof configSchema> = definePlugin({
  name: 'network-loopback',
  version: '0.1.0',
  apiVersion: 1,
  description: 'A loopback address for each pod: no link, no root needed, no isolation',
  provides: { network: podNetwork },
  config: configSchema,
  swap: 'never',
  setup({ dataDir, config }) {
    const network = new LoopbackNetwork(dataDir, config.podCidr);
    return { provides: { network }, start: () => network.start() };
  },
});

export default plugin;
