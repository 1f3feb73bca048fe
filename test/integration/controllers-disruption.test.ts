/** controller-disruption with the owners of pods and the eviction API, on the real API server. */
import { describe, expect, it } from '@jest/globals';
import deploymentController from '@timonel/plugin-controller-deployment';
import disruption from '@timonel/plugin-controller-disruption';
import replicaSetController from '@timonel/plugin-controller-replicaset';
import { controller } from '@timonel/sdk/contracts/controller';
import { isPodReady } from '@timonel/sdk/controller';
import {
  apiErrorReason,
  deployments,
  podDisruptionBudgets,
  pods,
  type Pod,
  type PodDisruptionBudget,
} from '@timonel/sdk/kube';
import { Clock } from '../conformance/support/clock.ts';
import { startCluster, type Cluster, type ClusterOptions } from '../conformance/support/cluster.ts';
import { deploymentOf } from './controllers-cluster.ts';

const controllers = [disruption, deploymentController, replicaSetController];

interface Bed extends AsyncDisposable {
  readonly cluster: Cluster;
  readonly namespace: string;
  budget(name?: string): Promise<PodDisruptionBudget>;
  /** expectedPods, desiredHealthy, currentHealthy, disruptionsAllowed. */
  counts(name?: string): Promise<number[]>;
  reads(counts: readonly number[], name?: string): Promise<void>;
  pods(): Promise<readonly Pod[]>;
  /** The reason of the refusal. */
  evict(pod: Pod): Promise<string | undefined>;
}

async function bed(options: Partial<ClusterOptions> = {}): Promise<Bed> {
  const cluster = await startCluster({ controllers, ...options });
  const namespace = await cluster.namespace();
  const budget = (name = 'keep'): Promise<PodDisruptionBudget> =>
    cluster.api.get(podDisruptionBudgets, { namespace, name });
  const counts = async (name?: string): Promise<number[]> => {
    const { metadata, status } = await budget(name);
    if (status === undefined || status.observedGeneration !== metadata.generation) return [];
    return [status.expectedPods, status.desiredHealthy, status.currentHealthy, status.disruptionsAllowed];
  };
  return {
    cluster,
    namespace,
    budget,
    counts,
    async reads(expected, name) {
      await cluster.until(`the counts ${expected.join()}`, async () => (await counts(name)).join() === expected.join());
    },
    pods: async () => (await cluster.api.list(pods, { namespace })).items,
    async evict({ metadata: { name = '' } }) {
      try {
        await cluster.api.createSubresource(pods, { namespace, name }, 'eviction', { metadata: { name, namespace } });
        return undefined;
      } catch (error) {
        return apiErrorReason(error);
      }
    },
    [Symbol.asyncDispose]: () => cluster[Symbol.asyncDispose](),
  };
}

async function deploy({ cluster, namespace }: Bed, replicas: number): Promise<void> {
  await cluster.api.create(deployments, { ...deploymentOf('web', replicas), metadata: { name: 'web', namespace } });
}

async function protect(
  { cluster, namespace }: Bed,
  spec: NonNullable<PodDisruptionBudget['spec']>,
  name = 'keep',
): Promise<void> {
  const selector = { matchLabels: { app: 'web' } };
  await cluster.api.create(podDisruptionBudgets, { metadata: { name, namespace }, spec: { selector, ...spec } });
}

describe('controller-disruption', () => {
  it('follows pods, the scale of their owners and its own changes', async () => {
    await using b = await bed();
    await protect(b, { maxUnavailable: '50%' });
    await b.reads([0, 0, 0, 0]);
    await deploy(b, 4);
    await b.reads([4, 2, 4, 2]);
    const at = { namespace: b.namespace, name: 'web' };
    await b.cluster.api.patch(deployments, at, { type: 'merge', body: { spec: { replicas: 6 } } });
    await b.reads([6, 3, 6, 3]);
    await b.cluster.api.patch(
      podDisruptionBudgets,
      { ...at, name: 'keep' },
      { type: 'merge', body: { spec: { maxUnavailable: 1 } } },
    );
    await b.reads([6, 5, 6, 1]);
    const [pod] = await b.pods();
    b.cluster.kubelet.order(pod ?? { metadata: {} }, 'running');
    await b.reads([6, 5, 5, 0]);
    expect((await b.budget()).status?.conditions).toMatchObject([{ reason: 'InsufficientPods', status: 'False' }]);
    await b.cluster.quiet();
    const changes = b.cluster.record(podDisruptionBudgets, b.namespace);
    await b.cluster.quiet();
    expect(changes).toHaveLength(1);
  });

  it('looks at a budget again only when something changed that counts for it', async () => {
    await using b = await bed();
    await deploy(b, 2);
    await protect(b, { maxUnavailable: 1 });
    await b.reads([2, 1, 2, 1]);
    await b.cluster.quiet();
    const reconciles = (): number =>
      b.cluster.server.kernel
        .service(controller)
        .all()
        .map(({ service }) => service.status())
        .find(({ name }) => name === 'disruption')?.reconciles ?? -1;
    const before = reconciles();
    const [pod] = await b.pods();
    const name = pod?.metadata.name ?? '';
    const at = { namespace: b.namespace, name };
    await b.cluster.api.patch(pods, at, { type: 'merge', body: { metadata: { annotations: { a: 'b' } } } });
    await b.cluster.api.create(deployments, {
      ...deploymentOf('other', 3),
      metadata: { name: 'other', namespace: b.namespace },
    });
    await b.cluster.until('the others', async () => (await b.pods()).filter(isPodReady).length === 5);
    await b.cluster.quiet();
    expect(reconciles()).toBe(before);
  });

  it('many evictions at once: no more pods go than the budget allows', async () => {
    await using b = await bed();
    await deploy(b, 6);
    await protect(b, { minAvailable: 4 });
    await b.reads([6, 4, 6, 2]);
    b.cluster.kubelet.mayEnd = () => false;
    const before = await b.pods();
    const answers = await Promise.all(before.map((pod) => b.evict(pod)));
    expect(answers.filter((answer) => answer === undefined)).toHaveLength(2);
    expect(answers.filter((answer) => answer === 'TooManyRequests')).toHaveLength(4);
    const gone = (await b.pods()).filter(({ metadata }) => metadata.deletionTimestamp !== undefined);
    expect(gone).toHaveLength(2);
    for (const { status } of gone) {
      expect(status?.conditions).toContainEqual(
        expect.objectContaining({ type: 'DisruptionTarget', reason: 'EvictionByEvictionAPI' }),
      );
    }
    // Their replacements are ready: two more may go.
    await b.cluster.until('the replacements', async () => (await b.counts()).at(-1) === 2);
    expect((await b.budget()).status?.disruptedPods).toBeUndefined();
  });

  it('counts a pod again whose eviction came to nothing, and takes the condition back', async () => {
    const clock = new Clock();
    await using b = await bed({ clock });
    await deploy(b, 2);
    await protect(b, { minAvailable: 1 });
    await b.reads([2, 1, 2, 1]);
    const [pod] = await b.pods();
    const name = pod?.metadata.name ?? '';
    // As if the server had ended between using up the budget and the deletion.
    const at = { namespace: b.namespace, name: 'keep' };
    const status = { disruptionsAllowed: 0, disruptedPods: { [name]: clock.env.clock.timestamp() } };
    await b.cluster.api.patch(podDisruptionBudgets, at, { type: 'merge', body: { status } }, { subresource: 'status' });
    const condition = {
      type: 'DisruptionTarget',
      status: 'True',
      reason: 'EvictionByEvictionAPI',
      lastTransitionTime: clock.env.clock.timestamp(),
    };
    const target = { ...at, name };
    const body = { status: { conditions: [condition] } };
    await b.cluster.api.patch(pods, target, { type: 'strategic', body }, { subresource: 'status' });
    await b.reads([2, 1, 1, 0]);
    await clock.advance(125_000);
    await b.reads([2, 1, 2, 1]);
    await b.cluster.until('the condition to be taken back', async () =>
      (await b.cluster.api.get(pods, target)).status?.conditions?.some(
        ({ type, status: is }) => type === 'DisruptionTarget' && is === 'False',
      ),
    );
    expect(isPodReady(await b.cluster.api.get(pods, target))).toBe(true);
  });

  it('is kept while it is being deleted: it holds until it is gone', async () => {
    await using b = await bed();
    const at = { namespace: b.namespace, name: 'keep' };
    const finalizers = (value: string[] | null): Promise<unknown> =>
      b.cluster.api.patch(podDisruptionBudgets, at, { type: 'merge', body: { metadata: { finalizers: value } } });
    await protect(b, { minAvailable: 1 });
    await finalizers(['example.com/held']);
    await b.cluster.api.delete(podDisruptionBudgets, at);
    await b.cluster.quiet();
    await deploy(b, 2);
    await b.reads([2, 1, 2, 1]);
    const [first, second] = await b.pods();
    expect(await b.evict(first as Pod)).toBeUndefined();
    await b.reads([2, 1, 2, 1]);
    expect(await b.evict(second as Pod)).toBeUndefined();
    await finalizers(null);
  });

  it('while it is disabled no more pods go than it had allowed; once it is enabled again, others may', async () => {
    await using b = await bed();
    await deploy(b, 4);
    await protect(b, { minAvailable: 3 });
    await b.reads([4, 3, 4, 1]);
    const { control } = b.cluster.server.kernel;
    await control.disable('controller-disruption');
    const [first, second] = await b.pods();
    expect(await b.evict(first as Pod)).toBeUndefined();
    await b.cluster.until('its replacement', async () => {
      const ready = (await b.pods()).filter(isPodReady);
      return ready.length === 4 && ready.every(({ metadata }) => metadata.uid !== first?.metadata.uid);
    });
    expect(await b.evict(second as Pod)).toBe('TooManyRequests');
    await control.enable('controller-disruption');
    await b.reads([4, 3, 4, 1]);
    expect(await b.evict(second as Pod)).toBeUndefined();
  });

  it('pods whose owner has no scale: nothing is allowed, with a condition that says what to do', async () => {
    await using b = await bed();
    const owner = { apiVersion: 'batch/v1', kind: 'Job', name: 'work', uid: 'job-uid', controller: true };
    const containers = [{ name: 'main', image: 'job:1' }];
    await b.cluster.api.create(pods, {
      metadata: { name: 'work-1', namespace: b.namespace, labels: { app: 'web' }, ownerReferences: [owner] },
      spec: { containers },
    });
    await protect(b, { maxUnavailable: 1 });
    const condition = await b.cluster.until('the condition', async () =>
      (await b.budget()).status?.conditions?.find(({ reason }) => reason === 'SyncFailed'),
    );
    expect(condition?.message).toContain('minAvailable as a number');
    await b.cluster.quiet();
    const at = { namespace: b.namespace, name: 'keep' };
    const spec = { maxUnavailable: null, minAvailable: 0 };
    await b.cluster.api.patch(podDisruptionBudgets, at, { type: 'merge', body: { spec } });
    await b.reads([1, 0, 1, 1]);
  });
});
