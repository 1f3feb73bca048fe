import { describe, expect, it } from '@jest/globals';
import deploymentController from '@timonel/plugin-controller-deployment';
import gcController from '@timonel/plugin-controller-gc';
import replicaSetController from '@timonel/plugin-controller-replicaset';
import type { WatchEvent } from '@timonel/sdk/contracts/api';
import { deployments, pods, replicaSets, type Deployment, type Pod, type ReplicaSet } from '@timonel/sdk/kube';
import { until } from '@timonel/testkit';
import { makeNewSet } from '../../plugins/controller-deployment/src/revisions.ts';
import { podQuota } from '../conformance/pod-quota.ts';
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

  it('takes another hash when the name of its replica set is taken', async () => {
    await using cluster = await startTestCluster({ controllers });
    await cluster.api.create(deployments, deploymentOf('web', 1, { paused: true }));
    await cluster.quiet();
    const made = await cluster.api.get(deployments, at);
    const wanted = makeNewSet(made, [], 1);
    const { template = { spec: { containers: [] } } } = wanted.spec;
    const other = { matchLabels: { app: 'other' } };
    // Another owner's, with other labels: nothing to adopt.
    await cluster.api.create(replicaSets, {
      metadata: { name: wanted.metadata.name ?? '', namespace: 'default' },
      spec: { replicas: 0, selector: other, template: { ...template, metadata: { labels: other.matchLabels } } },
    });
    await patch(cluster, { paused: false });
    const { status } = await rolledOut(cluster, 1);
    expect(status?.collisionCount).toBe(1);
    const sets = await setsOf(cluster);
    expect(sets).toHaveLength(2);
    expect(sets.filter(({ metadata }) => metadata.name !== wanted.metadata.name)).toMatchObject([
      { spec: { replicas: 1, selector: { matchLabels: { app: 'web' } } } },
    ]);
  });

  it('rolls out under the longest name there may be', async () => {
    await using cluster = await startTestCluster({ controllers });
    const name = `web.${'long-'.repeat(49)}name`;
    expect(name).toHaveLength(253);
    await cluster.api.create(deployments, { ...deploymentOf('web', 2), metadata: { name, namespace: 'default' } });
    await until(
      async () => (await cluster.api.get(deployments, { namespace: 'default', name })).status?.availableReplicas === 2,
      { what: 'two pods' },
    );
    const [set] = await setsOf(cluster);
    expect(set?.metadata.name).toMatch(/^web\.long-[a-z-]+-[a-z0-9]{10}$/);
    for (const { metadata } of (await cluster.api.list(pods, { namespace: 'default' })).items) {
      expect(metadata.name?.length).toBeLessThanOrEqual(63);
    }
  });

  it('leaves the pods of another with the same selector alone', async () => {
    await using cluster = await startTestCluster({ controllers });
    const twin = { ...deploymentOf('web', 2), metadata: { name: 'twin', namespace: 'default' } };
    const events = cluster.record(pods);
    await Promise.all([cluster.api.create(deployments, deploymentOf('web', 2)), cluster.api.create(deployments, twin)]);
    await rolledOut(cluster, 2);
    await patch(cluster, image('2'));
    await rolledOut(cluster, 2);
    const { status } = await cluster.api.get(deployments, { namespace: 'default', name: 'twin' });
    expect(status).toMatchObject({ replicas: 2, updatedReplicas: 2, availableReplicas: 2 });
    expect(events.filter(({ type }) => type === 'ADDED')).toHaveLength(6);
    expect(await setsOf(cluster)).toHaveLength(3);
  });

  it('makes nothing more once it is deleted in the middle of a roll-out', async () => {
    await using cluster = await startTestCluster({
      controllers: [...controllers, gcController],
      becomesReady: (pod) => imageOf(pod) !== 'web:bad',
    });
    const events = [cluster.record(pods), cluster.record(replicaSets)];
    await cluster.api.create(deployments, deploymentOf('web', 4));
    await rolledOut(cluster, 4);
    await patch(cluster, image('bad'));
    await until(async () => (await setsOf(cluster)).length === 2, { what: 'the middle of a roll-out' });
    await cluster.api.delete(deployments, at, { propagationPolicy: 'Foreground' });
    await until(
      async () => {
        const left = [
          ...(await cluster.api.list(deployments, { namespace: 'default' })).items,
          ...(await setsOf(cluster)),
          ...(await cluster.api.list(pods, { namespace: 'default' })).items,
        ];
        return left.length === 0;
      },
      { what: 'the end', timeoutMs: 10_000 },
    );
    await cluster.quiet();
    for (const one of events) {
      const count = (type: string): number => one.filter((event) => event.type === type).length;
      expect(count('ADDED')).toBe(count('DELETED'));
    }
  });

  it('shows that a quota keeps its pods from being made, and goes on when there is room', async () => {
    const quota = podQuota();
    quota.allow('default', 1);
    await using cluster = await startTestCluster({ controllers: [...controllers, quota.plugin] });
    await cluster.api.create(deployments, deploymentOf('web', 2));
    const conditions = async (): Promise<unknown> => (await cluster.api.get(deployments, at)).status?.conditions;
    const failure = { type: 'ReplicaFailure', status: 'True', reason: 'FailedCreate' };
    await until(
      async () => {
        expect(await conditions()).toContainEqual(expect.objectContaining(failure));
        return true;
      },
      { what: 'the failure' },
    );
    expect(await conditions()).toContainEqual(expect.objectContaining({ type: 'Available', status: 'False' }));
    quota.allow('default', 10);
    const { status } = await rolledOut(cluster, 2);
    expect(status?.conditions?.map(({ type }) => type)).not.toContain('ReplicaFailure');
  });
});
