import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import daemonSetController from '@timonel/plugin-controller-daemonset';
import { controllerRevisions, daemonSets, nodes, pods, type DaemonSet, type Pod } from '@timonel/sdk/kube';
import { startCluster, type Cluster } from './support/cluster.ts';
import { isReady } from './support/pod-status.ts';

const labels = { app: 'agent' };
const nodeNames = ['node-0', 'node-1', 'node-2'];

function agentSet(namespace: string, more: Partial<DaemonSet['spec']> = {}): DaemonSet {
  return {
    metadata: { name: 'agent', namespace, labels },
    spec: {
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { containers: [{ name: 'main', image: 'agent:1' }] } },
      ...more,
    },
  };
}

const imageOf = (pod: Pod): string | undefined => pod.spec.containers[0]?.image;

describe('apps: DaemonSet', () => {
  let cluster: Cluster;
  beforeAll(async () => {
    cluster = await startCluster({ controllers: [daemonSetController], nodes: nodeNames.length });
  });
  afterAll(async () => {
    await cluster[Symbol.asyncDispose]();
  });

  const at = (namespace: string) => ({ namespace, name: 'agent' });
  const get = (namespace: string): Promise<DaemonSet> => cluster.api.get(daemonSets, at(namespace));
  const podsOf = async (namespace: string): Promise<Pod[]> => (await cluster.api.list(pods, { namespace })).items;
  const label = (name: string, value: string | null): Promise<unknown> =>
    cluster.api.patch(nodes, { name }, { type: 'merge', body: { metadata: { labels: { color: value } } } });
  const roll = (namespace: string, tag: string, command: string[] = []): Promise<DaemonSet> => {
    const containers = [{ name: 'main', image: `agent:${tag}`, command }];
    return cluster.api.patch(daemonSets, at(namespace), {
      type: 'strategic',
      body: { spec: { template: { spec: { containers } } } },
    });
  };
  /** What `kubectl rollout status` waits for, and that exactly these nodes have a ready pod each. */
  const serves = async (namespace: string, wanted: readonly string[] = nodeNames): Promise<Pod[]> => {
    await cluster.until(`pods on ${wanted.join(', ')}`, async () => {
      const { metadata, status } = await get(namespace);
      const found = await podsOf(namespace);
      const stays = found.filter(({ metadata: { deletionTimestamp } }) => deletionTimestamp === undefined);
      const served = stays.filter(isReady).map(({ spec }) => spec.nodeName ?? '');
      return (
        status?.observedGeneration === metadata.generation &&
        status?.desiredNumberScheduled === wanted.length &&
        status.updatedNumberScheduled === wanted.length &&
        status.numberAvailable === wanted.length &&
        found.length === wanted.length &&
        served.toSorted().join() === wanted.join()
      );
    });
    return podsOf(namespace);
  };
  const made = async (more: Partial<DaemonSet['spec']> = {}): Promise<string> => {
    const namespace = await cluster.namespace();
    await cluster.api.create(daemonSets, agentSet(namespace, more));
    return namespace;
  };

  it('runs a pod on every node, and makes a deleted one anew', async () => {
    const namespace = await made();
    const [pod] = await serves(namespace);
    await cluster.api.delete(pods, { namespace, name: pod?.metadata.name ?? '' });
    const after = await serves(namespace);
    expect(after.map(({ metadata }) => metadata.uid)).not.toContain(pod?.metadata.uid);
    await cluster.nodes.add('node-9');
    await serves(namespace, [...nodeNames, 'node-9']);
    await cluster.nodes.remove('node-9');
    for (const gone of (await podsOf(namespace)).filter(({ spec }) => spec.nodeName === 'node-9'))
      await cluster.api.delete(pods, { namespace, name: gone.metadata.name ?? '' }, { gracePeriodSeconds: 0 });
    await serves(namespace);
  });

  it('follows a node selector: labels bring pods, other labels take them away', async () => {
    const selecting = (color: string) => {
      const spec = { nodeSelector: { color }, containers: [{ name: 'main', image: 'agent:1' }] };
      return { template: { metadata: { labels }, spec } };
    };
    const namespace = await made(selecting('blue'));
    await serves(namespace, []);
    await label('node-1', 'blue');
    await serves(namespace, ['node-1']);
    await label('node-1', 'green');
    await serves(namespace, []);
    await cluster.api.patch(daemonSets, at(namespace), {
      type: 'merge',
      body: { spec: selecting('green') },
    });
    await serves(namespace, ['node-1']);
    await label('node-1', null);
    await serves(namespace, []);
  });

  it('follows node affinity and taints', async () => {
    const matchExpressions = [{ key: 'color', operator: 'In', values: ['red'] }];
    const required = { nodeSelectorTerms: [{ matchExpressions }] };
    const affinity = { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: required } };
    const spec = { affinity, containers: [{ name: 'main', image: 'agent:1' }] };
    const namespace = await made({ template: { metadata: { labels }, spec } });
    await label('node-2', 'red');
    await serves(namespace, ['node-2']);
    const taint = (effect?: string) => {
      const taints = effect === undefined ? [] : [{ key: 'dedicated', effect }];
      return cluster.api.patch(nodes, { name: 'node-2' }, { type: 'merge', body: { spec: { taints } } });
    };
    await taint('NoSchedule');
    await cluster.until('one misscheduled pod', async () => (await get(namespace)).status?.numberMisscheduled === 1);
    expect((await podsOf(namespace)).filter(isReady)).toHaveLength(1);
    await taint('NoExecute');
    await serves(namespace, []);
    await taint();
    await serves(namespace, ['node-2']);
    await label('node-2', null);
  });

  it('makes failed pods anew', async () => {
    const namespace = await made();
    const [pod] = await serves(namespace);
    cluster.kubelet.order(pod as Pod, { failed: { reason: 'Evicted' } });
    await cluster.until('the failed pod to go', async () =>
      (await podsOf(namespace)).every(({ metadata }) => metadata.uid !== pod?.metadata.uid),
    );
    await serves(namespace);
    const reasons = (await cluster.eventsOf(await get(namespace))).map(({ reason }) => reason);
    expect(reasons).toContain('FailedDaemonPod');
  });

  it('rolls a new template out with RollingUpdate, one node after the other', async () => {
    const namespace = await made();
    await serves(namespace);
    const events = cluster.record(pods, namespace);
    await roll(namespace, '2');
    expect((await serves(namespace)).map(imageOf)).toEqual(['agent:2', 'agent:2', 'agent:2']);
    const ready = new Map<string, boolean>();
    let fewest = nodeNames.length;
    for (const { type, object } of events) {
      const { uid = '', deletionTimestamp } = object.metadata;
      if (type === 'DELETED' || deletionTimestamp !== undefined) ready.delete(uid);
      else ready.set(uid, isReady(object));
      if (ready.size >= nodeNames.length - 1) fewest = Math.min(fewest, [...ready.values()].filter(Boolean).length);
    }
    expect(fewest).toBe(nodeNames.length - 1);
  });

  it('rolls out with maxSurge without a node left alone', async () => {
    const updateStrategy = { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } };
    const namespace = await made({ updateStrategy });
    await serves(namespace);
    const events = cluster.record(pods, namespace);
    await roll(namespace, '2');
    expect((await serves(namespace)).map(imageOf)).toEqual(['agent:2', 'agent:2', 'agent:2']);
    const alive = new Map<string, Pod>();
    let most = 0;
    for (const { type, object } of events) {
      const { uid = '', deletionTimestamp } = object.metadata;
      if (type === 'DELETED') alive.delete(uid);
      else alive.set(uid, object);
      if (deletionTimestamp !== undefined && object.status?.phase === 'Running') {
        const { nodeName } = object.spec;
        const others = [...alive.values()].filter((pod) => pod.spec.nodeName === nodeName && pod !== object);
        expect(others.some(isReady)).toBe(true);
      }
      most = Math.max(
        most,
        [...alive.values()].filter(({ metadata }) => metadata.deletionTimestamp === undefined).length,
      );
    }
    expect(most).toBe(nodeNames.length + 1);
  });

  it('goes back from a bad template without needless restarts', async () => {
    const namespace = await made();
    const before = await serves(namespace);
    await roll(namespace, 'bad', ['fake:never-ready']);
    await cluster.until('one bad pod', async () =>
      (await podsOf(namespace)).some((pod) => imageOf(pod) === 'agent:bad'),
    );
    await cluster.quiet();
    const kept = (await podsOf(namespace)).filter((pod) => imageOf(pod) === 'agent:1');
    expect(kept).toHaveLength(nodeNames.length - 1);
    const revisions = (await cluster.api.list(controllerRevisions, { namespace })).items;
    const first = revisions.find(({ revision }) => revision === 1);
    // As `kubectl rollout undo` does it.
    await cluster.api.patch(daemonSets, at(namespace), { type: 'strategic', body: first?.data });
    const after = await serves(namespace);
    const uids = (of: Pod[]): (string | undefined)[] => of.map(({ metadata }) => metadata.uid);
    expect(uids(after)).toEqual(expect.arrayContaining(uids(kept)));
    expect(uids(before)).toEqual(expect.arrayContaining(uids(kept)));
  });

  it('OnDelete replaces pods when somebody deletes them', async () => {
    const namespace = await made({ updateStrategy: { type: 'OnDelete' } });
    const [pod] = await serves(namespace);
    await roll(namespace, '2');
    await cluster.until('the new template', async () => (await get(namespace)).status?.updatedNumberScheduled === 0);
    await cluster.quiet();
    expect((await podsOf(namespace)).map(imageOf)).toEqual(['agent:1', 'agent:1', 'agent:1']);
    await cluster.api.delete(pods, { namespace, name: pod?.metadata.name ?? '' });
    await cluster.until('one new pod', async () => (await get(namespace)).status?.updatedNumberScheduled === 1);
    await cluster.quiet();
    const fresh = (await podsOf(namespace)).filter((one) => imageOf(one) === 'agent:2');
    expect(fresh.map(({ spec }) => spec.nodeName)).toEqual([pod?.spec.nodeName]);
  });

  it('keeps conditions that others write to the status, and counts beside them', async () => {
    const namespace = await made();
    await serves(namespace);
    const set = await get(namespace);
    const condition = { type: 'StatusUpdate', status: 'True' as const, reason: 'E2E', message: 'set by a test' };
    const status = { currentNumberScheduled: 0, numberMisscheduled: 0, desiredNumberScheduled: 0, numberReady: 0 };
    await cluster.api.updateStatus(daemonSets, { ...set, status: { ...status, conditions: [condition] } });
    await cluster.until('the counts', async () => {
      const { status: after } = await get(namespace);
      return after?.numberReady === nodeNames.length && after.conditions?.[0]?.type === 'StatusUpdate';
    });
  });

  it('is listed and deleted as a collection', async () => {
    const namespace = await made();
    await serves(namespace);
    expect((await cluster.api.list(daemonSets, { namespace, labelSelector: 'app=agent' })).items).toHaveLength(1);
    const path = `/apis/apps/v1/namespaces/${namespace}/daemonsets?labelSelector=app%3Dagent`;
    expect((await cluster.server.send('DELETE', path)).status).toBe(200);
    expect((await cluster.api.list(daemonSets, { namespace })).items).toHaveLength(0);
  });
});
