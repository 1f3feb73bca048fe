import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import deploymentController from '@timonel/plugin-controller-deployment';
import gcController from '@timonel/plugin-controller-gc';
import replicaSetController from '@timonel/plugin-controller-replicaset';
import type { WatchEvent } from '@timonel/sdk/contracts/api';
import {
  deployments,
  pods,
  replicaSets,
  type Condition,
  type Deployment,
  type Pod,
  type ReplicaSet,
} from '@timonel/sdk/kube';
import { deploymentOf, inOrder } from '../integration/controllers-cluster.ts';
import { Clock } from './support/clock.ts';
import { startCluster, type Cluster } from './support/cluster.ts';
import { isReady } from './support/pod-status.ts';

const revision = 'deployment.kubernetes.io/revision';
const imageOf = (object: { spec?: { containers: { image?: string }[] } } | undefined): string =>
  object?.spec?.containers[0]?.image ?? '';
const withImage = (tag: string): Partial<Deployment['spec']> => ({
  template: { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'main', image: `web:${tag}` }] } },
});
const rolling = (maxSurge: number | string, maxUnavailable: number | string): Partial<Deployment['spec']> => ({
  strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge, maxUnavailable } },
});

/** The most pods that were not being deleted, and the fewest ready ones, after event number `from`. */
function extremes(events: readonly WatchEvent<Pod>[], from: number): { most: number; fewestReady: number } {
  const alive = new Map<string, boolean>();
  let [most, fewestReady] = [0, Number.MAX_SAFE_INTEGER];
  events.forEach(({ type, object }, index) => {
    const { uid = '', deletionTimestamp } = object.metadata;
    if (type === 'DELETED' || deletionTimestamp !== undefined) alive.delete(uid);
    else alive.set(uid, isReady(object));
    if (index < from) return;
    most = Math.max(most, alive.size);
    fewestReady = Math.min(fewestReady, [...alive.values()].filter(Boolean).length);
  });
  return { most, fewestReady };
}

describe('apps: Deployment', () => {
  const clock = new Clock();
  let cluster: Cluster;
  beforeAll(async () => {
    cluster = await startCluster({
      controllers: [deploymentController, replicaSetController, gcController],
      clock,
      kubelet: { script: (pod) => (imageOf(pod) === 'web:bad' ? 'running' : 'ready') },
    });
  });
  afterAll(async () => {
    await cluster[Symbol.asyncDispose]();
  });

  const at = (namespace: string): { namespace: string; name: string } => ({ namespace, name: 'web' });
  const get = (namespace: string): Promise<Deployment> => cluster.api.get(deployments, at(namespace));
  const create = async (namespace: string, replicas: number, more: Partial<Deployment['spec']> = {}): Promise<void> => {
    const { spec } = deploymentOf('web', replicas, more);
    await cluster.api.create(deployments, { metadata: { ...at(namespace), labels: { app: 'web' } }, spec });
  };
  const patch = (namespace: string, spec: Partial<Deployment['spec']>): Promise<Deployment> =>
    cluster.api.patch(deployments, at(namespace), { type: 'merge', body: { spec } });
  const setsOf = async (namespace: string): Promise<readonly ReplicaSet[]> =>
    (await cluster.api.list(replicaSets, { namespace })).items;
  const podsOf = async (namespace: string): Promise<readonly Pod[]> =>
    (await cluster.api.list(pods, { namespace })).items;
  /** Replicas of each template. */
  const sizesOf = async (namespace: string): Promise<Record<string, number>> =>
    Object.fromEntries((await setsOf(namespace)).map(({ spec }) => [imageOf(spec.template), spec.replicas ?? 1]));
  const conditionOf = ({ status }: Deployment, type: string): Condition | undefined =>
    status?.conditions?.find((condition) => condition.type === type);
  /** What `kubectl rollout status` waits for. */
  const rolledOut = async (namespace: string, replicas: number): Promise<Deployment> => {
    await cluster.until(`the roll-out of ${replicas} replicas`, async () => {
      const { metadata, status } = await get(namespace);
      const counts = [status?.updatedReplicas ?? 0, status?.replicas ?? 0, status?.availableReplicas ?? 0];
      return status?.observedGeneration === metadata.generation && counts.every((count) => count === replicas);
    });
    return get(namespace);
  };
  const made = async (replicas: number, more: Partial<Deployment['spec']> = {}): Promise<string> => {
    const namespace = await cluster.namespace();
    await create(namespace, replicas, more);
    await rolledOut(namespace, replicas);
    return namespace;
  };
  const reason = (namespace: string, wanted: string): Promise<unknown> =>
    cluster.until(wanted, async () => conditionOf(await get(namespace), 'Progressing')?.reason === wanted);

  it('Recreate: the last old pod is gone before the first new one is made', async () => {
    const namespace = await made(2, { strategy: { type: 'Recreate' } });
    const held = (await podsOf(namespace))[0]?.metadata.uid;
    cluster.kubelet.mayEnd = ({ metadata }) => metadata.uid !== held;
    const events = cluster.record(pods, namespace);
    await patch(namespace, withImage('2'));
    await cluster.until('one old pod to be left', async () => (await podsOf(namespace)).length === 1);
    await cluster.quiet();
    expect(await sizesOf(namespace)).toEqual({ 'web:1': 0 });
    cluster.kubelet.mayEnd = () => true;
    cluster.kubelet.look();
    await rolledOut(namespace, 2);
    const alive = new Map<string, string>();
    for (const { type, object } of events) {
      if (type === 'DELETED') alive.delete(object.metadata.uid ?? '');
      else alive.set(object.metadata.uid ?? '', imageOf(object));
      expect(new Set(alive.values()).size).toBeLessThanOrEqual(1);
    }
    expect(events.filter(({ type, object }) => type === 'ADDED' && imageOf(object) === 'web:2')).toHaveLength(2);
  });

  it('rolls out within maxSurge and maxUnavailable (RollingUpdate), in percent too', async () => {
    const namespace = await made(4, rolling('25%', '25%'));
    const events = cluster.record(pods, namespace);
    await cluster.until('the present pods', () => events.length >= 4);
    const begin = events.length;
    await patch(namespace, withImage('2'));
    const { metadata, status } = await rolledOut(namespace, 4);
    const { most, fewestReady } = extremes(events, begin);
    expect(most).toBeLessThanOrEqual(5);
    expect(fewestReady).toBeGreaterThanOrEqual(3);
    expect(await sizesOf(namespace)).toEqual({ 'web:1': 0, 'web:2': 4 });
    expect(metadata.annotations?.[revision]).toBe('2');
    expect(status?.conditions).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ type: 'Available', status: 'True', reason: 'MinimumReplicasAvailable' }),
        expect.objectContaining({ type: 'Progressing', status: 'True', reason: 'NewReplicaSetAvailable' }),
      ]),
    );
    await cluster.quiet();
    const told = (await cluster.eventsOf(await get(namespace))).map(({ message }) => message);
    expect(told).toContainEqual(expect.stringMatching(/^Scaled up replica set web-\w+ from 0 to 4$/));
    expect(told).toContainEqual(expect.stringMatching(/^Scaled down replica set web-\w+ from \d to 0$/));
  });

  it('cleans old replica sets up beyond the revision history limit, and goes back to one that is kept', async () => {
    const namespace = await made(1, { revisionHistoryLimit: 1 });
    for (const tag of ['2', '3']) {
      await patch(namespace, withImage(tag));
      await rolledOut(namespace, 1);
    }
    await cluster.until('the cleaning', async () => (await setsOf(namespace)).length === 2);
    expect(await sizesOf(namespace)).toEqual({ 'web:2': 0, 'web:3': 1 });
    await patch(namespace, withImage('2'));
    const back = await rolledOut(namespace, 1);
    expect(back.metadata.annotations?.[revision]).toBe('4');
    const set = (await setsOf(namespace)).find(({ spec }) => imageOf(spec.template) === 'web:2');
    expect(set?.metadata.annotations).toMatchObject({
      [revision]: '4',
      'deployment.kubernetes.io/revision-history': '2',
    });
  });

  it('rollover: a template that changes in the middle of a roll-out replaces that of the roll-out', async () => {
    const namespace = await made(4, rolling(1, 1));
    const events = cluster.record(pods, namespace);
    await cluster.until('the present pods', () => events.length >= 4);
    const begin = events.length;
    await patch(namespace, withImage('bad'));
    await cluster.until('the bad roll-out to stop', async () => (await get(namespace)).status?.updatedReplicas === 2);
    await cluster.quiet();
    expect(await sizesOf(namespace)).toEqual({ 'web:1': 3, 'web:bad': 2 });
    await patch(namespace, withImage('3'));
    await rolledOut(namespace, 4);
    expect(await sizesOf(namespace)).toEqual({ 'web:1': 0, 'web:bad': 0, 'web:3': 4 });
    const { most, fewestReady } = extremes(events, begin);
    expect(most).toBeLessThanOrEqual(5);
    expect(fewestReady).toBeGreaterThanOrEqual(3);
  });

  it('scales in proportion in the middle of a roll-out', async () => {
    const namespace = await made(10, rolling(3, 2));
    await patch(namespace, withImage('bad'));
    await cluster.until('the roll-out to stop', async () => (await get(namespace)).status?.updatedReplicas === 5);
    await cluster.quiet();
    expect(await sizesOf(namespace)).toEqual({ 'web:1': 8, 'web:bad': 5 });
    await patch(namespace, { replicas: 30 });
    await cluster.until(
      'new sizes',
      async () => Object.values(await sizesOf(namespace)).reduce((a, b) => a + b) === 33,
    );
    await cluster.quiet();
    // 20 more: 8/13 and 5/13 of them, as the documentation of Kubernetes reckons.
    expect(await sizesOf(namespace)).toEqual({ 'web:1': 20, 'web:bad': 13 });
  });

  it('is scaled through the scale subresource', async () => {
    const namespace = await made(1);
    const scale = await cluster.api.getSubresource(deployments, at(namespace), 'scale');
    expect(scale).toMatchObject({ kind: 'Scale', spec: { replicas: 1 }, status: { replicas: 1, selector: 'app=web' } });
    const body = { spec: { replicas: 3 } };
    await cluster.api.patch(deployments, at(namespace), { type: 'merge', body }, { subresource: 'scale' });
    await rolledOut(namespace, 3);
    expect(await sizesOf(namespace)).toEqual({ 'web:1': 3 });
  });

  it('the status can be read, patched and replaced, and conditions of others are kept', async () => {
    const namespace = await made(1);
    const path = `/apis/apps/v1/namespaces/${namespace}/deployments/web/status`;
    const { body } = await cluster.server.send('GET', path);
    expect(body.status).toMatchObject({ replicas: 1, updatedReplicas: 1, readyReplicas: 1, availableReplicas: 1 });
    const seen = { type: 'StatusUpdate', status: 'True' as const, reason: 'Test', message: 'from a test' };
    const changed = await cluster.server.send('PATCH', path, {
      type: 'application/strategic-merge-patch+json',
      body: { status: { conditions: [seen] } },
    });
    expect(changed.status).toBe(200);
    await patch(namespace, { replicas: 2 });
    const scaled = await rolledOut(namespace, 2);
    expect(conditionOf(scaled, 'StatusUpdate')).toMatchObject(seen);
    expect(scaled.status?.conditions).toHaveLength(3);
  });

  it('life with all verbs: made, listed, patched, updated, deleted as a collection', async () => {
    const namespace = await cluster.namespace();
    const events = cluster.record(deployments, namespace);
    await create(namespace, 1);
    await rolledOut(namespace, 1);
    const labelled = await cluster.api.patch(deployments, at(namespace), {
      type: 'strategic',
      body: { metadata: { labels: { 'test-deployment': namespace } }, spec: { replicas: 2 } },
    });
    expect(labelled.metadata.labels).toEqual({ app: 'web', 'test-deployment': namespace });
    await rolledOut(namespace, 2);
    const { metadata, spec } = await get(namespace);
    await cluster.api.update(deployments, { metadata, spec: { ...spec, replicas: 1, ...withImage('2') } });
    await rolledOut(namespace, 1);
    const selector = `labelSelector=test-deployment%3D${namespace}`;
    const everywhere = await cluster.server.send('GET', `/apis/apps/v1/deployments?${selector}`);
    expect(everywhere.body.items).toHaveLength(1);
    const path = `/apis/apps/v1/namespaces/${namespace}/deployments?${selector}`;
    expect((await cluster.server.send('DELETE', path)).status).toBe(200);
    await cluster.until('all that was its own to go', async () => {
      const left = [await setsOf(namespace), await podsOf(namespace)];
      return left.every((items) => items.length === 0);
    });
    expect(events.map(({ type }) => type)).toEqual(expect.arrayContaining(['ADDED', 'MODIFIED', 'DELETED']));
  });

  it('says after progressDeadlineSeconds, without any event, that a roll-out makes no progress, and leaves the old pods', async () => {
    const namespace = await made(2, { ...rolling(1, 0), progressDeadlineSeconds: 3600 });
    await patch(namespace, withImage('bad'));
    await cluster.until('a bad pod', async () => (await get(namespace)).status?.updatedReplicas === 1);
    await cluster.quiet();
    await clock.advance(3_500_000);
    await cluster.quiet();
    expect(conditionOf(await get(namespace), 'Progressing')?.reason).toBe('ReplicaSetUpdated');
    await clock.advance(110_000);
    await reason(namespace, 'ProgressDeadlineExceeded');
    const stuck = await get(namespace);
    expect(conditionOf(stuck, 'Progressing')).toMatchObject({
      status: 'False',
      message: expect.stringMatching(/timed out/),
    });
    expect(stuck.status).toMatchObject({ availableReplicas: 2, updatedReplicas: 1 });
    await patch(namespace, withImage('1'));
    const undone = await rolledOut(namespace, 2);
    expect(conditionOf(undone, 'Progressing')).toMatchObject({ status: 'True', reason: 'NewReplicaSetAvailable' });
  });

  it('waits minReadySeconds before a new pod counts, and an old one goes', async () => {
    const namespace = await cluster.namespace();
    await create(namespace, 1, { ...rolling(1, 0), minReadySeconds: 1800, progressDeadlineSeconds: 7200 });
    await cluster.until('a ready pod', async () => (await get(namespace)).status?.readyReplicas === 1);
    await cluster.quiet();
    const waiting = await get(namespace);
    expect(waiting.status?.availableReplicas ?? 0).toBe(0);
    expect(conditionOf(waiting, 'Available')).toMatchObject({ status: 'False', reason: 'MinimumReplicasUnavailable' });
    await clock.advance(1_801_000);
    await rolledOut(namespace, 1);
    await patch(namespace, withImage('2'));
    await cluster.until('a ready new pod', async () => (await get(namespace)).status?.readyReplicas === 2);
    await cluster.quiet();
    expect(await sizesOf(namespace)).toEqual({ 'web:1': 1, 'web:2': 1 });
    await clock.advance(1_801_000);
    await rolledOut(namespace, 1);
    expect(await sizesOf(namespace)).toEqual({ 'web:1': 0, 'web:2': 1 });
  });

  it('does nothing about the template while paused, but scales, and goes on when resumed', async () => {
    const namespace = await made(1);
    await patch(namespace, { paused: true });
    await patch(namespace, withImage('2'));
    await patch(namespace, { replicas: 2 });
    await cluster.until('two pods', async () => (await get(namespace)).status?.readyReplicas === 2);
    await cluster.quiet();
    expect(await sizesOf(namespace)).toEqual({ 'web:1': 2 });
    expect(conditionOf(await get(namespace), 'Progressing')).toMatchObject({
      status: 'Unknown',
      reason: 'DeploymentPaused',
    });
    await patch(namespace, { paused: false });
    await rolledOut(namespace, 2);
    expect(await sizesOf(namespace)).toEqual({ 'web:1': 0, 'web:2': 2 });
  });

  it('adopts the replica sets that an earlier one of its name left behind', async () => {
    const namespace = await made(2);
    const before = (await podsOf(namespace)).map(({ metadata }) => metadata.uid);
    await cluster.api.delete(deployments, at(namespace), { propagationPolicy: 'Orphan' });
    await cluster.until(
      'the deployment to go',
      async () => (await cluster.api.list(deployments, { namespace })).items.length === 0,
    );
    const [orphan] = await setsOf(namespace);
    expect(orphan?.metadata.ownerReferences ?? []).toEqual([]);
    await create(namespace, 2);
    const { metadata } = await rolledOut(namespace, 2);
    const sets = await setsOf(namespace);
    expect(sets.map((set) => [set.metadata.uid, set.metadata.ownerReferences?.[0]?.uid])).toEqual([
      [orphan?.metadata.uid, metadata.uid],
    ]);
    expect(inOrder((await podsOf(namespace)).map((pod) => pod.metadata.uid))).toEqual(inOrder(before));
  });
});
