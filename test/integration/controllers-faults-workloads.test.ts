/** Lives of a StatefulSet and a DaemonSet under faults: see test/support/controller-faults.ts. */
import daemonSetController from '@timonel/plugin-controller-daemonset';
import gcController from '@timonel/plugin-controller-gc';
import statefulSetController from '@timonel/plugin-controller-statefulset';
import {
  controllerRevisions,
  daemonSets,
  nodes,
  persistentVolumeClaims,
  pods,
  statefulSets,
  type DaemonSet,
  type PodTemplateSpec,
  type StatefulSet,
} from '@timonel/sdk/kube';
import { describeFaults, type Life } from '../support/controller-faults.ts';

const template = (version: string): PodTemplateSpec => ({
  metadata: { labels: { app: 'web' } },
  spec: { terminationGracePeriodSeconds: 1, containers: [{ name: 'main', image: `web:${version}` }] },
});
const selector = { matchLabels: { app: 'web' } };

async function gone({ api, namespace, reached }: Life): Promise<void> {
  await reached('the end', async () => {
    const left = [await api.list(pods, { namespace }), await api.list(controllerRevisions, { namespace })];
    const claims = await api.list(persistentVolumeClaims, { namespace });
    return [...left, claims].every(({ items }) => items.length === 0);
  });
}

describeFaults({
  name: 'statefulset',
  controllers: [statefulSetController],
  healthy: [gcController],
  nodes: 1,
  scheduler: false,
  counted: [pods, controllerRevisions, persistentVolumeClaims],
  faultless: {
    pods: { made: 7, deleted: 7 },
    controllerrevisions: { made: 2, deleted: 2 },
    persistentvolumeclaims: { made: 4, deleted: 4 },
  },
  /** Made, rolled out anew, shrunk to one, grown to two, deleted with its claims. */
  async life(life) {
    const { api, namespace, reached, rests, remember } = life;
    const at = { namespace, name: 'db' };
    const settled = (replicas: number): Promise<void> =>
      reached(`${replicas} pods`, async () => {
        const { metadata, status } = await api.get(statefulSets, at);
        const counts = [status?.replicas, status?.readyReplicas, status?.updatedReplicas];
        const isObserved = status?.observedGeneration === metadata.generation;
        const hasOneVersion = status?.currentRevision === status?.updateRevision;
        return isObserved && hasOneVersion && counts.every((count) => (count ?? 0) === replicas);
      });
    const claim = {
      metadata: { name: 'data' },
      spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
    };
    const set: StatefulSet = {
      metadata: at,
      spec: {
        replicas: 3,
        serviceName: 'db',
        selector,
        template: template('1'),
        volumeClaimTemplates: [claim],
        persistentVolumeClaimRetentionPolicy: { whenDeleted: 'Delete', whenScaled: 'Delete' },
      },
    };
    await api.create(statefulSets, set);
    await settled(3);
    await api.patch(statefulSets, at, { type: 'strategic', body: { spec: { template: template('2') } } });
    await settled(3);
    const scale = (replicas: number): Promise<unknown> =>
      api.patch(statefulSets, at, { type: 'merge', body: { spec: { replicas } } });
    await scale(1);
    await settled(1);
    await reached('the claims of the two to go', async () => {
      return (await api.list(persistentVolumeClaims, { namespace })).items.length === 1;
    });
    await scale(2);
    await settled(2);
    const { items } = await api.list(pods, { namespace });
    remember(
      'pods',
      items.map(({ metadata, spec }) => [metadata.name, spec.containers[0]?.image]),
    );
    await rests();
    await api.delete(statefulSets, at, { propagationPolicy: 'Background' });
    await gone(life);
  },
});

describeFaults({
  name: 'daemonset',
  controllers: [daemonSetController],
  healthy: [gcController],
  nodes: 3,
  counted: [pods, controllerRevisions],
  faultless: { pods: { made: 6, deleted: 6 }, controllerrevisions: { made: 2, deleted: 2 } },
  /** On two of three nodes, rolled out anew, on all, on others, deleted. */
  async life(life) {
    const { api, namespace, reached, rests } = life;
    const at = { namespace, name: 'agent' };
    const label = (name: string, value: string | null): Promise<unknown> =>
      api.patch(nodes, { name }, { type: 'merge', body: { metadata: { labels: { [namespace]: value } } } });
    const settled = (...names: string[]): Promise<void> =>
      reached(`pods on ${names.join()}`, async () => {
        const { metadata, status } = await api.get(daemonSets, at);
        const { desiredNumberScheduled, updatedNumberScheduled, numberAvailable } = status ?? {};
        const counts = [desiredNumberScheduled, updatedNumberScheduled, numberAvailable];
        const { items } = await api.list(pods, { namespace });
        const found = new Set(items.map(({ spec }) => spec.nodeName));
        const isThere = items.length === names.length && names.every((name) => found.has(name));
        const isObserved = status?.observedGeneration === metadata.generation;
        return isObserved && isThere && counts.every((number) => (number ?? 0) === names.length);
      });
    await label('node-0', 'on');
    await label('node-1', 'on');
    const set: DaemonSet = {
      metadata: at,
      spec: {
        selector,
        template: { ...template('1'), spec: { ...template('1').spec, nodeSelector: { [namespace]: 'on' } } },
        updateStrategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 1 } },
      },
    };
    await api.create(daemonSets, set);
    await settled('node-0', 'node-1');
    await api.patch(daemonSets, at, { type: 'strategic', body: { spec: { template: template('2') } } });
    await settled('node-0', 'node-1');
    await label('node-2', 'on');
    await settled('node-0', 'node-1', 'node-2');
    await label('node-1', null);
    await settled('node-0', 'node-2');
    await label('node-1', 'on');
    await label('node-0', null);
    await settled('node-1', 'node-2');
    await rests();
    await api.delete(daemonSets, at, { propagationPolicy: 'Background' });
    await gone(life);
  },
});
