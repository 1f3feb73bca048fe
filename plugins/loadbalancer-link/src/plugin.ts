import { createHash } from 'node:crypto';
import { definePlugin, errorMessage, type AnyPlugin } from '@timonel/sdk';
import { AddressLink } from '@timonel/sdk/command';
import { apiClient } from '@timonel/sdk/contracts/api';
import { addressAnnouncer } from '@timonel/sdk/contracts/loadbalancer';
import { z } from 'zod';
import { Announcer } from './announcer.ts';
import { LinkAddresses } from './link-addresses.ts';
import { NeighbourNotice } from './neighbour-notice.ts';

const config = z.strictObject({
  /** The node that it answers for, as the API knows it. */
  nodeName: z.string().min(1),
  /** `remove`: the addresses end with this process. `keep`: they outlive it, as the pods of such a node do. */
  onShutdown: z.enum(['remove', 'keep']).default('remove'),
});

/** So often it is looked whether the machine's links still have their addresses. Needs nothing where there is none of IPv6. */
const refreshMs = 30_000;

/** Of the link: after the data directory, so that clusters on one machine stay apart. */
export function linkNameOf(dataDir: string): string {
  return `tl${createHash('sha256').update(dataDir).digest('hex').slice(0, 8)}`;
}

const plugin: AnyPlugin = definePlugin({
  name: 'loadbalancer-link',
  version: '0.1.0',
  apiVersion: 1,
  description:
    'Answers for addresses of LoadBalancer services on this node: they are on a link of their own. Needs root.',
  provides: { announcer: addressAnnouncer },
  requires: { api: apiClient },
  config,
  swap: 'drain',
  setup(ctx) {
    const { nodeName, onShutdown } = ctx.config;
    const addresses = new LinkAddresses(new AddressLink(linkNameOf(ctx.dataDir)));
    const notice: NeighbourNotice = new NeighbourNotice({
      env: ctx.env,
      log: ctx.log,
      signal: ctx.signal,
      advertise: (each) => addresses.advertise(each),
      isHeld: (address) => announcer.status().addresses.includes(address),
    });
    const announcer = new Announcer(ctx, ctx.deps.api, nodeName, addresses, (taken) => notice.tell(taken));
    const refresh = async (): Promise<void> => {
      await addresses.refresh().catch((error: unknown) => {
        ctx.log.warn({ error: errorMessage(error) }, 'addresses of load balancers could not be put on the links');
      });
    };
    let refreshing: Promise<void> = Promise.resolve();
    return {
      provides: {
        announcer: { status: () => Promise.resolve({ implementation: 'link', ...announcer.status() }) },
      },
      start() {
        announcer.start();
        ctx.env.timers.every(refreshMs, () => {
          refreshing = refresh();
        });
      },
      async stop(reason) {
        await announcer.stop();
        await Promise.all([notice.settled(), refreshing]);
        const isLeft = reason === 'disable' || reason === 'swap';
        if (onShutdown === 'remove' || isLeft) await addresses.close();
      },
    };
  },
});

export default plugin;
