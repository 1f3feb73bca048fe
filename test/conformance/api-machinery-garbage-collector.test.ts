import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import deploymentController from '@timonel/plugin-controller-deployment';
import gcController from '@timonel/plugin-controller-gc';
import replicaSetController from '@timonel/plugin-controller-replicaset';
import replicationController from '@timonel/plugin-controller-replicationcontroller';
import {
  configMaps,
  deployments,
  pods,
  replicaSets,
  replicationControllers,
  type OwnerReference,
  type Pod,
} from '@timonel/sdk/kube';
import { deploymentOf } from '../integration/controllers-cluster.ts';
import { startCluster, type Cluster } from './support/cluster.ts';

let cluster: Cluster;
beforeAll(async () => {
  cluster = await startCluster({
    controllers: [deploymentController, replicaSetController, replicationController, gcController],
  });
});
afterAll(async () => {
  await cluster[Symbol.asyncDispose]();
});

const podsIn = async (namespace: string): Promise<readonly Pod[]> =>
  (await cluster.api.list(pods, { namespace })).items;

/** A namespace with a Deployment of two running pods. */
async function withDeployment(): Promise<string> {
  const namespace = await cluster.namespace();
  await cluster.api.create(deployments, { ...deploymentOf('web', 2), metadata: { namespace, name: 'web' } });
  await cluster.until('two pods', async () => {
    const { status } = await cluster.api.get(deployments, { namespace, name: 'web' });
    return status?.availableReplicas === 2;
  });
  return namespace;
}

/** The same with a ReplicationController. */
async function withController(): Promise<string> {
  const namespace = await cluster.namespace();
  const labels = { app: 'web' };
  const template = { metadata: { labels }, spec: { containers: [{ name: 'main', image: 'web:1' }] } };
  const spec = { replicas: 2, selector: labels, template };
  await cluster.api.create(replicationControllers, { metadata: at(namespace), spec });
  await cluster.until('two pods', async () => {
    return (await cluster.api.get(replicationControllers, at(namespace))).status?.availableReplicas === 2;
  });
  return namespace;
}

const at = (namespace: string): { namespace: string; name: string } => ({ namespace, name: 'web' });

describe('api-machinery: Garbage collector', () => {
  it('in the background, takes replica sets and pods after their Deployment', async () => {
    const namespace = await withDeployment();
    await cluster.api.delete(deployments, at(namespace), { propagationPolicy: 'Background' });
    await cluster.until('all to go', async () => {
      const sets = await cluster.api.list(replicaSets, { namespace });
      return sets.items.length === 0 && (await podsIn(namespace)).length === 0;
    });
  });

  it('in the background, takes pods after their ReplicationController', async () => {
    const namespace = await withController();
    await cluster.api.delete(replicationControllers, at(namespace), { propagationPolicy: 'Background' });
    await cluster.until('the pods to go', async () => (await podsIn(namespace)).length === 0);
  });

  it('orphans the pods of a ReplicationController that is deleted so', async () => {
    const namespace = await withController();
    const before = (await podsIn(namespace)).map(({ metadata }) => metadata.uid);
    await cluster.api.delete(replicationControllers, at(namespace), { propagationPolicy: 'Orphan' });
    await cluster.until('the owner to go', async () => {
      return (await cluster.api.list(replicationControllers, { namespace })).items.length === 0;
    });
    await cluster.quiet();
    const after = await podsIn(namespace);
    expect(after.map(({ metadata }) => metadata.uid)).toEqual(before);
    expect(after.flatMap(({ metadata }) => metadata.ownerReferences ?? [])).toEqual([]);
  });

  it('orphans the replica set of a Deployment that is deleted so', async () => {
    const namespace = await withDeployment();
    await cluster.api.delete(deployments, at(namespace), { propagationPolicy: 'Orphan' });
    await cluster.until('the owner to go', async () => {
      return (await cluster.api.list(deployments, { namespace })).items.length === 0;
    });
    await cluster.quiet();
    const sets = (await cluster.api.list(replicaSets, { namespace })).items;
    expect(sets.map(({ metadata }) => metadata.ownerReferences ?? [])).toEqual([[]]);
    expect(await podsIn(namespace)).toHaveLength(2);
  });

  it('in the foreground, keeps a ReplicationController until its pods are gone', async () => {
    const namespace = await withController();
    const held = new Set((await podsIn(namespace)).map(({ metadata }) => metadata.uid));
    cluster.kubelet.mayEnd = ({ metadata }) => !held.has(metadata.uid);
    await cluster.api.delete(replicationControllers, at(namespace), { propagationPolicy: 'Foreground' });
    await cluster.until('the pods to terminate', async () => {
      return (await podsIn(namespace)).every(({ metadata }) => metadata.deletionTimestamp !== undefined);
    });
    await cluster.quiet();
    const { metadata } = await cluster.api.get(replicationControllers, at(namespace));
    expect(metadata).toMatchObject({ deletionTimestamp: expect.any(String), finalizers: ['foregroundDeletion'] });
    expect(await podsIn(namespace)).toHaveLength(2);
    cluster.kubelet.mayEnd = () => true;
    cluster.kubelet.look();
    await cluster.until('the owner to go', async () => {
      return (await cluster.api.list(replicationControllers, { namespace })).items.length === 0;
    });
    expect(await podsIn(namespace)).toEqual([]);
  });

  const reference = ({ metadata }: { metadata: { name?: string; uid?: string } }): OwnerReference => ({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    name: metadata.name ?? '',
    uid: metadata.uid ?? '',
    blockOwnerDeletion: true,
  });

  it('keeps what has a second owner, whose reference alone is left', async () => {
    const namespace = await cluster.namespace();
    const make = (name: string, ownerReferences: OwnerReference[] = []): ReturnType<typeof cluster.api.create> =>
      cluster.api.create(configMaps, { metadata: { namespace, name, ownerReferences } });
    const [going, staying] = [await make('going'), await make('staying')];
    await make('dependent', [reference(going), reference(staying)]);
    await cluster.api.delete(configMaps, { namespace, name: 'going' }, { propagationPolicy: 'Foreground' });
    await cluster.until('the first owner to go', async () => {
      return (await cluster.api.list(configMaps, { namespace })).items.length === 2;
    });
    await cluster.quiet();
    const { metadata } = await cluster.api.get(configMaps, { namespace, name: 'dependent' });
    expect(metadata.ownerReferences?.map(({ name }) => name)).toEqual(['staying']);
  });

  it('is not blocked by a circle of owners', async () => {
    const namespace = await cluster.namespace();
    const made = [];
    for (const name of ['a', 'b', 'c'])
      made.push(await cluster.api.create(configMaps, { metadata: { namespace, name } }));
    for (const [index, object] of made.entries()) {
      const owner = made[(index + 1) % made.length] ?? object;
      const body = { metadata: { ownerReferences: [reference(owner)] } };
      const name = object.metadata.name ?? '';
      await cluster.api.patch(configMaps, { namespace, name }, { type: 'merge', body });
    }
    await cluster.api.delete(configMaps, { namespace, name: 'a' }, { propagationPolicy: 'Foreground' });
    await cluster.until(
      'all to go',
      async () => (await cluster.api.list(configMaps, { namespace })).items.length === 0,
    );
  });
});
