import { definePlugin, type AnyPlugin } from '@timonel/sdk';
import { apiClient } from '@timonel/sdk/contracts/api';
import {
  resourceProvider,
  routedGroups,
  routeProvider,
  type Route,
  type RouteRequest,
} from '@timonel/sdk/contracts/api-server';
import { externalMetrics, objectMetrics } from '@timonel/sdk/contracts/metrics';
import { apiVersionOf } from '@timonel/sdk/kube';
import { customGroup, externalGroup } from './answers.ts';
import { DiscoveredGroups } from './discovered.ts';
import { Questions } from './questions.ts';

function routesOf(questions: Questions): readonly Route[] {
  const custom = `/apis/${apiVersionOf(customGroup)}`;
  const external = `/apis/${apiVersionOf(externalGroup)}`;
  const route = (path: string, answer: (request: RouteRequest) => Promise<unknown>): Route => ({
    method: 'GET',
    path,
    handle: async (request) => ({ kind: 'object', status: 200, object: await answer(request) }),
  });
  /** A namespace is an object of the cluster; its metrics have a path of their own. */
  const ofNamespace = (request: RouteRequest): Promise<unknown> => {
    const { namespace = '', metric = '' } = request.params;
    return questions.objects({ ...request, params: { resource: 'namespaces', name: namespace, metric } });
  };
  const ofObjects = (request: RouteRequest): Promise<unknown> => questions.objects(request);
  return [
    route(`${custom}/namespaces/:namespace/metrics/:metric`, ofNamespace),
    route(`${custom}/namespaces/:namespace/:resource/:name/:metric`, ofObjects),
    route(`${custom}/:resource/:name/:metric`, ofObjects),
    route(`${external}/namespaces/:namespace/:metric`, (request) => questions.external(request)),
  ];
}

/** Serves what other plugins measure as custom.metrics.k8s.io and external.metrics.k8s.io. */
const plugin: AnyPlugin = definePlugin({
  name: 'metrics-custom',
  version: '0.1.0',
  apiVersion: 1,
  description: 'Serves metrics of plugins as custom.metrics.k8s.io and external.metrics.k8s.io.',
  provides: { routes: routeProvider, groups: routedGroups },
  // The server asks for the routes, so that its client comes later than this plugin.
  optional: { api: apiClient, resources: resourceProvider, objects: objectMetrics, external: externalMetrics },
  setup(ctx) {
    const { deps, env, signal } = ctx;
    const questions = new Questions({ env, signal, ...deps });
    const routes = routesOf(questions);
    const discovered = new DiscoveredGroups();
    return {
      provides: {
        routes: { routes: () => routes },
        groups: {
          groups: () =>
            discovered.of(
              deps.objects.all().flatMap(({ service }) => service.offered()),
              deps.external.all().flatMap(({ service }) => service.offered()),
            ),
        },
      },
    };
  },
});

export default plugin;
