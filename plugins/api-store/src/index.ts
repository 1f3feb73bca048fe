import { definePlugin, type AnyPlugin } from '@timonel/sdk';
import { routeProvider } from '@timonel/sdk/contracts/api-server';
import { store, storeAdmin } from '@timonel/sdk/contracts/store';
import { memberRoutes } from './member-routes.ts';
import { storeRoutes } from './store-routes.ts';

/** Serves the store to administrators under /apis/store.timonel.dev/v1: state, members, compaction, checks, snapshots. */
const plugin: AnyPlugin = definePlugin({
  name: 'api-store',
  version: '0.1.0',
  apiVersion: 1,
  description: 'Serves state, members, checks and snapshots of the store to administrators over the API.',
  provides: { routes: routeProvider },
  requires: { store },
  optional: { admin: storeAdmin },
  setup(ctx) {
    const { deps, env } = ctx;
    const routes = Object.freeze([...storeRoutes(deps.store, env), ...memberRoutes(deps)]);
    return { provides: { routes: { routes: () => routes } } };
  },
});

export default plugin;
