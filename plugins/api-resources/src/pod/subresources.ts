import type { Clock } from '@timonel/sdk';
import type { Provider } from '@timonel/sdk';
import type { SubresourceHandler } from '@timonel/sdk/contracts/api-server';
import type { NodeEndpoint } from '@timonel/sdk/contracts/node';
import type { Pod } from '@timonel/sdk/kube';
import { bindingHandler } from './binding.ts';
import { evictionHandler } from './eviction.ts';
import { logHandler } from './log.ts';

/** What the subresources of pods need from outside. */
export interface SubresourceServices {
  /** The nodes that can be reached, at this moment. */
  nodes(): readonly Provider<NodeEndpoint>[];
  readonly clock: Clock;
}

export function podSubresources(services: SubresourceServices): Readonly<Record<string, SubresourceHandler<Pod>>> {
  return {
    binding: bindingHandler(services.clock),
    eviction: evictionHandler,
    log: logHandler(services.nodes),
  };
}
