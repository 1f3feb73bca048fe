/** A HorizontalPodAutoscaler under faults: see test/support/controller-faults.ts. */
import autoscaler from '@timonel/plugin-controller-horizontalpodautoscaler';
import deploymentController from '@timonel/plugin-controller-deployment';
import gcController from '@timonel/plugin-controller-gc';
import replicaSetController from '@timonel/plugin-controller-replicaset';
import { definePlugin, type AnyPlugin } from '@timonel/sdk';
import { externalMetrics } from '@timonel/sdk/contracts/metrics';
import { deployments, horizontalPodAutoscalers, isNotFound, pods } from '@timonel/sdk/kube';
import { describeFaults } from '../support/controller-faults.ts';
import { deploymentOf } from './controllers-cluster.ts';

/** The length of the queue of each namespace. */
const queues = new Map<string, number>();

const queueMetrics: AnyPlugin = definePlugin({
  name: 'queue-metrics',
  version: '0.1.0',
  apiVersion: 1,
  provides: { external: externalMetrics },
  setup: ({ env }) => ({
    provides: {
      external: {
        offered: () => ['queue'],
        values: async ({ namespace }) => [{ value: queues.get(namespace) ?? 0, time: env.clock.now() }],
      },
    },
  }),
});

describeFaults({
  name: 'horizontalpodautoscaler',
  controllers: [autoscaler],
  plugins: [queueMetrics],
  healthy: [deploymentController, replicaSetController, gcController],
  counted: [pods],
  // One at first, then four; three of them go.
  faultless: { pods: { made: 4, deleted: 4 } },
  crashes: 8,
  /** Grows by the length of a queue, stays while it is as long, shrinks when the stabilisation is over. */
  async life({ api, namespace, clock, reached, rests }) {
    const at = { namespace, name: 'web' };
    queues.set(namespace, 4);
    await api.create(deployments, { ...deploymentOf('web', 1), metadata: at });
    await api.create(horizontalPodAutoscalers, {
      metadata: at,
      spec: {
        scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' },
        minReplicas: 1,
        maxReplicas: 6,
        metrics: [
          {
            type: 'External',
            external: { metric: { name: 'queue' }, target: { type: 'AverageValue', averageValue: '1' } },
          },
        ],
      },
    });
    const settled = (replicas: number): Promise<void> =>
      reached(`${replicas} replicas`, async () => {
        const { spec, status } = await api.get(deployments, at);
        const isThere = spec.replicas === replicas && status?.readyReplicas === replicas;
        if (isThere && (await api.list(pods, { namespace })).items.length === replicas) return true;
        await clock.advance(5_000);
        return false;
      });
    await settled(4);
    // Beyond the stabilisation, which its status tells of.
    await clock.advance(360_000);
    await rests();
    queues.set(namespace, 1);
    await settled(1);
    await reached('the status to tell of it', async () => {
      await clock.advance(5_000);
      const { status } = await api.get(horizontalPodAutoscalers, at);
      return status?.desiredReplicas === 1 && status.currentReplicas === 1;
    });
    await api.delete(horizontalPodAutoscalers, at);
    await api.delete(deployments, at, { propagationPolicy: 'Foreground' });
    await reached('the end', () =>
      api.get(deployments, at).then(
        () => false,
        (error: unknown) => isNotFound(error),
      ),
    );
  },
});
