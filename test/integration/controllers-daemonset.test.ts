import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import apiWhy from '@timonel/plugin-api-why';
import daemonSetController from '@timonel/plugin-controller-daemonset';
import gcController from '@timonel/plugin-controller-gc';
import { controller } from '@timonel/sdk/contracts/controller';
import {
  controllerOf,
  controllerRevisions,
  daemonSets,
  nodes,
  pods,
  type DaemonSet,
  type Pod,
} from '@timonel/sdk/kube';
import denyLatest from '../../examples/plugins/deny-latest.ts';
import { Clock } from '../conformance/support/clock.ts';
import { startCluster, type Cluster } from '../conformance/support/cluster.ts';
import { isReady } from '../conformance/support/pod-status.ts';
import { kubectlIn } from '../support/kubectl-in.ts';

const labels = { app: 'agent' };

function agentSet(namespace: string, image = 'agent:1', more: Partial<DaemonSet['spec']> = {}): DaemonSet {
  return {
    metadata: { name: 'agent', namespace },
    spec: {
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { containers: [{ name: 'main', image }] } },
      ...more,
    },
  };
}

const at = (namespace: string) => ({ namespace, name: 'agent' });
const uidsOf = (of: readonly Pod[]): Set<string | undefined> => new Set(of.map(({ metadata }) => metadata.uid));

describe('controller-daemonset', () => {
  let cluster: Cluster;
  beforeAll(async () => {
    cluster = await startCluster({
      controllers: [daemonSetController, gcController],
      plugins: [denyLatest, apiWhy],
      nodes: 3,
    });
  });
  afterAll(async () => {
    await cluster[Symbol.asyncDispose]();
  });

  const get = (namespace: string): Promise<DaemonSet> => cluster.api.get(daemonSets, at(namespace));
  const podsOf = async (namespace: string): Promise<Pod[]> => (await cluster.api.list(pods, { namespace })).items;
  const settled = async (namespace: string): Promise<Pod[]> => {
    await cluster.until('a ready pod on every node', async () => {
      const { metadata, status } = await get(namespace);
      const counts = [status?.desiredNumberScheduled, status?.updatedNumberScheduled, status?.numberAvailable];
      return status?.observedGeneration === metadata.generation && counts.every((count) => count === 3);
    });
    return podsOf(namespace);
  };
  const made = async (image?: string, more?: Partial<DaemonSet['spec']>): Promise<string> => {
    const namespace = await cluster.namespace();
    await cluster.api.create(daemonSets, agentSet(namespace, image, more));
    return namespace;
  };
  const setImage = (namespace: string, image: string): Promise<DaemonSet> =>
    cluster.api.patch(daemonSets, at(namespace), {
      type: 'strategic',
      body: { spec: { template: { spec: { containers: [{ name: 'main', image }] } } } },
    });
  const reconciles = (): number =>
    cluster.server.kernel
      .service(controller)
      .all()
      .find(({ service }) => service.status().name === 'daemonset')
      ?.service.status().reconciles ?? 0;

  it('makes one pod for each node, rests, and is not woken by heartbeats of nodes', async () => {
    const namespace = await cluster.namespace();
    const events = cluster.record(pods, namespace);
    const writes = [events, cluster.record(daemonSets, namespace), cluster.record(controllerRevisions, namespace)];
    await cluster.api.create(daemonSets, agentSet(namespace));
    await settled(namespace);
    await cluster.quiet();
    expect(events.filter(({ type }) => type === 'ADDED')).toHaveLength(3);
    const total = (): number => writes.reduce((sum, list) => sum + list.length, 0);
    const before = { writes: total(), reconciles: reconciles() };
    const node = await cluster.api.get(nodes, { name: 'node-0' });
    await cluster.api.updateStatus(nodes, {
      ...node,
      status: { ...node.status, images: [{ names: ['a'], sizeBytes: 1 }] },
    });
    await cluster.quiet();
    expect({ writes: total(), reconciles: reconciles() }).toEqual(before);
    const [pod] = await podsOf(namespace);
    expect(pod?.metadata.name).toMatch(/^agent-[a-z0-9]{5}$/);
    expect(pod?.metadata.labels).toMatchObject({ 'pod-template-generation': '1' });
  });

  it('deleted without its pods and made again it takes them back without a restart, and rolls others out', async () => {
    const namespace = await made();
    const before = uidsOf(await settled(namespace));
    await cluster.api.delete(daemonSets, at(namespace), { propagationPolicy: 'Orphan' });
    await cluster.until('orphans', async () =>
      (await podsOf(namespace)).every((pod) => controllerOf(pod) === undefined),
    );
    await cluster.api.create(daemonSets, agentSet(namespace));
    await settled(namespace);
    expect(uidsOf(await podsOf(namespace))).toEqual(before);
    expect((await cluster.api.list(controllerRevisions, { namespace })).items).toHaveLength(1);
    await setImage(namespace, 'agent:2');
    const after = await settled(namespace);
    expect(after.filter(({ metadata }) => before.has(metadata.uid))).toEqual([]);
  });

  it('a template that the API refuses is told as an event and mended by another template', async () => {
    const namespace = await made('agent:latest');
    await cluster.until('the refusal', async () =>
      (await cluster.eventsOf(await get(namespace))).some(
        ({ reason, message }) =>
          reason === 'FailedCreate' && message?.startsWith('Error creating: ') && message.includes('name a version'),
      ),
    );
    const { body } = await cluster.server.send(
      'GET',
      `/apis/why.timonel.dev/v1/namespaces/${namespace}/daemonsets.apps/agent`,
    );
    expect(body.causes).toMatchObject([{ code: 'refused' }, { code: 'pod-missing', nodes: { count: 3 } }]);
    await setImage(namespace, 'agent:1');
    await settled(namespace);
  });

  it('more unavailable pods than a roll-out may make stop it, and deletion in the middle of it takes all along', async () => {
    const namespace = await made();
    await settled(namespace);
    cluster.kubelet.script = ({ spec }) => (spec.containers[0]?.image === 'agent:bad' ? 'running' : 'ready');
    await setImage(namespace, 'agent:bad');
    await cluster.until('a bad pod', async () => (await get(namespace)).status?.updatedNumberScheduled === 1);
    await cluster.quiet();
    expect((await podsOf(namespace)).filter(isReady)).toHaveLength(2);
    await cluster.api.delete(daemonSets, at(namespace));
    await cluster.until('nothing to be left', async () => {
      const revisions = await cluster.api.list(controllerRevisions, { namespace });
      return (await podsOf(namespace)).length + revisions.items.length === 0;
    });
    cluster.kubelet.script = () => 'ready';
  });

  it('two sets of one selector and of one very long name but its end have pods of their own, and rest', async () => {
    const namespace = await cluster.namespace();
    const names = ['a', 'b'].map((end) => `${'agent-'.repeat(16)}${end}`);
    for (const name of names) {
      await cluster.api.create(daemonSets, { ...agentSet(namespace), metadata: { name, namespace } });
    }
    for (const name of names) {
      await cluster.until(`the pods of ${name}`, async () => {
        const { status } = await cluster.api.get(daemonSets, { namespace, name });
        return status?.numberAvailable === 3 && status.updatedNumberScheduled === 3;
      });
    }
    const owners = (await podsOf(namespace)).map((pod) => controllerOf(pod)?.name);
    for (const name of names) expect(owners.filter((owner) => owner === name)).toHaveLength(3);
    await cluster.quiet();
    const before = reconciles();
    await cluster.quiet();
    expect(reconciles()).toBe(before);
  });

  it('kubectl rollout status, history and undo know its revisions', async () => {
    const namespace = await made();
    const run = kubectlIn(cluster.server, namespace);
    const images = async (): Promise<Set<string | undefined>> =>
      new Set((await podsOf(namespace)).map(({ spec }) => spec.containers[0]?.image));
    expect(await run('rollout', 'status', 'ds/agent')).toContain('successfully rolled out');
    await run('annotate', 'ds/agent', 'kubernetes.io/change-cause=a second version');
    await run('set', 'image', 'ds/agent', 'main=agent:2');
    expect(await run('rollout', 'status', 'ds/agent')).toContain('successfully rolled out');
    expect(await run('rollout', 'history', 'ds/agent')).toMatch(/1\s+<none>\s+2\s+a second version/);
    expect(await run('rollout', 'history', 'ds/agent', '--revision=1')).toContain('agent:1');
    await run('rollout', 'undo', 'ds/agent');
    await run('rollout', 'status', 'ds/agent');
    expect(await images()).toEqual(new Set(['agent:1']));
    await run('rollout', 'undo', 'ds/agent', '--to-revision=2');
    await run('rollout', 'status', 'ds/agent');
    expect(await images()).toEqual(new Set(['agent:2']));
    expect(
      (await cluster.api.list(controllerRevisions, { namespace })).items
        .map(({ revision }) => revision)
        .toSorted((a, b) => a - b),
    ).toEqual([3, 4]);
  });
});

it('controller-daemonset replaces pods that fail again and again later and later', async () => {
  const clock = new Clock(Date.UTC(2030, 0, 1));
  await using cluster = await startCluster({
    controllers: [daemonSetController],
    nodes: 1,
    scheduler: false,
    clock,
    kubelet: { script: () => ({ failed: { reason: 'NodePorts' } }) },
  });
  const namespace = await cluster.namespace();
  const events = cluster.record(pods, namespace);
  const count = (): number => events.filter(({ type }) => type === 'ADDED').length;
  await cluster.api.create(daemonSets, agentSet(namespace));
  // The first is replaced at once, its successors after 1, 2, 4 and 8 s.
  await cluster.until('the second', () => count() === 2);
  for (const [seconds, made] of [
    [2, 3],
    [3, 4],
    [5, 5],
    [9, 6],
  ] as const) {
    await cluster.quiet();
    expect(count()).toBe(made - 1);
    await clock.advance(seconds * 1000);
    await cluster.until(`pod ${made}`, () => count() === made);
  }
  expect(await cluster.eventsOf(await cluster.api.get(daemonSets, at(namespace)))).toContainEqual(
    expect.objectContaining({ reason: 'FailedDaemonPod', type: 'Warning' }),
  );
});
