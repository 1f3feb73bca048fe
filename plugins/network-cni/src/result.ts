/** What a plugin answers to ADD. Source: CNI specification 1.1, section 5. */
import { isIP } from 'node:net';
import { z } from 'zod';
import { NetworkError } from '@timonel/sdk/contracts/network';

const resultSchema = z.looseObject({
  ips: z
    .array(z.looseObject({ address: z.string(), gateway: z.string().exactOptional() }))
    .max(64)
    .default([]),
});

export interface PodAddresses {
  /** IPv4 first. */
  readonly addresses: readonly string[];
  readonly gateway: string | undefined;
}

/** @throws NetworkError when there is no address in it */
export function addressesOf(result: unknown, network: string): PodAddresses {
  const { success, data } = resultSchema.safeParse(result);
  const found = (data?.ips ?? []).flatMap(({ address, gateway }) => {
    const [ip = ''] = address.split('/');
    return isIP(ip) === 0 ? [] : [{ ip, gateway }];
  });
  if (!success || found.length === 0) {
    throw new NetworkError('COMMAND_FAILED', `the plugins of the CNI network ${network} gave the pod no address`);
  }
  const ordered = [...found.filter(({ ip }) => isIP(ip) === 4), ...found.filter(({ ip }) => isIP(ip) === 6)];
  return { addresses: ordered.map(({ ip }) => ip), gateway: ordered[0]?.gateway };
}
