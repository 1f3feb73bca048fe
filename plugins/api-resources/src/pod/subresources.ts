import type { Env, Provider } from '@timonel/sdk';
import type { ConnectionHandler, SubresourceHandler } from '@timonel/sdk/contracts/api-server';
import type { ServiceAccountTokens } from '@timonel/sdk/contracts/auth';
import type { NodeEndpoint, NodeResolver } from '@timonel/sdk/contracts/node';
import type { Pod } from '@timonel/sdk/kube';
import { bindingHandler } from './binding.ts';
import { evictionHandler } from './eviction.ts';
import { podProxyHandler } from '../proxy/pod-proxy.ts';
import { logHandler } from './log.ts';
import { portForwardHandler } from './port-forward.ts';
import { attachHandler, execHandler } from './sessions.ts';

/** What the subresources of pods need from outside. */
export interface SubresourceServices {
  /** The nodes in this process, at this moment. */
  readonly nodes: () => readonly Provider<NodeEndpoint>[];
  /** Who finds the others. */
  readonly resolvers: () => readonly Provider<NodeResolver>[];
  /** Who makes tokens of service accounts. */
  readonly tokens: () => ServiceAccountTokens | undefined;
  readonly env: Env;
}

export function podSubresources(services: SubresourceServices): Readonly<Record<string, SubresourceHandler<Pod>>> {
  return {
    binding: bindingHandler(services.env.clock),
    eviction: evictionHandler(services.env.clock),
    log: logHandler(services),
  };
}

export function podConnections(services: SubresourceServices): Readonly<Record<string, ConnectionHandler<Pod>>> {
  return {
    attach: attachHandler(services),
    exec: execHandler(services),
    portforward: portForwardHandler(services),
    proxy: podProxyHandler(services),
  };
}
