import { definePlugin, type AnyPlugin } from '@timonel/sdk';
import { routeProvider } from '@timonel/sdk/contracts/api-server';
import { explainers } from '@timonel/sdk/contracts/why';
import { whyRoutes } from './routes.ts';

/** Serves under /apis/why.timonel.dev/v1 why objects are in the state in which they are, as the explainers see it. */
const plugin: AnyPlugin = definePlugin({
  name: 'api-why',
  version: '0.1.0',
  apiVersion: 1,
  description: 'Answers over the API why an object is in its state: why a pod waits, or why it is where it is.',
  provides: { routes: routeProvider },
  optional: { explainers },
  setup(ctx) {
    const { deps, env, log } = ctx;
    const all = (): ReturnType<typeof deps.explainers.all> => deps.explainers.all();
    const routes = Object.freeze(whyRoutes(all, env, log));
    return { provides: { routes: { routes: () => routes } } };
  },
});

export default plugin;
