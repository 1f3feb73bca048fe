/** Metrics that tests set: metrics.k8s.io, custom and external ones. */
import { definePlugin, type AnyPlugin } from '@timonel/sdk';
import { apiClient } from '@timonel/sdk/contracts/api';
import { apiHooks, resourceProvider, type ResourceDefinition } from '@timonel/sdk/contracts/api-server';
import { externalMetrics, objectMetrics } from '@timonel/sdk/contracts/metrics';
import { podMetrics, pods, timestampOf, type Pod, type PodMetrics } from '@timonel/sdk/kube';

/** What is measured, by namespace: thousandths of a core that all pods share, values of others. */
export interface Load {
  cpu?: number;
  memory?: string;
  requests?: number;
  queue?: number;
  hits?: number;
}
export const loads: Map<string, Load> = new Map();
/** Namespaces in which nothing may be scaled. */
export const refused: Set<string> = new Set();
/** Namespaces for which external metrics are not answered, as long as they are in here. */
export const silent: Set<string> = new Set();
/** How often metrics.k8s.io was listed, and how many questions are left unanswered. */
export const counts: { asked: number; unanswered: number } = { asked: 0, unanswered: 0 };

function samplesOf(all: readonly Pod[], nowMs: number): PodMetrics[] {
  return all.flatMap((pod) => {
    const { namespace = '', name = '' } = pod.metadata;
    const { cpu, memory = '1Mi' } = loads.get(namespace) ?? {};
    if (cpu === undefined || pod.status?.phase !== 'Running') return [];
    const running = all.filter((one) => one.metadata.namespace === namespace && one.status?.phase === 'Running');
    const usage = { cpu: `${Math.round((cpu / running.length) * 1e6)}n`, memory };
    return [
      {
        metadata: { namespace, name },
        timestamp: timestampOf(nowMs),
        window: '0s',
        containers: [{ name: 'main', usage }],
      },
    ];
  });
}

/** Serves metrics.k8s.io, and offers custom and external metrics. */
export const metrics: AnyPlugin = definePlugin({
  name: 'test-metrics',
  version: '0.1.0',
  apiVersion: 1,
  description: 'for tests',
  provides: { resources: resourceProvider, objects: objectMetrics, external: externalMetrics },
  optional: { api: apiClient },
  setup(ctx) {
    const { deps, env } = ctx;
    ctx.tap(apiHooks.objectValidate, (_, { user, kind, namespace = '' }) =>
      kind === 'Deployment' && user.username === 'system:timonel' && refused.has(namespace)
        ? [{ field: 'spec.replicas', reason: 'FieldValueForbidden', message: 'the namespace is frozen' }]
        : [],
    );
    const definition: ResourceDefinition = {
      ...podMetrics,
      schema: '',
      singular: '',
      shortNames: [],
      categories: [],
      generation: false,
      status: false,
      scale: undefined,
      subresources: {},
      columns: [],
      strategy: {},
      async listed() {
        counts.asked += 1;
        const all = await deps.api.current?.list(pods);
        return samplesOf(all?.items ?? [], env.clock.now());
      },
    };
    const definitions = [definition];
    const time = (): number => env.clock.now();
    return {
      provides: {
        resources: { definitions: () => definitions, schemas: () => ({}) },
        objects: {
          offered: () => [
            { group: '', resource: 'pods', metric: 'requests', namespaced: true },
            { group: '', resource: 'services', metric: 'hits', namespaced: true },
          ],
          values: async ({ namespace = '', names, metric }) => {
            const { requests, hits } = loads.get(namespace) ?? {};
            const value = metric === 'hits' ? hits : requests;
            if (value === undefined) throw new Error('the adapter is down');
            return names.map((name) => ({ name, value, time: time() }));
          },
        },
        external: {
          offered: () => ['queue'],
          values: async ({ namespace }) => {
            if (silent.has(namespace)) counts.unanswered += 1;
            while (silent.has(namespace)) await new Promise((resolve) => setTimeout(resolve, 5));
            const { queue } = loads.get(namespace) ?? {};
            return queue === undefined ? [] : [1, 2].map(() => ({ value: queue / 2, time: time() }));
          },
        },
      },
    };
  },
});
