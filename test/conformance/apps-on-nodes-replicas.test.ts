/** Deployments, ReplicaSets and ReplicationControllers whose pods are containers of a real node. */
import { describe, expect, it } from '@jest/globals';
import { until } from '../support/until.ts';
import { http, idle, steady } from './support/real/containers.ts';
import { realNode } from './support/real/real-node.ts';
import type { Shown } from './support/real/real-pod.ts';
import { containersOf, isReady, namesOf, RealWorkload } from './support/real/real-workload.ts';

const node = realNode();
const revisionKey = 'deployment.kubernetes.io/revision';
const readinessProbe = { httpGet: { path: '/healthz', port: 8080 }, periodSeconds: 1 };
const serving = (more: object = {}): object => steady(http({ readinessProbe, ...more }));
const byText = (a: string, b: string): number => (a < b ? -1 : 1);
const versioned = (version: string): object => ({
  spec: { template: { spec: { containers: [{ name: 'c', env: [{ name: 'VERSION', value: version }] }] } } },
});
const versionOf = ({ spec }: Shown): string =>
  spec.containers[0].env?.find(({ name }: Shown) => name === 'VERSION')?.value ?? 'first';
const ownerOf = ({ metadata }: Shown): string | undefined => metadata.ownerReferences?.[0]?.name;

/** What the server at an address calls itself. */
const hostnameAt = async (address: string): Promise<string> => {
  const answer = await fetch(`http://${address}/hostname`, { signal: AbortSignal.timeout(2000) });
  return answer.text();
};
const hostnameOf = ({ status }: Shown): Promise<string> => hostnameAt(`${status.podIP}:8080`);

/** Asks an address again and again; what fails is among the answers. */
function asked(address: string): { readonly answers: string[]; stop(): Promise<void> } {
  const answers: string[] = [];
  const stopped = new AbortController();
  const ask = async (): Promise<void> => {
    // oxlint-disable-next-line no-await-in-loop -- one request after the other
    while (!stopped.signal.aborted) answers.push(await hostnameAt(address).catch(String));
  };
  const done = ask();
  return {
    answers,
    stop: () => {
      stopped.abort();
      return done;
    },
  };
}

const setsOf = async ({ labels }: RealWorkload): Promise<Shown[]> => {
  const query = `labelSelector=workload%3D${labels['workload']}`;
  return (await node.api.ask('GET', `/apis/apps/v1/namespaces/default/replicasets?${query}`)).items;
};

/** What `kubectl rollout status` waits for. */
const rolledOut = (deployment: RealWorkload): Promise<Shown> =>
  deployment.until('the end of the roll-out', ({ metadata, spec, status }) => {
    const counts = [status.replicas, status.updatedReplicas, status.availableReplicas];
    return status.observedGeneration === metadata.generation && counts.every((count) => count === spec.replicas);
  });

/** Pods whose containers run or may still run, after each change of a pod. */
function momentsOf(workload: RealWorkload): Shown[][] {
  const there = new Map<string, Shown>();
  return workload.changes.map(({ type, object }) => {
    if (type === 'DELETED') there.delete(object.metadata.name);
    else there.set(object.metadata.name, object);
    return [...there.values()].filter(({ status }) => !['Succeeded', 'Failed'].includes(status.phase));
  });
}

describe('apps: Deployment with containers', () => {
  const recreate = node.workload('Deployment', 'recreate', {
    replicas: 2,
    strategy: { type: 'Recreate' },
    pod: steady(idle()),
  });
  node.object('Service', 'served', {
    spec: { selector: { workload: 'served' }, ports: [{ port: 80, targetPort: 8080 }] },
  });
  const served = node.workload('Deployment', 'served', {
    replicas: 2,
    strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } },
    pod: {
      ...serving({ lifecycle: { preStop: { sleep: { seconds: 1 } } } }),
      terminationGracePeriodSeconds: 5,
    },
  });
  const over = node.workload('Deployment', 'over', {
    replicas: 2,
    strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } },
    pod: serving(),
  });
  const history = node.workload('Deployment', 'history', {
    replicas: 1,
    revisionHistoryLimit: 1,
    pod: steady(idle()),
  });

  it('Recreate: no container of the new revision runs beside one of the old', async () => {
    const before = namesOf(await recreate.ready(2));
    await recreate.patch(versioned('second'));
    await recreate.untilPods(
      'new pods',
      (pods) => pods.length === 2 && pods.every((pod) => versionOf(pod) === 'second' && isReady(pod)),
    );
    const mixed = momentsOf(recreate).filter((pods) => new Set(pods.map(versionOf)).size > 1);
    expect(mixed.map(namesOf)).toEqual([]);
    expect(namesOf(recreate.pods).filter((name) => before.includes(name))).toEqual([]);
  });

  it('RollingUpdate: its Service answers every request while all pods are replaced', async () => {
    const before = namesOf(await served.ready(2));
    const { spec } = await node.api.ask('GET', '/api/v1/namespaces/default/services/served');
    await until(() => hostnameAt(spec.clusterIP), { what: 'the service to answer' });
    const load = asked(spec.clusterIP);
    try {
      await served.patch(versioned('second'));
      await rolledOut(served);
      await served.ready(2);
      const isOfNew = (): boolean => namesOf(served.pods).includes(load.answers.at(-1) ?? '');
      await until(isOfNew, { what: 'an answer of a new pod' });
    } finally {
      await load.stop();
    }
    const { answers } = load;
    expect(answers.filter((answer) => !namesOf(served.pods).includes(answer) && !before.includes(answer))).toEqual([]);
    expect(before.some((name) => answers.includes(name))).toBe(true);
    expect(momentsOf(served).every((pods) => pods.filter(isReady).length <= 3)).toBe(true);
    expect(namesOf(served.pods).filter((name) => before.includes(name))).toEqual([]);
  });

  it('rollover: a roll-out that cannot end gives way to the next, and the old pods serve until then', async () => {
    const before = namesOf(await over.ready(2));
    await over.patch({
      spec: {
        template: {
          spec: { containers: [{ name: 'c', env: [{ name: 'VERSION', value: 'stuck' }], command: ['sleep', '3600'] }] },
        },
      },
    });
    const stuck = await over.untilPods('a pod that is not ready', (pods) =>
      pods.find((pod) => versionOf(pod) === 'stuck' && pod.status.phase === 'Running'),
    );
    expect(namesOf(stuck.filter(isReady))).toEqual(before);
    expect(await Promise.all(stuck.filter(isReady).map(hostnameOf))).toEqual(before);
    await over.patch({
      spec: {
        template: {
          spec: {
            containers: [
              { name: 'c', env: [{ name: 'VERSION', value: 'third' }], command: ['probe-server', 'http', '8080'] },
            ],
          },
        },
      },
    });
    await rolledOut(over);
    const pods = await over.untilPods('new pods alone', (all) => all.length === 2 && all.every(isReady));
    expect(pods.map(versionOf)).toEqual(['third', 'third']);
    const revisions = (await setsOf(over)).map(({ metadata, spec }) => [
      metadata.annotations[revisionKey],
      spec.replicas,
    ]);
    expect(revisions.toSorted(([a], [b]) => byText(a, b))).toEqual([
      ['1', 0],
      ['2', 0],
      ['3', 2],
    ]);
  });

  it('the history of revisions is cleaned up to its limit', async () => {
    await history.ready(1);
    for (const version of ['second', 'third']) {
      // oxlint-disable-next-line no-await-in-loop -- one roll-out after the other
      await history.patch(versioned(version));
      // oxlint-disable-next-line no-await-in-loop -- one roll-out after the other
      await rolledOut(history);
    }
    const revisions = async (): Promise<string[]> =>
      (await setsOf(history)).map(({ metadata }) => metadata.annotations[revisionKey]).toSorted(byText);
    await until(async () => (await revisions()).length === 2, { what: 'the first revision to be gone' });
    expect(await revisions()).toEqual(['2', '3']);
    expect((await history.ready(1)).map(versionOf)).toEqual(['third']);
  });
});

/** What both kinds do alike. */
function replicaCases(
  kind: 'ReplicaSet' | 'ReplicationController',
): Record<'serves' | 'adopts' | 'releases', () => Promise<void>> {
  const prefix = kind === 'ReplicaSet' ? 'rs' : 'rc';
  const replicas = node.workload(kind, `${prefix}-serving`, { replicas: 3, pod: serving() });
  const adopting = new RealWorkload(node, kind, `${prefix}-adopting`, { replicas: 1, pod: steady(idle()) });
  const orphan = node.pod(`${prefix}-orphan`, steady(idle()), { labels: adopting.labels });

  return {
    serves: async () => {
      const pods = await replicas.ready(3);
      expect(await Promise.all(pods.map(hostnameOf))).toEqual(namesOf(pods));
      const [first, ...others] = namesOf(pods);
      const deleted = node.podCalled(first ?? '');
      await deleted.delete();
      await deleted.gone();
      const after = await replicas.ready(3);
      expect(namesOf(after)).toEqual(expect.arrayContaining(others));
      expect(namesOf(after)).not.toContain(first);
      expect(await Promise.all(after.map(hostnameOf))).toEqual(namesOf(after));
    },
    adopts: async () => {
      const before = await orphan.ready();
      await adopting.create();
      const adopted = await orphan.until('to be adopted', (pod) => ownerOf(pod) === adopting.name);
      await adopting.until('to have a replica', ({ status }) => status.readyReplicas === 1);
      expect(namesOf(adopting.pods)).toEqual([orphan.name]);
      expect(containersOf(adopted)).toEqual(containersOf(before));
    },
    releases: async () => {
      const [pod] = await replicas.ready(3);
      const released = node.podCalled(pod.metadata.name);
      await released.patch({ metadata: { labels: { workload: 'released' } } });
      const after = await released.until('to be released', (one) => ownerOf(one) === undefined);
      expect(namesOf(await replicas.ready(3))).not.toContain(released.name);
      expect(containersOf(after)).toEqual(containersOf(pod));
      expect(await hostnameOf(after)).toBe(released.name);
    },
  };
}

describe('apps: ReplicaSet with containers', () => {
  const cases = replicaCases('ReplicaSet');
  it('serves on each replica, and a replica that is deleted is replaced', () => cases.serves());
  it('adopts a running pod that matches, which goes on as it is', () => cases.adopts());
  it('releases a pod that matches no more, which goes on, and makes another', () => cases.releases());
});

describe('apps: ReplicationController with containers', () => {
  const cases = replicaCases('ReplicationController');
  it('serves on each replica, and a replica that is deleted is replaced', () => cases.serves());
  it('adopts a running pod that matches, which goes on as it is', () => cases.adopts());
  it('releases a pod that matches no more, which goes on, and makes another', () => cases.releases());
});
