import { describe, expect, it, jest } from '@jest/globals';
import deploymentController from '@timonel/plugin-controller-deployment';
import endpointSliceController from '@timonel/plugin-controller-endpointslice';
import gcController from '@timonel/plugin-controller-gc';
import namespaceController from '@timonel/plugin-controller-namespace';
import replicaSetController from '@timonel/plugin-controller-replicaset';
import {
  configMaps,
  deployments,
  isNotFound,
  namespaces,
  pods,
  replicaSets,
  services,
  type OwnerReference,
  type ResourceType,
} from '@timonel/sdk/kube';
import { until } from '@timonel/testkit';
import { deploymentOf, startTestCluster, type TestCluster } from './controllers-cluster.ts';

const at = { namespace: 'default', name: 'web' };

async function count(cluster: TestCluster, type: ResourceType, namespace = 'default'): Promise<number> {
  return (await cluster.api.list(type, { namespace })).items.length;
}

describe('controller-gc', () => {
  it('deletes replica sets and pods after their deployment', async () => {
    await using cluster = await startTestCluster({
      controllers: [deploymentController, replicaSetController, gcController],
    });
    await cluster.api.create(deployments, deploymentOf('web', 4));
    await until(async () => (await cluster.api.get(deployments, at)).status?.availableReplicas === 4, {
      what: 'four pods',
    });
    await cluster.api.delete(deployments, at, { propagationPolicy: 'Background' });
    await until(async () => (await count(cluster, pods)) + (await count(cluster, replicaSets)) === 0, {
      what: 'all to be collected',
    });
    await cluster.quiet();
    expect(await count(cluster, pods)).toBe(0);
  });

  it('orphans the replica set of a deployment deleted so, and its pods run on', async () => {
    await using cluster = await startTestCluster({
      controllers: [deploymentController, replicaSetController, gcController],
    });
    const { api } = cluster;
    await api.create(deployments, deploymentOf('web', 2));
    await until(async () => (await api.get(deployments, at)).status?.availableReplicas === 2, { what: 'two pods' });
    const before = (await api.list(pods, { namespace: 'default' })).items.map(({ metadata }) => metadata.uid);
    await api.delete(deployments, at, { propagationPolicy: 'Orphan' });
    await until(async () => (await count(cluster, deployments)) === 0, { what: 'the deployment to go' });
    await cluster.quiet();
    const sets = (await api.list(replicaSets, { namespace: 'default' })).items;
    expect(sets.map(({ metadata }) => metadata.ownerReferences ?? [])).toEqual([[]]);
    expect((await api.list(pods, { namespace: 'default' })).items.map(({ metadata }) => metadata.uid)).toEqual(before);
    // A deployment of the same template takes them over.
    await api.create(deployments, deploymentOf('web', 2));
    await until(async () => (await api.get(deployments, at)).status?.availableReplicas === 2, { what: 'the adoption' });
    await cluster.quiet();
    expect((await api.list(pods, { namespace: 'default' })).items.map(({ metadata }) => metadata.uid)).toEqual(before);
  });

  it('keeps a deployment deleted in the foreground until its pods are gone', async () => {
    await using cluster = await startTestCluster({
      controllers: [deploymentController, replicaSetController, gcController],
    });
    const { api } = cluster;
    const deploymentEvents = cluster.record(deployments);
    const setEvents = cluster.record(replicaSets);
    const podEvents = cluster.record(pods);
    await api.create(deployments, deploymentOf('web', 3));
    await until(async () => (await api.get(deployments, at)).status?.availableReplicas === 3, { what: 'three pods' });
    await api.delete(deployments, at, { propagationPolicy: 'Foreground' });
    await until(() => deploymentEvents.some(({ type }) => type === 'DELETED'), { what: 'the deployment to go' });
    await cluster.quiet();
    const gone = (events: readonly { type: string; object: { metadata: { resourceVersion?: string } } }[]): number[] =>
      events.flatMap(({ type, object }) => (type === 'DELETED' ? [Number(object.metadata.resourceVersion)] : []));
    expect(gone(podEvents)).toHaveLength(3);
    expect(Math.max(...gone(podEvents))).toBeLessThan(Math.min(...gone(setEvents)));
    expect(Math.max(...gone(setEvents))).toBeLessThan(Math.min(...gone(deploymentEvents)));
    expect(await count(cluster, pods)).toBe(0);
  });

  it('keeps what has a living owner, drops dead references, takes another uid for absence, and leaves unknown owners alone', async () => {
    await using cluster = await startTestCluster({ controllers: [gcController] });
    const { api } = cluster;
    const owner = await api.create(configMaps, { metadata: { name: 'owner', namespace: 'default' } });
    const reference = (uid: string, more: Partial<OwnerReference> = {}): OwnerReference => ({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      name: 'owner',
      uid,
      ...more,
    });
    const live = reference(owner.metadata.uid ?? '');
    const make = (name: string, ownerReferences: OwnerReference[]): Promise<unknown> =>
      api.create(configMaps, { metadata: { name, namespace: 'default', ownerReferences } });
    await make('kept', [live]);
    await make('stale', [reference('00000000-0000-4000-8000-000000000000')]);
    await make('both', [live, reference('00000000-0000-4000-8000-000000000001', { name: 'gone' })]);
    await make('foreign', [reference('x', { apiVersion: 'example.com/v1', kind: 'Thing' })]);
    const names = async (): Promise<string[]> =>
      (await api.list(configMaps, { namespace: 'default' })).items.map(({ metadata }) => metadata.name ?? '').sort();
    await until(async () => !(await names()).includes('stale'), { what: 'the stale one to be collected' });
    await until(
      async () =>
        (await api.get(configMaps, { namespace: 'default', name: 'both' })).metadata.ownerReferences?.length === 1,
      { what: 'the dead reference to be dropped' },
    );
    await cluster.quiet();
    expect(await names()).toEqual(['both', 'foreign', 'kept', 'owner']);
    await api.delete(configMaps, { namespace: 'default', name: 'owner' });
    await until(async () => (await names()).join() === 'foreign', { what: 'the dependents to be collected' });
  });
});

jest.setTimeout(20_000);

describe('controller-namespace', () => {
  it('empties a namespace that is deleted, lets it go, and leaves the others alone', async () => {
    const controllers = [
      deploymentController,
      replicaSetController,
      endpointSliceController,
      namespaceController,
      gcController,
    ];
    await using cluster = await startTestCluster({ controllers });
    const { api } = cluster;
    await api.create(namespaces, { metadata: { name: 'doomed' } });
    const there = deploymentOf('web', 3);
    await api.create(deployments, there);
    await api.create(deployments, { ...there, metadata: { ...there.metadata, namespace: 'doomed' } });
    await api.create(configMaps, { metadata: { name: 'a', namespace: 'doomed' } });
    await api.create(services, {
      metadata: { name: 'web', namespace: 'doomed' },
      spec: { selector: { app: 'web' }, ports: [{ port: 80 }] },
    });
    await until(async () => (await count(cluster, pods, 'doomed')) === 3, { what: 'pods' });
    const marked = await api.delete(namespaces, { name: 'doomed' });
    expect(marked.status?.phase).toBe('Terminating');
    await until(
      async () => {
        try {
          await api.get(namespaces, { name: 'doomed' });
          return false;
        } catch (error) {
          return isNotFound(error);
        }
      },
      { what: 'the namespace to go', timeoutMs: 15_000 },
    );
    for (const type of [pods, replicaSets, deployments, services, configMaps]) {
      expect(await count(cluster, type, 'doomed')).toBe(0);
    }
    await cluster.quiet();
    expect(await count(cluster, pods)).toBe(3);
  });
});
