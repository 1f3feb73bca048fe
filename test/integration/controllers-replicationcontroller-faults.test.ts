/** The life of a ReplicationController under faults: see test/support/controller-faults.ts. */
import gcController from '@timonel/plugin-controller-gc';
import replicationController from '@timonel/plugin-controller-replicationcontroller';
import { pods, replicationControllers } from '@timonel/sdk/kube';
import { describeFaults } from '../support/controller-faults.ts';

const labels = { app: 'web' };

describeFaults({
  name: 'replicationcontroller',
  controllers: [replicationController, gcController],
  counted: [pods],
  faultless: { pods: { made: 4, deleted: 4 } },
  crashes: 8,
  /** Made, a pod deleted by a user, shrunk, deleted. */
  async life({ api, namespace, reached, rests }) {
    const at = { namespace, name: 'web' };
    const template = { metadata: { labels }, spec: { containers: [{ name: 'main', image: 'web:1' }] } };
    const available = (replicas: number): Promise<void> =>
      reached(`${replicas} replicas`, async () => {
        const { metadata, status } = await api.get(replicationControllers, at);
        const counts = [status?.replicas, status?.availableReplicas];
        return status?.observedGeneration === metadata.generation && counts.every((count) => count === replicas);
      });
    await api.create(replicationControllers, { metadata: at, spec: { replicas: 3, selector: labels, template } });
    await available(3);
    const [victim] = (await api.list(pods, { namespace })).items;
    await api.delete(pods, { namespace, name: victim?.metadata.name ?? '' });
    await reached('another in its place', async () => {
      const { items } = await api.list(pods, { namespace });
      return items.length === 3 && items.every(({ metadata }) => metadata.uid !== victim?.metadata.uid);
    });
    await available(3);
    await api.patch(replicationControllers, at, { type: 'merge', body: { spec: { replicas: 1 } } });
    await available(1);
    await rests();
    await api.delete(replicationControllers, at, { propagationPolicy: 'Background' });
    await reached('the end', async () => (await api.list(pods, { namespace })).items.length === 0);
  },
});
