/** The node under kill -9: whatever moment it comes at, the next start brings everything to the declared state and disturbs nothing. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ClusterClient } from '../support/cluster-client.ts';
import { TestCluster } from '../support/cluster.ts';
import { newTraces, traces } from '../support/machine.ts';
import { until } from '../support/until.ts';

interface PodView {
  readonly metadata: { readonly name: string; readonly uid: string; readonly resourceVersion: string };
  readonly status: {
    readonly podIP?: string;
    readonly conditions?: readonly { readonly type: string; readonly status: string }[];
    readonly containerStatuses?: readonly { readonly containerID?: string; readonly restartCount: number }[];
  };
}

const podsPath = '/api/v1/namespaces/default/pods';
const podNames = Array.from({ length: 14 }, (_, index) => `pod-${index}`);

function podNamed(name: string, withInit: boolean): unknown {
  const image = 'timonel.local/node:host';
  const initContainers = withInit ? [{ name: 'init', image, command: ['true'] }] : [];
  const containers = [{ name: 'main', image, command: ['sleep', '100000'] }];
  const spec = { terminationGracePeriodSeconds: 1, initContainers, containers };
  return { apiVersion: 'v1', kind: 'Pod', metadata: { name }, spec };
}

/** The same numbers for the same seed. */
function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
    return state / 0x80000000;
  };
}

const isReady = (pod: PodView): boolean =>
  pod.status.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') === true;

describe('a node that is killed at any moment', () => {
  let before: readonly string[];
  let cluster: TestCluster;
  let client: ClusterClient;
  /** uid by name: what was asked for. */
  const wanted = new Map<string, string>();

  const list = async (): Promise<readonly PodView[]> =>
    ((await client.ask('GET', podsPath)) as { items: PodView[] }).items;
  const filesOf = (...path: string[]): string[] => readdirSync(join(cluster.dataDir, 'data', ...path));
  const restart = async (): Promise<void> => {
    client.close();
    await cluster.signal('SIGKILL');
    await cluster.up();
    client = new ClusterClient(cluster.kubeconfig);
  };
  /** Everything that was made for pods: one of each for every wanted pod, and no more. */
  const holdings = (): Record<string, number> => ({
    sandboxes: filesOf('runtime-linux', 'sandboxes').length,
    addresses: (
      JSON.parse(readFileSync(join(cluster.dataDir, 'data', 'network-bridge', 'attachments.json'), 'utf8')) as {
        attachments: unknown[];
      }
    ).attachments.length,
    pods: filesOf('node-agent', 'pods').length,
    logs: filesOf('node-agent', 'logs').length,
    mains: filesOf('runtime-linux', 'containers').filter((id) => id.startsWith('main-')).length,
  });
  const converged = (): Promise<readonly PodView[]> => {
    let seen = '';
    return until(
      async () => {
        const all = await list();
        const each = holdings();
        const uids = all.map(({ metadata }) => metadata.uid).sort();
        seen = `${all.filter(isReady).length} ready of ${all.length}, wanted ${wanted.size}, ${JSON.stringify(each)}`;
        const asWanted = JSON.stringify(uids) === JSON.stringify([...wanted.values()].sort());
        return asWanted && all.every(isReady) && Object.values(each).every((count) => count === wanted.size)
          ? all
          : undefined;
      },
      { what: () => `the declared state: ${seen}`, timeoutMs: 30_000 },
    );
  };
  /** Not while the former pod of that name is on its way out. */
  const create = async (name: string, withInit: boolean): Promise<void> => {
    const answer = await client.send('POST', podsPath, podNamed(name, withInit));
    if (answer.status === 201) wanted.set(name, (answer.body as PodView).metadata.uid);
    else if (answer.status !== 409) throw new Error(`POST ${name} was answered by ${answer.status}`);
  };
  /** Creates and deletes pods until it is told to stop. An answer that never came leaves the pod's fate open. */
  const churn = async (random: () => number, stopped: () => boolean): Promise<void> => {
    while (!stopped()) {
      const name = podNames[Math.floor(random() * podNames.length)] ?? '';
      await new Promise((resolve) => setTimeout(resolve, random() * 60));
      try {
        if (!wanted.has(name)) await create(name, random() < 0.3);
        else if (random() < 0.4) {
          await client.ask('DELETE', `${podsPath}/${name}`);
          wanted.delete(name);
        }
      } catch {
        wanted.delete(name);
        open.add(name);
      }
    }
  };
  const open = new Set<string>();

  beforeAll(async () => {
    before = traces();
    cluster = await TestCluster.start();
    client = new ClusterClient(cluster.kubeconfig);
  }, 60_000);
  afterAll(async () => {
    client.close();
    await cluster.dispose();
    expect(newTraces(before)).toEqual([]);
  }, 60_000);

  it.each([7, 1234, 90_210])(
    'comes to the declared state, no container restarted (seed %i)',
    async (seed) => {
      const random = randomNumbers(seed);
      const calm = wanted.size === 0 ? [] : await converged();
      let isOver = false;
      const churning = churn(random, () => isOver);
      await new Promise((resolve) => setTimeout(resolve, 200 + random() * 1200));
      isOver = true;
      await Promise.all([restart(), churning]);
      // Only now: the last request of the churn may have been a deletion that was still under way.
      const untouched = calm.filter(({ metadata }) => wanted.get(metadata.name) === metadata.uid);
      for (const pod of await list()) {
        const { name, uid } = pod.metadata;
        if (open.has(name) && !('deletionTimestamp' in pod.metadata)) wanted.set(name, uid);
      }
      open.clear();
      const after = await converged();
      for (const pod of after) expect(pod.status.containerStatuses?.[0]?.restartCount).toBe(0);
      for (const pod of untouched) {
        const now = after.find(({ metadata }) => metadata.uid === pod.metadata.uid);
        expect(now?.status.podIP).toBe(pod.status.podIP);
        expect(now?.status.containerStatuses?.[0]?.containerID).toBe(pod.status.containerStatuses?.[0]?.containerID);
      }
    },
    90_000,
  );

  it('writes nothing about pods that did not change', async () => {
    const versions = (all: readonly PodView[]): string[] =>
      all.map(({ metadata }) => `${metadata.name} ${metadata.resourceVersion}`).sort();
    await Promise.all(['still-1', 'still-2'].map((name) => create(name, name === 'still-2')));
    const first = versions(await converged());
    expect(first).toHaveLength(wanted.size);
    await restart();
    // What comes after the restarted node took up a new pod comes after it looked at the old ones.
    await create('late', false);
    const after = await converged();
    expect(versions(after.filter((pod) => pod.metadata.name !== 'late'))).toEqual(first);
  }, 60_000);
});
