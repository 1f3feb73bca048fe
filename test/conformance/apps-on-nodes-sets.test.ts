/** StatefulSets and DaemonSets whose pods are containers of a real node. */
import { describe, expect, it } from '@jest/globals';
import { until } from '../support/until.ts';
import { http, idle, sh, steady } from './support/real/containers.ts';
import { realNode } from './support/real/real-node.ts';
import type { Shown } from './support/real/real-pod.ts';
import { containersOf, isReady, namesOf, RealWorkload } from './support/real/real-workload.ts';

const node = realNode();
const revisionOf = ({ metadata }: Shown): string => metadata.labels['controller-revision-hash'];
const versioned = (version: string, more: object = {}): object => ({
  spec: { template: { spec: { containers: [{ name: 'c', env: [{ name: 'VERSION', value: version }], ...more }] } } },
});
const uidOf = ({ metadata }: Shown): string => metadata.uid;

/** The names of pods in the order in which the watch told of them by events of a type. */
const told = (workload: RealWorkload, wanted: 'ADDED' | 'DELETED'): string[] => [
  ...new Set(workload.changes.filter(({ type }) => type === wanted).map(({ object }) => object.metadata.name)),
];

/** The node ends the containers of a pod for good, at its deadline: the pod, which has failed. */
async function fail(name: string): Promise<Shown> {
  const pod = node.podCalled(name);
  const { metadata } = pod.now;
  await pod.patch({ spec: { activeDeadlineSeconds: 1 } });
  const failed = (): Shown =>
    pod.changes.find(({ object }) => object.metadata.uid === metadata.uid && object.status.phase === 'Failed');
  return (await until(failed, { what: `${name} to fail` })).object;
}

async function evict(name: string): Promise<void> {
  const body = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name } };
  await node.api.ask('POST', `${node.podCalled(name).path}/eviction`, body);
}

describe('apps: StatefulSet with containers', () => {
  const wellWhile = (file: string): object => ({
    readinessProbe: { exec: { command: ['cat', file] }, periodSeconds: 1, failureThreshold: 1 },
  });
  const ordered = node.workload('StatefulSet', 'ordered', {
    serviceName: 'ordered',
    replicas: 1,
    pod: steady(sh("touch /tmp/well; trap 'exit 0' TERM; sleep 3600 & wait", wellWhile('/tmp/well'))),
  });
  const burst = node.workload('StatefulSet', 'burst', {
    serviceName: 'burst',
    replicas: 3,
    podManagementPolicy: 'Parallel',
    pod: steady(idle(wellWhile('/tmp/never'))),
  });
  const rolling = node.workload('StatefulSet', 'rolling', {
    serviceName: 'rolling',
    replicas: 2,
    pod: steady(idle()),
  });
  const phased = node.workload('StatefulSet', 'phased', {
    serviceName: 'phased',
    replicas: 3,
    updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 2 } },
    pod: steady(idle()),
  });
  const kept = node.workload('StatefulSet', 'kept', {
    serviceName: 'kept',
    replicas: 2,
    pod: steady(http({ readinessProbe: { httpGet: { path: '/healthz', port: 8080 }, periodSeconds: 1 } })),
  });

  const here = { nodeName: 'node-1' };
  const ports = [{ containerPort: 8080, hostPort: 20_931 }];
  const holder = node.pod('holder', steady(idle({ ports }), here));
  const waiting = new RealWorkload(node, 'StatefulSet', 'waiting', {
    serviceName: 'waiting',
    replicas: 1,
    pod: steady(idle({ ports }), here),
  });

  const observed = (set: RealWorkload): Promise<Shown> =>
    set.until('to be observed', ({ metadata, status }) => status.observedGeneration === metadata.generation);
  const inAll = (set: RealWorkload, script: string): Promise<unknown> =>
    Promise.all(namesOf(set.pods).map((name) => node.podCalled(name).exec(script)));
  const rolledOut = (set: RealWorkload): Promise<Shown> =>
    set.until('the end of the roll-out', ({ metadata, spec, status }) => {
      const counts = [status.updatedReplicas, status.readyReplicas];
      const isOver = status.updateRevision === status.currentRevision && counts.every((one) => one === spec.replicas);
      return status.observedGeneration === metadata.generation && isOver;
    });

  it('scales up in order, and halts while a container is not well', async () => {
    await ordered.ready(1);
    await node.podCalled('ordered-0').exec('rm /tmp/well');
    await ordered.untilPods('a pod that is not ready', (pods) => !pods.every(isReady));
    await ordered.patch({ spec: { replicas: 3 } });
    await observed(ordered);
    expect(namesOf(ordered.pods)).toEqual(['ordered-0']);
    await node.podCalled('ordered-0').exec('touch /tmp/well');
    await ordered.ready(3);
    const steps = ordered.changes.map(({ type, object }) => ({
      type,
      name: object.metadata.name,
      ready: isReady(object),
    }));
    const before = (at: number): Map<string, boolean> =>
      new Map(steps.slice(0, at).map(({ name, ready }) => [name, ready]));
    const made = steps.flatMap(({ type, name }, at) =>
      type === 'ADDED' ? [[name, Object.fromEntries(before(at))]] : [],
    );
    expect(made).toEqual([
      ['ordered-0', {}],
      ['ordered-1', { 'ordered-0': true }],
      ['ordered-2', { 'ordered-0': true, 'ordered-1': true }],
    ]);
  });

  it('scales down in reverse order, and halts while containers are not well', async () => {
    await ordered.ready(3);
    await inAll(ordered, 'rm /tmp/well');
    await ordered.untilPods('no ready pod', (pods) => !pods.some(isReady));
    await ordered.patch({ spec: { replicas: 0 } });
    await observed(ordered);
    expect(namesOf(ordered.pods)).toEqual(['ordered-0', 'ordered-1', 'ordered-2']);
    await inAll(ordered, 'touch /tmp/well');
    await ordered.untilPods('no pods', (pods) => pods.length === 0);
    expect(told(ordered, 'DELETED')).toEqual(['ordered-2', 'ordered-1', 'ordered-0']);
    const ends = ordered.changes.filter(({ object }) => object.metadata.deletionTimestamp);
    const order = ends.map(({ object }) => object.metadata.name);
    expect(order).toEqual(order.toSorted((a, b) => (a < b ? 1 : -1)));
  });

  it('Parallel: starts and ends all pods in a burst, well or not', async () => {
    await burst.untilPods(
      '3 running pods',
      (pods) => pods.length === 3 && pods.every(({ status }) => status.phase === 'Running'),
    );
    expect(burst.pods.some(isReady)).toBe(false);
    expect(told(burst, 'ADDED')).toEqual(['burst-0', 'burst-1', 'burst-2']);
    await burst.patch({ spec: { replicas: 0 } });
    await burst.untilPods('no pods', (pods) => pods.length === 0);
    const first = burst.changes.findIndex(({ type }) => type === 'DELETED');
    const ending = burst.changes.slice(0, first).filter(({ object }) => object.metadata.deletionTimestamp);
    expect(new Set(ending.map(({ object }) => object.metadata.name)).size).toBe(3);
  });

  it('rolls an update out from the last pod to the first, and back to the old revision', async () => {
    const before = await rolling.ready(2);
    const first = (await rolledOut(rolling)).status.currentRevision;
    await rolling.patch(versioned('second'));
    const second = (await rolledOut(rolling)).status.currentRevision;
    expect(second).not.toBe(first);
    const after = await rolling.ready(2);
    expect(after.map(revisionOf)).toEqual([second, second]);
    expect(told(rolling, 'DELETED')).toEqual(['rolling-1', 'rolling-0']);
    expect(after.map(uidOf).filter((uid) => before.map(uidOf).includes(uid))).toEqual([]);
    await rolling.patch({ spec: { template: { spec: { containers: [{ name: 'c', env: null }] } } } });
    expect((await rolledOut(rolling)).status.currentRevision).toBe(first);
    expect((await rolling.ready(2)).map(revisionOf)).toEqual([first, first]);
  });

  it('a partition: the canary alone is updated, then the others phase by phase', async () => {
    const before = await phased.ready(3);
    await phased.patch(versioned('second'));
    const canary = await phased.untilPods(
      'the canary',
      (pods) => pods.length === 3 && pods.every(isReady) && revisionOf(pods[2]) !== revisionOf(before[2]),
    );
    const { status } = await phased.until('its count', (set) => set.status.updatedReplicas === 1);
    expect(canary.map(revisionOf)).toEqual([status.currentRevision, status.currentRevision, status.updateRevision]);
    expect(canary.slice(0, 2).map(containersOf)).toEqual(before.slice(0, 2).map(containersOf));

    const first = node.podCalled('phased-0');
    await first.delete();
    const again = await phased.untilPods(
      'a pod made anew',
      (pods) => pods.length === 3 && pods.every(isReady) && uidOf(pods[0]) !== uidOf(before[0]),
    );
    expect(again.map(revisionOf)).toEqual(canary.map(revisionOf));

    const partition = (count: number): object => ({
      spec: { updateStrategy: { rollingUpdate: { partition: count } } },
    });
    await phased.patch(partition(1));
    await phased.until('2 updated pods', (set) => set.status.updatedReplicas === 2);
    const phase = await phased.ready(3);
    expect(phase.map(revisionOf)).toEqual([status.currentRevision, status.updateRevision, status.updateRevision]);
    expect(containersOf(phase[0])).toEqual(containersOf(again[0]));
    await phased.patch(partition(0));
    await rolledOut(phased);
    expect(new Set((await phased.ready(3)).map(revisionOf))).toEqual(new Set([status.updateRevision]));
  });

  it('a pod that is evicted or failed is made anew with its name', async () => {
    const before = await kept.ready(2);
    await evict('kept-1');
    expect((await fail('kept-0')).status.reason).toBe('DeadlineExceeded');
    const isNew = (pod: Shown, at: number): boolean => uidOf(pod) !== uidOf(before[at]);
    const after = await kept.untilPods(
      'new pods',
      (pods) => pods.length === 2 && pods.every(isReady) && pods.every(isNew),
    );
    expect(namesOf(after)).toEqual(['kept-0', 'kept-1']);
    const hostnames = after.map(async ({ status }) => (await fetch(`http://${status.podIP}:8080/hostname`)).text());
    expect(await Promise.all(hostnames)).toEqual(['kept-0', 'kept-1']);
  });

  it('a pod that failed because its node refused it is made anew until it runs', async () => {
    await holder.ready();
    await waiting.create();
    const refused = (): Shown[] =>
      waiting.changes.map(({ object }) => object).filter(({ status }) => status.phase === 'Failed');
    const ids = (): string[] => [...new Set(refused().map(uidOf))];
    await until(() => ids().length > 1, { what: () => `refused pods: ${JSON.stringify(waiting.pods)}` });
    expect(refused()[0].status.reason).toBe('NodePorts');
    await holder.delete();
    const [pod] = await waiting.ready(1);
    expect(pod.metadata.name).toBe('waiting-0');
    expect(ids()).not.toContain(uidOf(pod));
  });
});

describe('apps: DaemonSet with containers', () => {
  const plain = node.workload('DaemonSet', 'plain', { pod: steady(idle()) });
  const failing = node.workload('DaemonSet', 'failing', { pod: steady(idle()) });
  const choosy = node.workload('DaemonSet', 'choosy', { pod: steady(idle(), { nodeSelector: { color: 'blue' } }) });
  const rolling = node.workload('DaemonSet', 'daemons', { pod: steady(idle()) });
  const back = node.workload('DaemonSet', 'back', {
    updateStrategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } },
    pod: steady(idle()),
  });
  const paint = (color: string | null): Promise<Shown> =>
    node.patch('/api/v1/nodes/node-1', { metadata: { labels: { color } } });
  /** A ready pod that is not `old`, which is gone. */
  const next = async (set: RealWorkload, old: Shown): Promise<Shown> => {
    const [pod] = await set.untilPods('another pod', ([one, ...more]) => {
      return one && more.length === 0 && isReady(one) && uidOf(one) !== uidOf(old);
    });
    return pod;
  };

  it('runs on the node, and a pod that is deleted is replaced', async () => {
    const [pod] = await plain.ready(1);
    expect(pod.spec.nodeName).toBe('node-1');
    await node.podCalled(pod.metadata.name).delete();
    expect((await next(plain, pod)).spec.nodeName).toBe('node-1');
    await plain.until('its counts', ({ status }) => status.numberReady === 1 && status.desiredNumberScheduled === 1);
  });

  it('a failed pod is replaced', async () => {
    const [pod] = await failing.ready(1);
    await fail(pod.metadata.name);
    expect((await next(failing, pod)).spec.nodeName).toBe('node-1');
  });

  it('pods follow the node selector and the labels of the node', async () => {
    await choosy.until('to be observed', ({ metadata, status }) => status.observedGeneration === metadata.generation);
    expect(choosy.pods).toEqual([]);
    await paint('blue');
    const [pod] = await choosy.ready(1);
    await paint('green');
    await node.podCalled(pod.metadata.name).gone();
    expect(choosy.pods).toEqual([]);
    await choosy.patch({ spec: { template: { spec: { nodeSelector: { color: 'green' } } } } });
    await choosy.ready(1);
    await paint(null);
    await choosy.untilPods('no pods', (pods) => pods.length === 0);
  });

  it('rolling update: the old container is gone before the new one runs', async () => {
    const [old] = await rolling.ready(1);
    await rolling.patch(versioned('second'));
    const pod = await next(rolling, old);
    expect(revisionOf(pod)).not.toBe(revisionOf(old));
    const order = rolling.changes.map(({ type, object }) => `${type} ${object.metadata.name}`);
    const made = order.indexOf(`ADDED ${pod.metadata.name}`);
    const done = rolling.changes.slice(0, made).findLast(({ object }) => object.metadata.uid === old.metadata.uid);
    expect(done?.object.metadata.deletionTimestamp).toBeDefined();
    expect(done?.object.status.phase).not.toBe('Running');
  });

  it('going back from a bad version does not restart what runs', async () => {
    const [old] = await back.ready(1);
    await back.patch(versioned('bad', { command: ['/no/such/program'] }));
    const bad = await back.untilPods('the bad pod', (pods) =>
      pods.find(
        (pod) => uidOf(pod) !== uidOf(old) && pod.status.containerStatuses?.[0]?.state.waiting?.reason !== undefined,
      ),
    );
    expect(bad.filter(isReady).map(uidOf)).toEqual([uidOf(old)]);
    const [{ command }] = back.manifest.spec.template.spec.containers;
    await back.patch({ spec: { template: { spec: { containers: [{ name: 'c', command, env: null }] } } } });
    await back.until('the end of the roll-out', ({ metadata, status }) => {
      const { observedGeneration, updatedNumberScheduled, numberReady } = status;
      return observedGeneration === metadata.generation && updatedNumberScheduled === 1 && numberReady === 1;
    });
    const [pod] = await back.untilPods('one pod', (pods) => pods.length === 1);
    expect(uidOf(pod)).toBe(uidOf(old));
    expect(containersOf(pod)).toEqual(containersOf(old));
    expect(pod.status.containerStatuses[0].restartCount).toBe(0);
  });
});
