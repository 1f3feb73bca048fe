import { definePlugin, type AnyPlugin } from '@timonel/sdk';
import { apiClient } from '@timonel/sdk/contracts/api';
import { routeProvider } from '@timonel/sdk/contracts/api-server';
import { networkPolicyEnforcer } from '@timonel/sdk/contracts/network-policy';
import { nodeEndpoint, nodeResolver } from '@timonel/sdk/contracts/node';
import { serviceProxy } from '@timonel/sdk/contracts/proxy';
import { explainers, type NodeTables } from '@timonel/sdk/contracts/why';
import type { Node } from '@timonel/sdk/kube';
import { z } from 'zod';
import { tablesOf, type Versions } from './node-tables.ts';
import { trafficRoutes } from './routes.ts';
import { serviceExplainer } from './service-explainer.ts';

const config = z.strictObject({
  /** Of the names of services. The same as dns-node's. */
  clusterDomain: z.string().default('cluster.local'),
});

/** Says what would become of a connection: from objects of the API alone, so that it can be asked before anything is sent. */
const plugin: AnyPlugin = definePlugin({
  name: 'why-network',
  version: '0.1.0',
  apiVersion: 1,
  description:
    'Answers what would become of a connection between two ends, and why a service is as it is: services, policies, routes, and what nodes have in force.',
  provides: { routes: routeProvider, explainers },
  requires: { api: apiClient },
  optional: { proxy: serviceProxy, policies: networkPolicyEnforcer, here: nodeEndpoint, resolvers: nodeResolver },
  config,
  setup(ctx) {
    const { deps, env } = ctx;
    const { api, ...sources } = deps;
    const askNode = (name: string, node: Node | undefined, wanted?: Versions): Promise<NodeTables> =>
      tablesOf(name, node, { env, ...sources }, wanted);
    const routes = Object.freeze(trafficRoutes({ api, tablesOf: askNode }));
    const { clusterDomain } = ctx.config;
    return {
      provides: {
        routes: { routes: () => routes },
        explainers: serviceExplainer({ api, env, clusterDomain, tablesOf: askNode }),
      },
    };
  },
});

export default plugin;
