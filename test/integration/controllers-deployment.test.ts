import { describe, expect, it } from '@jest/globals';
import deploymentController from '@timonel/plugin-controller-deployment';
import replicaSetController from '@timonel/plugin-controller-replicaset';
import type { WatchEvent } from '@timonel/sdk/contracts/api';
import { deployments, pods, replicaSets, type Deployment, type Pod, type ReplicaSet } from '@timonel/sdk/kube';
import { until } from '@timonel/testkit';
import { deploymentOf, inOrder, startTestCluster, type TestCluster } from './controllers-cluster.ts';

const at = { namespace: 'default', name: 'web' };
const controllers = [deploymentController, replicaSetController];
const patch = ({ api }: TestCluster, spec: unknown): Promise<Deployment> =>
  api.patch(deployments, at, { type: 'strategic', body: { spec } });
const image = (tag: string) => ({ template: { spec: { containers: [{ name: 'main', image: `web:${tag}` }] } } });
const imageOf = (pod: { spec?: { containers: { image?: string }[] } } | undefined): string | undefined =>
  pod?.spec?.containers[0]?.image;

async function setsOf({ api }: TestCluster): Promise<ReplicaSet[]> {
  return (await api.list(replicaSets, { namespace: 'default' })).items;
}

/** What `kubectl rollout status` waits for. */
async function rolledOut(cluster: TestCluster, replicas: number): Promise<Deployment> {
  await until(
    async () => {
      const { metadata, status } = await cluster.api.get(deployments, at);
      return (
        status?.observedGeneration === metadata.generation &&
        status?.updatedReplicas === replicas &&
        status.replicas === replicas &&
        status.availableReplicas === replicas
      );
    },
    { what: `the roll-out of ${replicas} replicas`, timeoutMs: 10_000 },
  );
  await cluster.quiet();
  return cluster.api.get(deployments, at);
}

/** Walks through the pod events: the most pods and the fewest available ones at any time after `from`. */
function extremes(events: readonly WatchEvent<Pod>[], from: number): { most: number; fewestAvailable: number } {
  const alive = new Map<string, boolean>();
  let most = 0;
  let fewestAvailable = Number.MAX_SAFE_INTEGER;
  events.forEach(({ type, object }, index) => {
    const uid = object.metadata.uid ?? '';
    const ready = object.status?.conditions?.some(
      (condition) => condition.type === 'Ready' && condition.status === 'True',
    );
    if (type === 'DELETED' || object.metadata.deletionTimestamp !== undefined) alive.delete(uid);
    else alive.set(uid, ready === true);
    if (index < from) return;
    most = Math.max(most, alive.size);
    fewestAvailable = Math.min(fewestAvailable, [...alive.values()].filter(Boolean).length);
  });
  return { most, fewestAvailable };
}

describe('controller-deployment', () => {
  it('rolls out, rolls a new version out within its bounds, undoes it, and rests', async () => {
    await using cluster = await startTestCluster({ controllers });
    const podEvents = cluster.record(pods);
    const writes = [cluster.record(deployments), cluster.record(replicaSets), podEvents];
    const rollingUpdate = { maxSurge: 2, maxUnavailable: 1 };
    await cluster.api.create(
      deployments,
      deploymentOf('web', 6, { strategy: { type: 'RollingUpdate', rollingUpdate } }),
    );
    const first = await rolledOut(cluster, 6);
    expect(first.metadata.annotations?.['deployment.kubernetes.io/revision']).toBe('1');
    expect(first.status?.conditions).toMatchObject([
      { type: 'Available', status: 'True', reason: 'MinimumReplicasAvailable' },
      { type: 'Progressing', status: 'True', reason: 'NewReplicaSetAvailable' },
    ]);
    const begin = podEvents.length;
    await patch(cluster, image('2'));
    const second = await rolledOut(cluster, 6);
    expect(second.metadata.annotations?.['deployment.kubernetes.io/revision']).toBe('2');
    const { most, fewestAvailable } = extremes(podEvents, begin);
    expect(most).toBeLessThanOrEqual(8);
    expect(fewestAvailable).toBeGreaterThanOrEqual(5);
    const sets = await setsOf(cluster);
    expect(inOrder(sets.map((set) => [imageOf(set.spec.template), set.spec.replicas]))).toEqual([
      ['web:1', 0],
      ['web:2', 6],
    ]);
    for (const set of sets) {
      const hash = set.metadata.labels?.['pod-template-hash'] ?? 'none';
      expect(set.metadata.name).toBe(`web-${hash}`);
      expect(set.spec.selector.matchLabels?.['pod-template-hash']).toBe(hash);
    }
    await patch(cluster, image('1'));
    const undone = await rolledOut(cluster, 6);
    expect(undone.metadata.annotations?.['deployment.kubernetes.io/revision']).toBe('3');
    expect(await setsOf(cluster)).toHaveLength(2);
    const total = (): number => writes.reduce((sum, events) => sum + events.length, 0);
    const before = total();
    await cluster.quiet();
    expect(total()).toBe(before);
    expect(podEvents.filter(({ type }) => type === 'ADDED')).toHaveLength(18);
  });

  it('Recreate has no pod of both versions at once', async () => {
    await using cluster = await startTestCluster({ controllers });
    const events = cluster.record(pods);
    await cluster.api.create(deployments, deploymentOf('web', 3, { strategy: { type: 'Recreate' } }));
    await rolledOut(cluster, 3);
    await patch(cluster, image('2'));
    await rolledOut(cluster, 3);
    const alive = new Map<string, string | undefined>();
    for (const { type, object } of events) {
      if (type === 'DELETED') alive.delete(object.metadata.uid ?? '');
      else alive.set(object.metadata.uid ?? '', imageOf(object));
      expect(new Set(alive.values()).size).toBeLessThanOrEqual(1);
    }
  });

  it('a bad version stops at its bounds and its deadline, and a rollover replaces it', async () => {
    await using cluster = await startTestCluster({ controllers, becomesReady: (pod) => imageOf(pod) !== 'web:bad' });
    const events = cluster.record(pods);
    const spec = deploymentOf('web', 4, {
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: 1 } },
      progressDeadlineSeconds: 2,
      minReadySeconds: 0,
    });
    await cluster.api.create(deployments, spec);
    await rolledOut(cluster, 4);
    const begin = events.length;
    await patch(cluster, image('bad'));
    await until(
      async () => {
        const { status } = await cluster.api.get(deployments, at);
        return status?.conditions?.some(
          ({ type, reason }) => type === 'Progressing' && reason === 'ProgressDeadlineExceeded',
        );
      },
      { what: 'the progress deadline', timeoutMs: 10_000 },
    );
    const { status } = await cluster.api.get(deployments, at);
    expect(status).toMatchObject({ updatedReplicas: 2, availableReplicas: 3, replicas: 5 });
    await patch(cluster, image('3'));
    await rolledOut(cluster, 4);
    const { most, fewestAvailable } = extremes(events, begin);
    expect(most).toBeLessThanOrEqual(5);
    expect(fewestAvailable).toBeGreaterThanOrEqual(3);
    const condition = (await cluster.api.get(deployments, at)).status?.conditions?.find(
      ({ type }) => type === 'Progressing',
    );
    expect(condition).toMatchObject({ status: 'True', reason: 'NewReplicaSetAvailable' });
  });

  it('does nothing about the template while paused, and keeps no more history than its limit', async () => {
    await using cluster = await startTestCluster({ controllers });
    await cluster.api.create(deployments, deploymentOf('web', 2, { revisionHistoryLimit: 1 }));
    await rolledOut(cluster, 2);
    await patch(cluster, { paused: true });
    await patch(cluster, image('2'));
    await patch(cluster, { replicas: 3 });
    await until(async () => (await cluster.api.get(deployments, at)).status?.readyReplicas === 3, {
      what: 'scaling while paused',
    });
    await cluster.quiet();
    expect(await setsOf(cluster)).toHaveLength(1);
    expect((await cluster.api.get(deployments, at)).status?.conditions).toContainEqual(
      expect.objectContaining({ type: 'Progressing', status: 'Unknown', reason: 'DeploymentPaused' }),
    );
    await patch(cluster, { paused: false });
    await rolledOut(cluster, 3);
    for (const tag of ['3', '4']) {
      await patch(cluster, image(tag));
      await rolledOut(cluster, 3);
    }
    await until(async () => (await setsOf(cluster)).length === 2, { what: 'the history to be cleaned up' });
    expect(inOrder((await setsOf(cluster)).map((set) => imageOf(set.spec.template)))).toEqual(['web:3', 'web:4']);
  });

  it('scales in mid-roll-out in proportion', async () => {
    await using cluster = await startTestCluster({ controllers, becomesReady: (pod) => imageOf(pod) !== 'web:bad' });
    const rollingUpdate = { maxSurge: 3, maxUnavailable: 2 };
    await cluster.api.create(
      deployments,
      deploymentOf('web', 10, { strategy: { type: 'RollingUpdate', rollingUpdate } }),
    );
    await rolledOut(cluster, 10);
    await patch(cluster, image('bad'));
    await until(async () => (await cluster.api.get(deployments, at)).status?.updatedReplicas === 5, {
      what: 'the roll-out to stop',
    });
    await cluster.quiet();
    const sizes = async (): Promise<(number | undefined)[]> => {
      const sets = await setsOf(cluster);
      return inOrder(sets.map((set) => [imageOf(set.spec.template), set.spec.replicas] as const)).map(
        ([, size]) => size,
      );
    };
    expect(await sizes()).toEqual([8, 5]);
    await patch(cluster, { replicas: 30 });
    await until(async () => (await sizes()).reduce((sum: number, size) => sum + (size ?? 0), 0) === 33, {
      what: 'the new sizes',
    });
    await cluster.quiet();
    // 20 more: 8/13 and 5/13 of them, as the Kubernetes documentation reckons.
    expect(await sizes()).toEqual([20, 13]);
  });
});
