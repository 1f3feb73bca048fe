import { definePlugin, type AnyPlugin } from '@timonel/sdk';
import { resourceProvider } from '@timonel/sdk/contracts/api-server';
import { serviceAccountTokens } from '@timonel/sdk/contracts/auth';
import { nodeEndpoint, nodeResolver } from '@timonel/sdk/contracts/node';
import { builtInKinds } from './registry.ts';
import { builtInSchemas } from './schemas.ts';

/** The built-in kinds of the API: defaults, validation, columns, subresources and schemas of each. */
const plugin: AnyPlugin = definePlugin({
  name: 'api-resources',
  version: '0.1.0',
  apiVersion: 1,
  description: 'The built-in kinds of the API, of all stable groups',
  provides: { resources: resourceProvider },
  optional: { nodes: nodeEndpoint, resolvers: nodeResolver, tokens: serviceAccountTokens },
  setup(ctx) {
    const kinds = builtInKinds({
      nodes: () => ctx.deps.nodes.all(),
      resolvers: () => ctx.deps.resolvers.all(),
      tokens: () => ctx.deps.tokens.current,
      env: ctx.env,
    });
    return { provides: { resources: { definitions: () => kinds, schemas: builtInSchemas } } };
  },
});

export default plugin;
