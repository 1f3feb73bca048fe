import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import deploymentController from '@timonel/plugin-controller-deployment';
import gcController from '@timonel/plugin-controller-gc';
import replicaSetController from '@timonel/plugin-controller-replicaset';
import { configMaps, deployments, pods, replicaSets, type OwnerReference, type Pod } from '@timonel/sdk/kube';
import { deploymentOf, replicaSetOf } from '../integration/controllers-cluster.ts';
import { startCluster, type Cluster } from './support/cluster.ts';

let cluster: Cluster;
beforeAll(async () => {
  cluster = await startCluster({ controllers: [deploymentController, replicaSetController, gcController] });
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

/** The same with a ReplicaSet of its own. */
async function withSet(more: Partial<{ finalizers: string[] }> = {}): Promise<string> {
  const namespace = await cluster.namespace();
  await cluster.api.create(replicaSets, { ...replicaSetOf('web', 2), metadata: { namespace, name: 'web', ...more } });
  await cluster.until('two pods', async () => {
    const { status } = await cluster.api.get(replicaSets, { namespace, name: 'web' });
    return status?.availableReplicas === 2;
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

  it('in the background, takes pods after the owner that controls them', async () => {
    const namespace = await withSet();
    await cluster.api.delete(replicaSets, at(namespace), { propagationPolicy: 'Background' });
    await cluster.until('the pods to go', async () => (await podsIn(namespace)).length === 0);
  });

  it('orphans the pods of a controller that is deleted so', async () => {
    const namespace = await withSet();
    const before = (await podsIn(namespace)).map(({ metadata }) => metadata.uid);
    await cluster.api.delete(replicaSets, at(namespace), { propagationPolicy: 'Orphan' });
    await cluster.until('the owner to go', async () => {
      return (await cluster.api.list(replicaSets, { namespace })).items.length === 0;
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

  it('in the foreground, keeps the owner until its pods are gone', async () => {
    const namespace = await withSet();
    const held = new Set((await podsIn(namespace)).map(({ metadata }) => metadata.uid));
    cluster.kubelet.mayEnd = ({ metadata }) => !held.has(metadata.uid);
    await cluster.api.delete(replicaSets, at(namespace), { propagationPolicy: 'Foreground' });
    await cluster.until('the pods to terminate', async () => {
      return (await podsIn(namespace)).every(({ metadata }) => metadata.deletionTimestamp !== undefined);
    });
    await cluster.quiet();
    const { metadata } = await cluster.api.get(replicaSets, at(namespace));
    expect(metadata).toMatchObject({ deletionTimestamp: expect.any(String), finalizers: ['foregroundDeletion'] });
    expect(await podsIn(namespace)).toHaveLength(2);
    cluster.kubelet.mayEnd = () => true;
    cluster.kubelet.look();
    await cluster.until('the owner to go', async () => {
      return (await cluster.api.list(replicaSets, { namespace })).items.length === 0;
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
