import { definePlugin, type AnyPlugin } from '@timonel/sdk';
import { resourceProvider, serviceDialer } from '@timonel/sdk/contracts/api-server';
import { serviceAccountTokens } from '@timonel/sdk/contracts/auth';
import { nodeEndpoint, nodeResolver } from '@timonel/sdk/contracts/node';
import type { SubresourceServices } from './pod/subresources.ts';
import { serviceDialerOf } from './proxy/service-proxy.ts';
import { builtInKinds } from './registry.ts';
import { builtInSchemas } from './schemas.ts';

/** The built-in kinds of the API: defaults, validation, columns, subresources and schemas of each. */
const plugin: AnyPlugin = definePlugin({
  name: 'api-resources',
  version: '0.1.0',
  apiVersion: 1,
  description: 'The built-in kinds of the API, of all stable groups',
  provides: { resources: resourceProvider, dialer: serviceDialer },
  optional: { nodes: nodeEndpoint, resolvers: nodeResolver, tokens: serviceAccountTokens },
  setup(ctx) {
    const services: SubresourceServices = {
      nodes: () => ctx.deps.nodes.all(),
      resolvers: () => ctx.deps.resolvers.all(),
      tokens: () => ctx.deps.tokens.current,
      env: ctx.env,
    };
    const kinds = builtInKinds(services);
    return {
      provides: {
        resources: { definitions: () => kinds, schemas: builtInSchemas },
        dialer: serviceDialerOf(services),
      },
    };
  },
});

export default plugin;
