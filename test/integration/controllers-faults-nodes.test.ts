/** A node that dies and one that is taken away, and a disruption budget, under faults: see test/support/controller-faults.ts. */
import disruptionController from '@timonel/plugin-controller-disruption';
import gcController from '@timonel/plugin-controller-gc';
import nodeLifecycle from '@timonel/plugin-controller-nodelifecycle';
import podGcController from '@timonel/plugin-controller-podgc';
import replicaSetController from '@timonel/plugin-controller-replicaset';
import taintManager from '@timonel/plugin-controller-taintmanager';
import { isPodReady } from '@timonel/sdk/controller';
import { isNotFound, nodes, podDisruptionBudgets, pods, replicaSets, type KubeObject } from '@timonel/sdk/kube';
import { describeFaults } from '../support/controller-faults.ts';
import { replicaSetOf } from './controllers-cluster.ts';

describeFaults({
  name: 'nodelifecycle',
  controllers: [nodeLifecycle, taintManager, podGcController],
  nodes: 4,
  heartbeatMs: 10_000,
  counted: [pods],
  faultless: { pods: { made: 5, deleted: 5 } },
  crashes: 8,
  /** Of five pods one's node dies and returns, and that of three is taken away. */
  async life(life) {
    const { api, namespace, nodes: fake, clock, reached, rests, remember } = life;
    const pod = async (name: string, nodeName: string): Promise<void> => {
      const tolerations = [
        { key: 'node.kubernetes.io/unreachable', operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 20 },
        { key: 'node.kubernetes.io/not-ready', operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 20 },
      ];
      const spec = { nodeName, tolerations, containers: [{ name: 'main', image: 'web:1' }] };
      await api.create(pods, { metadata: { namespace, name }, spec });
      await reached(`${name} to be ready`, async () => isPodReady(await api.get(pods, { namespace, name })));
    };
    const names = async (): Promise<string[]> =>
      (await api.list(pods, { namespace })).items.map(({ metadata }) => metadata.name ?? '');
    const taints = async (name: string): Promise<string[]> =>
      ((await api.get(nodes, { name })).spec.taints ?? []).map(({ key }) => key);
    await pod('stays', 'node-0');
    await pod('lost', 'node-1');
    for (const name of ['orphan-a', 'orphan-b', 'orphan-c']) await pod(name, 'node-2');
    fake.cut('node-1');
    await reached('the eviction', async () => {
      await clock.advance(2_000);
      return (await api.get(pods, { namespace, name: 'lost' })).metadata.deletionTimestamp !== undefined;
    });
    remember('taints of the lost node', new Set(await taints('node-1')));
    await fake.join('node-1');
    await reached('the node to be trusted again', async () => {
      await clock.advance(2_000);
      return (await taints('node-1')).length === 0 && !(await names()).includes('lost');
    });
    await fake.remove('node-2');
    await reached('the orphans to be removed', async () => {
      await clock.advance(2_000);
      return !(await names()).some((name) => name.startsWith('orphan'));
    });
    await fake.add('node-2');
    await reached('the new node to be trusted', async () => {
      await clock.advance(2_000);
      return (await taints('node-2')).length === 0;
    });
    await rests();
    remember('pods', await names());
    await api.delete(pods, { namespace, name: 'stays' });
    await reached('the end', async () => (await names()).length === 0);
  },
});

const eviction = (namespace: string, name: string): KubeObject => ({
  apiVersion: 'policy/v1',
  kind: 'Eviction',
  metadata: { namespace, name },
});

describeFaults({
  name: 'disruption',
  controllers: [disruptionController],
  healthy: [replicaSetController, gcController],
  nodes: 1,
  scheduler: false,
  counted: [pods],
  faultless: { pods: { made: 5, deleted: 5 } },
  /** Two evictions of three pods, the second as soon as it is allowed again; a pod that is not ready; the end. */
  async life(life) {
    const { api, namespace, kubelet, reached, rests, remember } = life;
    const at = { namespace, name: 'web' };
    await api.create(replicaSets, { ...replicaSetOf('web', 3), metadata: at });
    await api.create(podDisruptionBudgets, {
      metadata: at,
      spec: { minAvailable: 2, selector: { matchLabels: { app: 'web' } } },
    });
    const allowed = (disruptions: number, healthy: number): Promise<void> =>
      reached(`${disruptions} disruptions to be allowed`, async () => {
        const { metadata, status } = await api.get(podDisruptionBudgets, at);
        const isObserved = status?.observedGeneration === metadata.generation;
        return isObserved && status?.disruptionsAllowed === disruptions && status.currentHealthy === healthy;
      });
    const outcomes: string[] = [];
    const evict = async (): Promise<string> => {
      const living = (await api.list(pods, { namespace })).items.filter(
        ({ metadata }) => metadata.deletionTimestamp === undefined,
      );
      const name = living.find((pod) => isPodReady(pod))?.metadata.name ?? '';
      return api.createSubresource(pods, { namespace, name }, 'eviction', eviction(namespace, name)).then(
        () => 'evicted',
        (error: { reason?: string }) => error.reason ?? 'refused',
      );
    };
    await allowed(1, 3);
    outcomes.push(await evict());
    // Whether the controller has seen it or not: no second one is let through.
    outcomes.push(await evict());
    await allowed(1, 3);
    outcomes.push(await evict());
    await allowed(1, 3);
    const [first] = (await api.list(pods, { namespace })).items;
    if (first !== undefined) kubelet.order(first, 'running');
    await allowed(0, 2);
    outcomes.push(await evict());
    remember('outcomes', outcomes);
    await rests();
    await api.delete(podDisruptionBudgets, at);
    await api.delete(replicaSets, at, { propagationPolicy: 'Foreground' });
    await reached('the end', () =>
      api.get(replicaSets, at).then(
        () => false,
        (error: unknown) => isNotFound(error),
      ),
    );
  },
});
