import { definePlugin, type AnyPlugin } from '@timonel/sdk';
import { apiClient } from '@timonel/sdk/contracts/api';
import { routeProvider } from '@timonel/sdk/contracts/api-server';
import { networkPolicyEnforcer } from '@timonel/sdk/contracts/network-policy';
import { nodeEndpoint, nodeResolver } from '@timonel/sdk/contracts/node';
import { serviceProxy } from '@timonel/sdk/contracts/proxy';
import { tablesOf } from './node-tables.ts';
import { trafficRoutes } from './routes.ts';

/** Says what would become of a connection: from objects of the API alone, so that it can be asked before anything is sent. */
const plugin: AnyPlugin = definePlugin({
  name: 'why-network',
  version: '0.1.0',
  apiVersion: 1,
  description:
    'Answers what would become of a connection between two ends: services, policies, routes, and what nodes have in force.',
  provides: { routes: routeProvider },
  requires: { api: apiClient },
  optional: { proxy: serviceProxy, policies: networkPolicyEnforcer, here: nodeEndpoint, resolvers: nodeResolver },
  setup(ctx) {
    const { deps, env } = ctx;
    const { api, ...sources } = deps;
    const routes = Object.freeze(
      trafficRoutes({ api, tablesOf: (name, node) => tablesOf(name, node, { env, ...sources }) }),
    );
    return { provides: { routes: { routes: () => routes } } };
  },
});

export default plugin;
