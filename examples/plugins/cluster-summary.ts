/** Serves GET /apis/examples.timonel.dev/v1/summary: a few figures of the cluster. */
import { definePlugin } from '@timonel/sdk';
import { apiClient } from '@timonel/sdk/contracts/api';
import { routeProvider, type Route } from '@timonel/sdk/contracts/api-server';
import { controller } from '@timonel/sdk/contracts/controller';
import { serviceProxy } from '@timonel/sdk/contracts/proxy';
import { nodes, pods } from '@timonel/sdk/kube';

export default definePlugin({
  name: 'cluster-summary',
  version: '1.0.0',
  apiVersion: 1,
  description: 'serves a summary of the cluster',
  provides: { routes: routeProvider },
  requires: { api: apiClient },
  optional: { controllers: controller, proxy: serviceProxy },
  setup(ctx) {
    const { api, controllers, proxy } = ctx.deps;
    const summary: Route = {
      method: 'GET',
      path: '/apis/examples.timonel.dev/v1/summary',
      async handle() {
        const [allNodes, allPods] = await Promise.all([api.list(nodes), api.list(pods)]);
        const object = {
          nodes: allNodes.items.length,
          pods: allPods.items.length,
          controllers: controllers.all().map(({ service }) => service.status()),
          proxy: (await proxy.current?.status()) ?? null,
        };
        return { kind: 'object', status: 200, object };
      },
    };
    return { provides: { routes: { routes: () => [summary] } } };
  },
});
