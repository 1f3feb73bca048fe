import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import {
  coreEvents,
  furtherClusterTypes,
  nodes,
  pods,
  type KubeObject,
  type Pod,
  type PodSpec,
  type ResourceType,
} from '@timonel/sdk/kube';
import { startCluster, type Cluster } from './support/cluster.ts';
import { isReady } from './support/pod-status.ts';

let cluster: Cluster;
beforeAll(async () => {
  cluster = await startCluster({ controllers: [], nodes: 2 });
});
afterAll(async () => {
  await cluster[Symbol.asyncDispose]();
});

const priorityClasses = furtherClusterTypes.find(({ kind }) => kind === 'PriorityClass') as ResourceType<
  KubeObject & { value: number }
>;

function specOf(more: Partial<PodSpec> & { cpu?: string }): PodSpec {
  const { cpu, ...rest } = more;
  const resources = cpu === undefined ? {} : { resources: { requests: { cpu }, limits: { cpu } } };
  return { terminationGracePeriodSeconds: 1, containers: [{ name: 'main', image: 'web:1', ...resources }], ...rest };
}

async function make(namespace: string, name: string, more: Parameters<typeof specOf>[0] = {}): Promise<void> {
  await cluster.api.create(pods, { metadata: { namespace, name }, spec: specOf(more) });
}

const get = (namespace: string, name: string): Promise<Pod> => cluster.api.get(pods, { namespace, name });
const runs = (namespace: string, name: string): Promise<unknown> =>
  cluster.until(`${name} to run`, async () => isReady(await get(namespace, name)));

/** Waits until the scheduler has said why; answers what it said. */
async function refusal(namespace: string, name: string): Promise<string> {
  const condition = await cluster.until(`${name} to be unschedulable`, async () =>
    (await get(namespace, name)).status?.conditions?.find(({ reason }) => reason === 'Unschedulable'),
  );
  expect(condition).toMatchObject({ type: 'PodScheduled', status: 'False' });
  return condition.message ?? '';
}

afterEach(async () => {
  for (const { metadata } of (await cluster.api.list(pods)).items) {
    const { namespace, name = '' } = metadata;
    await cluster.api.delete(pods, { namespace, name }, { gracePeriodSeconds: 0 });
  }
});

describe('scheduling: predicates', () => {
  it('a pod whose resources fit on no node waits, with an event that says so, and is bound when there is room', async () => {
    const namespace = await cluster.namespace();
    for (const name of ['big-0', 'big-1']) await make(namespace, name, { cpu: '40' });
    await runs(namespace, 'big-0');
    await runs(namespace, 'big-1');
    await make(namespace, 'more', { cpu: '40' });
    expect(await refusal(namespace, 'more')).toMatch(/^0\/2 nodes are available: 2 Insufficient cpu/);
    await cluster.until('the event', async () =>
      (await cluster.api.list(coreEvents, { namespace })).items.some(
        ({ reason, involvedObject }) => reason === 'FailedScheduling' && involvedObject.name === 'more',
      ),
    );
    await cluster.api.delete(pods, { namespace, name: 'big-0' });
    await runs(namespace, 'more');
  });

  it('a node selector that matches no node keeps the pod waiting', async () => {
    const namespace = await cluster.namespace();
    await make(namespace, 'picky', { nodeSelector: { label: 'nonempty' } });
    expect(await refusal(namespace, 'picky')).toMatch(/node affinity\/selector/);
  });

  it('a node selector lets the pod run only on a node with the label', async () => {
    const namespace = await cluster.namespace();
    const label = (value: string | null): Promise<unknown> =>
      cluster.api.patch(
        nodes,
        { name: 'node-1' },
        { type: 'merge', body: { metadata: { labels: { wanted: value } } } },
      );
    await label('yes');
    await make(namespace, 'picky', { nodeSelector: { wanted: 'yes' } });
    await runs(namespace, 'picky');
    expect((await get(namespace, 'picky')).spec.nodeName).toBe('node-1');
    await label(null);
  });

  it('a host port on 0.0.0.0 conflicts with the same port on one address', async () => {
    const namespace = await cluster.namespace();
    const ports = (hostIP?: string): Parameters<typeof specOf>[0] => ({
      nodeSelector: { 'kubernetes.io/hostname': 'node-0' },
      containers: [
        {
          name: 'main',
          image: 'web:1',
          ports: [{ containerPort: 80, hostPort: 54_322, ...(hostIP === undefined ? {} : { hostIP }) }],
        },
      ],
    });
    await make(namespace, 'all', ports('0.0.0.0'));
    await runs(namespace, 'all');
    await make(namespace, 'one', ports('127.0.0.1'));
    expect(await refusal(namespace, 'one')).toMatch(/free ports/);
  });
});

describe('network: hostPort', () => {
  it('the same port on other addresses and for another protocol is no conflict', async () => {
    const namespace = await cluster.namespace();
    const on = (hostIP: string, protocol: string): Parameters<typeof specOf>[0] => ({
      nodeSelector: { 'kubernetes.io/hostname': 'node-0' },
      containers: [
        { name: 'main', image: 'web:1', ports: [{ containerPort: 80, hostPort: 54_323, hostIP, protocol }] },
      ],
    });
    await make(namespace, 'first', on('127.0.0.1', 'TCP'));
    await make(namespace, 'other-address', on('192.0.2.1', 'TCP'));
    await make(namespace, 'other-protocol', on('192.0.2.1', 'UDP'));
    for (const name of ['first', 'other-address', 'other-protocol']) await runs(namespace, name);
  });
});

describe('scheduling: preemption', () => {
  const low = { cpu: '40', priority: 1 };
  const middle = { cpu: '40', priority: 100 };
  const high = { cpu: '40', priority: 1000 };

  it('a pod with priority takes the place of a less important pod', async () => {
    const namespace = await cluster.namespace();
    await make(namespace, 'low', low);
    await make(namespace, 'middle', middle);
    await runs(namespace, 'low');
    await runs(namespace, 'middle');
    await make(namespace, 'high', high);
    await runs(namespace, 'high');
    const left = (await cluster.api.list(pods, { namespace })).items.map(({ metadata }) => metadata.name);
    expect(new Set(left)).toEqual(new Set(['high', 'middle']));
  });

  it('a critical pod takes the place of another', async () => {
    const namespace = 'kube-system';
    for (const name of ['low-0', 'low-1']) await make(namespace, name, low);
    await runs(namespace, 'low-0');
    await runs(namespace, 'low-1');
    await make(namespace, 'critical', { cpu: '40', priorityClassName: 'system-cluster-critical' });
    await runs(namespace, 'critical');
    expect((await cluster.api.list(pods, { namespace })).items).toHaveLength(2);
  });

  it('of pods of several priorities the lowest go', async () => {
    const namespace = await cluster.namespace();
    const selector = { nodeSelector: { 'kubernetes.io/hostname': 'node-0' } };
    for (const [name, priority] of [
      ['low-0', 1],
      ['low-1', 2],
      ['middle-2', 100],
    ] as const) {
      await make(namespace, name, { cpu: '20', priority, ...selector });
      await runs(namespace, name);
    }
    await make(namespace, 'high', { ...high, ...selector });
    await runs(namespace, 'high');
    const left = (await cluster.api.list(pods, { namespace })).items.map(({ metadata }) => metadata.name);
    expect(new Set(left)).toEqual(new Set(['high', 'middle-2']));
  });

  it('a pod that is preempted has the condition DisruptionTarget while it ends', async () => {
    const namespace = await cluster.namespace();
    cluster.kubelet.mayEnd = () => false;
    const selector = { nodeSelector: { 'kubernetes.io/hostname': 'node-0' } };
    await make(namespace, 'low', { ...low, ...selector });
    await runs(namespace, 'low');
    await make(namespace, 'high', { ...high, ...selector });
    const victim = await cluster.until('the victim', async () => {
      const pod = await get(namespace, 'low');
      return pod.metadata.deletionTimestamp === undefined ? undefined : pod;
    });
    expect(victim.status?.conditions).toContainEqual(
      expect.objectContaining({ type: 'DisruptionTarget', status: 'True', reason: 'PreemptionByScheduler' }),
    );
    cluster.kubelet.mayEnd = () => true;
    cluster.kubelet.look();
    await runs(namespace, 'high');
  });

  it('a PriorityClass has all verbs, and a value that does not change', async () => {
    const name = 'changing';
    const made = await cluster.api.create(priorityClasses, { metadata: { name }, value: 5 });
    const patched = await cluster.api.patch(priorityClasses, { name }, { type: 'merge', body: { description: 'a' } });
    expect(patched.metadata.resourceVersion).not.toBe(made.metadata.resourceVersion);
    const refused = cluster.api.update(priorityClasses, { ...patched, value: 6 });
    await expect(refused).rejects.toMatchObject({ reason: 'Invalid', message: expect.stringContaining('value') });
    await cluster.api.delete(priorityClasses, { name });
    await expect(cluster.api.get(priorityClasses, { name })).rejects.toMatchObject({ reason: 'NotFound' });
  });
});
