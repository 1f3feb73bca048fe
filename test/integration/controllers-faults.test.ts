/** The life of an object of each kind under faults: see test/support/controller-faults.ts. */
import deploymentController from '@timonel/plugin-controller-deployment';
import gcController from '@timonel/plugin-controller-gc';
import replicaSetController from '@timonel/plugin-controller-replicaset';
import { deployments, pods, replicaSets } from '@timonel/sdk/kube';
import { describeFaults } from '../support/controller-faults.ts';
import { deploymentOf } from './controllers-cluster.ts';

describeFaults({
  name: 'deployment',
  controllers: [deploymentController, replicaSetController, gcController],
  counted: [pods, replicaSets],
  faultless: { pods: { made: 8, deleted: 8 }, replicasets: { made: 2, deleted: 2 } },
  /** Made, rolled out anew, shrunk, deleted. */
  async life({ api, namespace, reached, rests }) {
    const at = { namespace, name: 'web' };
    const rolledOut = (replicas: number): Promise<void> =>
      reached(`${replicas} replicas`, async () => {
        const { metadata, status } = await api.get(deployments, at);
        const counts = [status?.updatedReplicas, status?.replicas, status?.availableReplicas];
        return status?.observedGeneration === metadata.generation && counts.every((count) => count === replicas);
      });
    const rollingUpdate = { maxSurge: 1, maxUnavailable: 1 };
    const { spec } = deploymentOf('web', 4, { strategy: { type: 'RollingUpdate', rollingUpdate } });
    await api.create(deployments, { metadata: at, spec });
    await rolledOut(4);
    const containers = [{ name: 'main', image: 'web:2' }];
    await api.patch(deployments, at, { type: 'strategic', body: { spec: { template: { spec: { containers } } } } });
    await rolledOut(4);
    await api.patch(deployments, at, { type: 'merge', body: { spec: { replicas: 2 } } });
    await rolledOut(2);
    await rests();
    await api.delete(deployments, at, { propagationPolicy: 'Background' });
    await reached('the end', async () => {
      const left = [await api.list(pods, { namespace }), await api.list(replicaSets, { namespace })];
      return left.every(({ items }) => items.length === 0);
    });
  },
});
