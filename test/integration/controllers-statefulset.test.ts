import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import apiWhy from '@timonel/plugin-api-why';
import gcController from '@timonel/plugin-controller-gc';
import statefulSetController from '@timonel/plugin-controller-statefulset';
import {
  controllerOf,
  controllerRevisions,
  persistentVolumeClaims,
  pods,
  statefulSets,
  type Pod,
  type StatefulSet,
} from '@timonel/sdk/kube';
import denyLatest from '../../examples/plugins/deny-latest.ts';
import { startCluster, type Cluster } from '../conformance/support/cluster.ts';
import { isReady } from '../conformance/support/pod-status.ts';
import { kubectlIn } from '../support/kubectl-in.ts';

const labels = { app: 'db' };
const data = {
  metadata: { name: 'data' },
  spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
};

function dbSet(namespace: string, replicas: number, more: Partial<StatefulSet['spec']> = {}): StatefulSet {
  return {
    metadata: { name: 'db', namespace },
    spec: {
      replicas,
      serviceName: 'db',
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { containers: [{ name: 'main', image: 'db:1' }] } },
      ...more,
    },
  };
}

describe('controller-statefulset', () => {
  let cluster: Cluster;
  beforeAll(async () => {
    cluster = await startCluster({
      controllers: [statefulSetController, gcController],
      plugins: [denyLatest, apiWhy],
      nodes: 1,
      scheduler: false,
    });
  });
  afterAll(async () => {
    await cluster[Symbol.asyncDispose]();
  });

  const at = (namespace: string) => ({ namespace, name: 'db' });
  const get = (namespace: string): Promise<StatefulSet> => cluster.api.get(statefulSets, at(namespace));
  const podsOf = async (namespace: string): Promise<Pod[]> => (await cluster.api.list(pods, { namespace })).items;
  const podNamed = (namespace: string, name: string): Promise<Pod> => cluster.api.get(pods, { namespace, name });
  const claimsOf = async (namespace: string): Promise<(string | undefined)[]> =>
    (await cluster.api.list(persistentVolumeClaims, { namespace })).items.map(({ metadata }) => metadata.name);
  const patch = (namespace: string, spec: unknown): Promise<StatefulSet> =>
    cluster.api.patch(statefulSets, at(namespace), { type: 'strategic', body: { spec } });
  const image = (tag: string) => ({ template: { spec: { containers: [{ name: 'main', image: `db:${tag}` }] } } });
  const settled = async (namespace: string): Promise<void> => {
    await cluster.until('the set to be as declared', async () => {
      const { metadata, spec, status } = await get(namespace);
      const counts = [status?.replicas, status?.readyReplicas, status?.availableReplicas];
      const isObserved = status?.observedGeneration === metadata.generation;
      return (
        isObserved &&
        status?.currentRevision === status?.updateRevision &&
        counts.every((count) => count === spec.replicas)
      );
    });
  };
  const made = async (replicas: number, more: Partial<StatefulSet['spec']> = {}): Promise<string> => {
    const namespace = await cluster.namespace();
    await cluster.api.create(statefulSets, dbSet(namespace, replicas, more));
    return namespace;
  };
  const why = async (namespace: string): Promise<{ code: string; text: string }[]> =>
    (await cluster.server.send('GET', `/apis/why.timonel.dev/v1/namespaces/${namespace}/statefulsets.apps/db`)).body
      .causes;

  it('makes each pod once and its claims before it, and rests', async () => {
    const namespace = await cluster.namespace();
    const podEvents = cluster.record(pods, namespace);
    const writes = [podEvents, cluster.record(statefulSets, namespace), cluster.record(controllerRevisions, namespace)];
    await cluster.api.create(statefulSets, dbSet(namespace, 3, { volumeClaimTemplates: [data] }));
    await settled(namespace);
    await cluster.quiet();
    expect(podEvents.filter(({ type }) => type === 'ADDED')).toHaveLength(3);
    expect(await claimsOf(namespace)).toEqual(['data-db-0', 'data-db-1', 'data-db-2']);
    const pod = await podNamed(namespace, 'db-2');
    expect(controllerOf(pod)).toMatchObject({ kind: 'StatefulSet', name: 'db' });
    expect(pod.spec).toMatchObject({ hostname: 'db-2', subdomain: 'db' });
    const total = (): number => writes.reduce((sum, events) => sum + events.length, 0);
    const before = total();
    await cluster.quiet();
    expect(total()).toBe(before);
    const events = (await cluster.eventsOf(await get(namespace))).map(({ message }) => message);
    expect(events).toContain('create Claim data-db-0 Pod db-0 in StatefulSet db success');
    expect(events).toContain('create Pod db-2 in StatefulSet db successful');
  });

  it('makes a pod anew only when the old one of its name is gone', async () => {
    const namespace = await made(2);
    await settled(namespace);
    const old = await podNamed(namespace, 'db-0');
    const events = cluster.record(pods, namespace);
    cluster.kubelet.mayEnd = ({ metadata }) => metadata.uid !== old.metadata.uid;
    await cluster.api.delete(pods, { namespace, name: 'db-0' });
    await cluster.quiet();
    expect((await podNamed(namespace, 'db-0')).metadata.uid).toBe(old.metadata.uid);
    expect(await why(namespace)).toMatchObject([{ code: 'pod-terminating' }]);
    cluster.kubelet.mayEnd = () => true;
    cluster.kubelet.look();
    await cluster.until('the new pod', async () => {
      const pod = await podNamed(namespace, 'db-0').catch(() => undefined);
      return pod !== undefined && pod.metadata.uid !== old.metadata.uid && isReady(pod);
    });
    const kinds = events
      .filter(({ type, object }) => type !== 'MODIFIED' && object.metadata.name === 'db-0')
      .map(({ type }) => type);
    expect(kinds).toEqual(['ADDED', 'DELETED', 'ADDED']);
  });

  it('adopts pods of its names that match, releases those that match no more, and waits for a name that is taken', async () => {
    const namespace = await cluster.namespace();
    const { spec } = dbSet(namespace, 1).spec.template;
    await cluster.api.create(pods, { metadata: { name: 'db-0', namespace, labels }, spec });
    await cluster.api.create(statefulSets, dbSet(namespace, 1));
    await cluster.until('the adoption', async () => controllerOf(await podNamed(namespace, 'db-0'))?.name === 'db');
    await settled(namespace);
    const label = (value: string) => ({ type: 'merge' as const, body: { metadata: { labels: { app: value } } } });
    await cluster.api.patch(pods, { namespace, name: 'db-0' }, label('other'));
    await cluster.until('the release', async () => controllerOf(await podNamed(namespace, 'db-0')) === undefined);
    await cluster.until('an event', async () =>
      (await cluster.eventsOf(await get(namespace))).some(
        ({ reason, message }) => reason === 'FailedCreate' && message?.includes('delete it'),
      ),
    );
    expect(await why(namespace)).toMatchObject([{ code: 'name-taken' }]);
    await cluster.api.delete(pods, { namespace, name: 'db-0' });
    await settled(namespace);
  });

  it('whenScaled: Delete takes the claims of pods that go, and new pods get new ones', async () => {
    const policy = { whenDeleted: 'Retain', whenScaled: 'Delete' };
    const namespace = await made(2, { volumeClaimTemplates: [data], persistentVolumeClaimRetentionPolicy: policy });
    await settled(namespace);
    const first = await cluster.api.get(persistentVolumeClaims, { namespace, name: 'data-db-1' });
    await patch(namespace, { replicas: 1 });
    await cluster.until('the claim to go', async () => (await claimsOf(namespace)).length === 1);
    await patch(namespace, { replicas: 2 });
    await settled(namespace);
    const second = await cluster.api.get(persistentVolumeClaims, { namespace, name: 'data-db-1' });
    expect(second.metadata.uid).not.toBe(first.metadata.uid);
    await cluster.api.delete(statefulSets, at(namespace));
    await cluster.until('the pods to go', async () => (await podsOf(namespace)).length === 0);
    await cluster.quiet();
    expect(await claimsOf(namespace)).toHaveLength(2);
  });

  it('whenDeleted: Delete takes all claims along with the set', async () => {
    const policy = { whenDeleted: 'Delete', whenScaled: 'Retain' };
    const namespace = await made(2, { volumeClaimTemplates: [data], persistentVolumeClaimRetentionPolicy: policy });
    await settled(namespace);
    await patch(namespace, { replicas: 1 });
    await settled(namespace);
    expect(await claimsOf(namespace)).toHaveLength(2);
    await cluster.api.delete(statefulSets, at(namespace));
    await cluster.until('the claims to go', async () => (await claimsOf(namespace)).length === 0);
  });

  it('a template that the API refuses is told as an event, tried again, and mended by another template', async () => {
    const namespace = await made(1, {
      template: { metadata: { labels }, spec: { containers: [{ name: 'main', image: 'db:latest' }] } },
    });
    await cluster.until('the refusal', async () =>
      (await cluster.eventsOf(await get(namespace))).some(
        ({ reason, type, message }) =>
          reason === 'FailedCreate' && type === 'Warning' && message?.includes('name a version'),
      ),
    );
    const [cause] = await why(namespace);
    expect(cause).toMatchObject({ code: 'refused', text: expect.stringContaining('name a version') });
    await patch(namespace, image('1'));
    await settled(namespace);
  });

  it('a name that is too long for labels of pods is told as an event that names the limit', async () => {
    const namespace = await cluster.namespace();
    const set = dbSet(namespace, 1);
    const name = 'db-'.repeat(22) + 'x';
    const made = await cluster.api.create(statefulSets, { ...set, metadata: { name, namespace } });
    await cluster.until('the refusal', async () =>
      (await cluster.eventsOf(made)).some(
        ({ reason, message }) => reason === 'FailedCreate' && message?.includes('must be no more than 63'),
      ),
    );
    await cluster.api.delete(statefulSets, { namespace, name });
  });

  it('a claim template without metadata is told as an event, and disturbs no other set of the namespace', async () => {
    const namespace = await made(1, { volumeClaimTemplates: [data] });
    await settled(namespace);
    const faults = (): number => cluster.server.kernel.control.info('controller-statefulset').faults;
    const before = faults();
    const { spec } = data;
    const odd = { ...dbSet(namespace, 1), metadata: { name: 'odd', namespace } };
    const templates = [{ spec }] as never;
    const set = await cluster.api.create(statefulSets, {
      ...odd,
      spec: { ...odd.spec, volumeClaimTemplates: templates },
    });
    await cluster.until('an event', async () =>
      (await cluster.eventsOf(set)).some(({ reason }) => reason === 'FailedCreate'),
    );
    await cluster.api.delete(persistentVolumeClaims, { namespace, name: 'data-db-0' });
    await patch(namespace, { replicas: 2 });
    await settled(namespace);
    expect(faults()).toBe(before);
  });

  it('undoes a roll-out that is stuck without a hand on its pods', async () => {
    const namespace = await made(3);
    await settled(namespace);
    cluster.kubelet.script = ({ spec }) => (spec.containers[0]?.image === 'db:bad' ? 'running' : 'ready');
    await patch(namespace, image('bad'));
    await cluster.until(
      'the bad pod',
      async () => (await podNamed(namespace, 'db-2')).spec.containers[0]?.image === 'db:bad',
    );
    await cluster.quiet();
    expect(await why(namespace)).toMatchObject([
      { text: expect.stringContaining('db-2 is not ready') },
      { code: 'rolling-out' },
    ]);
    await patch(namespace, image('1'));
    await settled(namespace);
    cluster.kubelet.script = () => 'ready';
    expect((await podsOf(namespace)).map(({ spec }) => spec.containers[0]?.image)).toEqual(['db:1', 'db:1', 'db:1']);
  });

  it('does exactly the work needed in Parallel: 40 pods are 40 creations', async () => {
    const namespace = await cluster.namespace();
    const events = cluster.record(pods, namespace);
    await cluster.api.create(statefulSets, dbSet(namespace, 40, { podManagementPolicy: 'Parallel' }));
    await settled(namespace);
    await patch(namespace, { replicas: 5 });
    await settled(namespace);
    await cluster.quiet();
    expect(events.filter(({ type }) => type === 'ADDED')).toHaveLength(40);
    expect(events.filter(({ type }) => type === 'DELETED')).toHaveLength(35);
  });

  it('kubectl rollout status, history and undo know its revisions', async () => {
    const namespace = await made(2);
    const run = kubectlIn(cluster.server, namespace);
    expect(await run('rollout', 'status', 'sts/db')).toContain('roll');
    await run('annotate', 'sts/db', 'kubernetes.io/change-cause=a second version');
    await run('set', 'image', 'sts/db', 'main=db:2');
    expect(await run('rollout', 'status', 'sts/db')).toContain('complete: 2 new pods have been updated');
    expect(await run('rollout', 'history', 'sts/db')).toMatch(/1\s+<none>\s+2\s+a second version/);
    expect(await run('rollout', 'history', 'sts/db', '--revision=1')).toContain('db:1');
    await run('rollout', 'undo', 'sts/db');
    await run('rollout', 'status', 'sts/db');
    expect((await podsOf(namespace)).map(({ spec }) => spec.containers[0]?.image)).toEqual(['db:1', 'db:1']);
    await run('rollout', 'undo', 'sts/db', '--to-revision=2');
    await run('rollout', 'status', 'sts/db');
    expect((await podsOf(namespace)).map(({ spec }) => spec.containers[0]?.image)).toEqual(['db:2', 'db:2']);
    await run('rollout', 'restart', 'sts/db');
    await run('rollout', 'status', 'sts/db');
    expect((await cluster.api.list(controllerRevisions, { namespace })).items).toHaveLength(3);
  });
});
