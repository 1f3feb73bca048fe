/** Real kubectl's commands about roll-outs, and `timonel why` of those who keep pods. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import apiWhy from '@timonel/plugin-api-why';
import deploymentController from '@timonel/plugin-controller-deployment';
import gcController from '@timonel/plugin-controller-gc';
import replicaSetController from '@timonel/plugin-controller-replicaset';
import { deployments, pods, replicaSets } from '@timonel/sdk/kube';
import { podQuota } from '../conformance/pod-quota.ts';
import { startCluster, type Cluster } from '../conformance/support/cluster.ts';
import { kubectlIn } from '../support/kubectl-in.ts';
import { deploymentOf, replicaSetOf } from './controllers-cluster.ts';

const quota = podQuota();
let cluster: Cluster;
beforeAll(async () => {
  cluster = await startCluster({
    controllers: [deploymentController, replicaSetController, gcController],
    plugins: [apiWhy, quota.plugin],
    kubelet: { script: ({ spec }) => (spec.containers[0]?.image === 'web:bad' ? 'running' : 'ready') },
  });
});
afterAll(async () => {
  await cluster[Symbol.asyncDispose]();
});

interface Session {
  readonly namespace: string;
  readonly run: (...args: string[]) => Promise<string>;
}

async function session(replicas: number): Promise<Session> {
  const namespace = await cluster.namespace();
  const { spec } = deploymentOf('web', replicas);
  await cluster.api.create(deployments, { metadata: { namespace, name: 'web' }, spec });
  return { namespace, run: kubectlIn(cluster.server, namespace) };
}

const sizesOf = async (namespace: string): Promise<Record<string, number>> => {
  const { items } = await cluster.api.list(replicaSets, { namespace });
  return Object.fromEntries(items.map(({ spec }) => [spec.template?.spec.containers[0]?.image, spec.replicas ?? 1]));
};

describe('kubectl rollout', () => {
  it('status, history, undo: a revision comes back with its change-cause', async () => {
    const { namespace, run } = await session(2);
    expect(await run('rollout', 'status', 'deployment/web')).toContain('successfully rolled out');
    await run('annotate', 'deployment/web', 'kubernetes.io/change-cause=the first version');
    await cluster.quiet();
    await run('set', 'image', 'deployment/web', 'main=web:2');
    await run('annotate', '--overwrite', 'deployment/web', 'kubernetes.io/change-cause=the second version');
    expect(await run('rollout', 'status', 'deployment/web')).toContain('successfully rolled out');
    await cluster.quiet();
    expect(await run('rollout', 'history', 'deployment/web')).toMatch(/1 +the first version\n2 +the second version/);
    expect(await run('rollout', 'history', 'deployment/web', '--revision=1')).toContain('web:1');
    await run('rollout', 'undo', 'deployment/web');
    expect(await run('rollout', 'status', 'deployment/web')).toContain('successfully rolled out');
    await cluster.quiet();
    expect(await sizesOf(namespace)).toEqual({ 'web:1': 2, 'web:2': 0 });
    const history = await run('rollout', 'history', 'deployment/web');
    expect(history).toMatch(/2 +the second version\n3 +the first version/);
    expect(history).not.toMatch(/^1 /m);
    await run('rollout', 'undo', 'deployment/web', '--to-revision=2');
    await cluster.until('revision 2 again', async () => (await sizesOf(namespace))['web:2'] === 2);
  });

  it('pause, resume and restart', async () => {
    const { namespace, run } = await session(1);
    await run('rollout', 'status', 'deployment/web');
    await run('rollout', 'pause', 'deployment/web');
    await run('set', 'image', 'deployment/web', 'main=web:2');
    await cluster.quiet();
    expect(await sizesOf(namespace)).toEqual({ 'web:1': 1 });
    await run('rollout', 'resume', 'deployment/web');
    expect(await run('rollout', 'status', 'deployment/web')).toContain('successfully rolled out');
    expect(await sizesOf(namespace)).toEqual({ 'web:1': 0, 'web:2': 1 });
    const before = (await cluster.api.list(pods, { namespace })).items.map(({ metadata }) => metadata.uid);
    await run('rollout', 'restart', 'deployment/web');
    expect(await run('rollout', 'status', 'deployment/web')).toContain('successfully rolled out');
    await cluster.until('the old pod to go', async () => {
      const { items } = await cluster.api.list(pods, { namespace });
      return items.length === 1 && !before.includes(items[0]?.metadata.uid);
    });
    expect(await run('get', 'deployment', 'web')).toMatch(/web +1\/1 +1 +1 /);
  });
});

describe('timonel why', () => {
  // oxlint-disable-next-line no-explicit-any
  const why = async (namespace: string, object: string): Promise<any> =>
    (await cluster.server.send('GET', `/apis/why.timonel.dev/v1/namespaces/${namespace}/${object}`)).body;

  it('tells of a roll-out that waits which pods it waits for, and what was done last', async () => {
    const { namespace, run } = await session(2);
    await run('rollout', 'status', 'deployment/web');
    await cluster.quiet();
    expect(await why(namespace, 'deployments.apps/web')).toMatchObject({ state: 'AsDeclared', causes: [] });
    await run('set', 'image', 'deployment/web', 'main=web:bad');
    await cluster.until('a pod that is not ready', async () => {
      const { causes } = await why(namespace, 'deployments.apps/web');
      return causes[0]?.code === 'ContainersNotReady';
    });
    await cluster.quiet();
    const { state, causes, decisions } = await why(namespace, 'deployments.apps/web');
    expect(state).toBe('Progressing');
    expect(causes.at(-1)).toMatchObject({
      code: 'RollingUpdate',
      text: expect.stringContaining('1 of 2 pods are of the present template, 2 pods are available'),
    });
    expect(decisions[0]).toMatchObject({
      by: 'controller-deployment',
      text: expect.stringMatching(/NewTemplate|NewRevision/),
    });
    await run('rollout', 'pause', 'deployment/web');
    await cluster.until(
      'the pause',
      async () => (await why(namespace, 'deployments.apps/web')).causes[0]?.code === 'Paused',
    );
  });

  it('tells that a quota keeps pods of a replica set from being made', async () => {
    const namespace = await cluster.namespace();
    quota.allow(namespace, 1);
    await cluster.api.create(replicaSets, { ...replicaSetOf('web', 2), metadata: { namespace, name: 'web' } });
    await cluster.until('the refusal', async () => (await why(namespace, 'replicasets.apps/web')).state === 'Failing');
    const { summary, causes } = await why(namespace, 'replicasets.apps/web');
    expect(summary).toContain('exceeded quota');
    expect(causes).toContainEqual(
      expect.objectContaining({ code: 'FailedCreate', text: expect.stringContaining('1 of 2 replicas exist') }),
    );
  });
});
