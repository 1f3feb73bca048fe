import { describe, expect, it } from '@jest/globals';
import deploymentController from '@timonel/plugin-controller-deployment';
import replicaSetController from '@timonel/plugin-controller-replicaset';
import { deployments, pods, type Pod } from '@timonel/sdk/kube';
import { deploymentOf } from '../../integration/controllers-cluster.ts';
import { Clock } from './clock.ts';
import { startCluster, type Cluster } from './cluster.ts';
import { isReady } from './pod-status.ts';

const podOf = (name: string, command: string[], restartPolicy = 'Never'): Pod => ({
  metadata: { name },
  spec: { restartPolicy, containers: [{ name: 'main', image: 'web:1', command }] },
});

async function made(cluster: Cluster, pod: Pod): Promise<() => Promise<Pod>> {
  const namespace = await cluster.namespace();
  const { name = '' } = pod.metadata;
  await cluster.api.create(pods, { ...pod, metadata: { ...pod.metadata, namespace } });
  return () => cluster.api.get(pods, { namespace, name });
}

describe('the cluster of the conformance tests', () => {
  it('schedules pods, makes them ready and unready, and ends them', async () => {
    await using cluster = await startCluster({ controllers: [] });
    const ready = await made(cluster, podOf('ready', []));
    await cluster.until('the pod to be ready', async () => isReady(await ready()));
    expect((await ready()).spec.nodeName).toMatch(/^node-[01]$/);
    cluster.kubelet.order(await ready(), 'running');
    await cluster.until('the pod to be unready', async () => !isReady(await ready()));
    cluster.kubelet.finish(await ready(), 3);
    await cluster.until('the pod to end', async () => (await ready()).status?.phase === 'Failed');
    expect((await ready()).status?.containerStatuses?.[0]?.state.terminated).toMatchObject({ exitCode: 3 });
    const over = await made(cluster, podOf('over', ['fake:exit', '0']));
    await cluster.until('the pod to complete', async () => (await over()).status?.phase === 'Succeeded');
    const crashing = await made(cluster, podOf('crashing', ['fake:exit', '1'], 'OnFailure'));
    await cluster.until('a restart', async () => (await crashing()).status?.containerStatuses?.[0]?.restartCount === 1);
    await cluster.quiet();
  });

  it('a deleted pod terminates for as long as it may not end', async () => {
    await using cluster = await startCluster({ controllers: [], nodes: 1, kubelet: { mayEnd: () => false } });
    const pod = await made(cluster, podOf('web', []));
    await cluster.until('the pod to be ready', async () => isReady(await pod()));
    const { namespace = '', name = '' } = (await pod()).metadata;
    await cluster.api.delete(pods, { namespace, name });
    await cluster.quiet();
    expect((await pod()).metadata.deletionTimestamp).toBeDefined();
    expect(isReady(await pod())).toBe(true);
    cluster.kubelet.mayEnd = () => true;
    cluster.kubelet.look();
    await cluster.until(
      'the pod to be gone',
      async () => (await cluster.api.list(pods, { namespace })).items.length === 0,
    );
  });

  it('jumps ahead on a clock of its own', async () => {
    const clock = new Clock(Date.UTC(2030, 0, 1));
    await using cluster = await startCluster({ controllers: [deploymentController, replicaSetController], clock });
    const namespace = await cluster.namespace();
    const at = { namespace, name: 'web' };
    const wanted = deploymentOf('web', 1, { progressDeadlineSeconds: 600 });
    await cluster.api.create(deployments, {
      metadata: at,
      spec: {
        ...wanted.spec,
        template: {
          metadata: wanted.spec.template.metadata ?? {},
          spec: { containers: [{ name: 'main', image: 'web:1', command: ['fake:never-ready'] }] },
        },
      },
    });
    await cluster.until(
      'the pod to run',
      async () => (await cluster.api.list(pods, { namespace })).items[0]?.status?.phase === 'Running',
    );
    await cluster.quiet();
    await clock.advance(605_000);
    await cluster.until('the deadline', async () =>
      (await cluster.api.get(deployments, at)).status?.conditions?.some(
        ({ reason }) => reason === 'ProgressDeadlineExceeded',
      ),
    );
    expect((await cluster.api.get(deployments, at)).metadata.creationTimestamp).toMatch(/^2030-01-01T00:0/);
  });
});
