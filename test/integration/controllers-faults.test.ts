/** Crashes, lagging caches and missed events: the end state and the numbers of creations and deletions are those of a run without faults. */
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import deploymentController from '@timonel/plugin-controller-deployment';
import gcController from '@timonel/plugin-controller-gc';
import replicaSetController from '@timonel/plugin-controller-replicaset';
import { definePlugin, type AnyPlugin } from '@timonel/sdk';
import { apiClient, type ApiClient, type ApiWatchOptions, type WatchEvent } from '@timonel/sdk/contracts/api';
import { ApiError, deployments, pods, replicaSets, type KubeObject, type ResourceType } from '@timonel/sdk/kube';
import { startTestKernel, until, type TestKernel } from '@timonel/testkit';
import { deploymentOf, startTestCluster, type TestCluster } from './controllers-cluster.ts';

jest.setTimeout(120_000);

interface Faults {
  /** After this many writes every call fails, the answer to the last write included. */
  readonly crashAfterWrites?: number;
  /** Events reach the controllers so much later. */
  readonly watchDelayMs?: number;
  /** Each watch breaks with 410 after so many events, and what happens until the relist is seen in sum only. */
  readonly expireAfterEvents?: number;
}

interface FaultyApi {
  readonly client: ApiClient;
  readonly crashed: () => boolean;
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

function faultyApi(inner: ApiClient, faults: Faults): FaultyApi {
  let writes = 0;
  const dead = (): boolean => writes >= (faults.crashAfterWrites ?? Number.POSITIVE_INFINITY);
  const refuse = (): never => {
    throw new ApiError('ServiceUnavailable', 'the connection is lost');
  };
  const read = async <T>(call: () => Promise<T>): Promise<T> => (dead() ? refuse() : call());
  const write = async <T>(call: () => Promise<T>): Promise<T> => {
    if (dead()) refuse();
    writes += 1;
    const answer = await call();
    return dead() ? refuse() : answer;
  };
  async function* watch<T extends KubeObject>(
    type: ResourceType<T>,
    options: ApiWatchOptions,
  ): AsyncIterable<WatchEvent<T>> {
    let events = 0;
    for await (const event of inner.watch(type, options)) {
      if (faults.watchDelayMs !== undefined) await pause(faults.watchDelayMs);
      events += 1;
      if (events > (faults.expireAfterEvents ?? Number.POSITIVE_INFINITY)) throw new ApiError('Expired', 'too old');
      yield event;
    }
  }
  const client: ApiClient = {
    get: (type, name) => read(() => inner.get(type, name)),
    list: (type, options) => read(() => inner.list(type, options)),
    watch,
    create: (type, object, options) => write(() => inner.create(type, object, options)),
    update: (type, object, options) => write(() => inner.update(type, object, options)),
    updateStatus: (type, object, options) => write(() => inner.updateStatus(type, object, options)),
    patch: (type, name, patch, options) => write(() => inner.patch(type, name, patch, options)),
    delete: (type, name, options) => write(() => inner.delete(type, name, options)),
    getSubresource: (type, name, subresource) => read(() => inner.getSubresource(type, name, subresource)),
    createSubresource: (type, name, subresource, body) =>
      write(() => inner.createSubresource(type, name, subresource, body)),
  };
  return { client, crashed: dead };
}

/** A process of its own with the controllers, behind a connection with faults. */
function startControllers(client: ApiClient): Promise<TestKernel> {
  const connection: AnyPlugin = definePlugin({
    name: 'api-connection',
    version: '0.1.0',
    apiVersion: 1,
    provides: { api: apiClient },
    setup: () => ({ provides: { api: client } }),
  });
  return startTestKernel({ plugins: [connection, deploymentController, replicaSetController, gcController] });
}

interface Outcome {
  readonly podsMade: number;
  readonly podsDeleted: number;
  readonly setsMade: number;
  readonly setsDeleted: number;
  readonly left: readonly string[];
}

let scenario = 0;

/** A life of a deployment: made, rolled out anew, shrunk, deleted. */
async function live(cluster: TestCluster, faults: Faults): Promise<Outcome & { readonly crashed: boolean }> {
  const name = `web-${(scenario += 1)}`;
  const at = { namespace: 'default', name };
  const podEvents = cluster.record(pods);
  const setEvents = cluster.record(replicaSets);
  const connection = faultyApi(cluster.api, faults);
  let controllers = await startControllers(connection.client);
  let restarted: Promise<void> | undefined;
  const restartWhenCrashed = (): void => {
    if (!connection.crashed() || restarted !== undefined) return;
    restarted = (async () => {
      await controllers.stop();
      controllers = await startControllers(cluster.api);
    })();
  };
  const reached = async (what: string, condition: () => Promise<boolean>): Promise<void> => {
    await until(
      () => {
        restartWhenCrashed();
        return condition();
      },
      { what: `${what} of ${JSON.stringify(faults)}`, timeoutMs: 20_000, intervalMs: 3 },
    );
  };
  const rolledOut = (replicas: number): Promise<void> =>
    reached(`${replicas} replicas`, async () => {
      const { metadata, status } = await cluster.api.get(deployments, at);
      const observed = status?.observedGeneration === metadata.generation;
      return (
        observed &&
        [status?.updatedReplicas, status?.replicas, status?.availableReplicas].every((number) => number === replicas)
      );
    });
  const mine = <T extends KubeObject>(events: readonly WatchEvent<T>[], type: string): number =>
    events.filter((event) => event.type === type && event.object.metadata.labels?.['app'] === name).length;
  const left = async (type: ResourceType): Promise<string[]> =>
    (await cluster.api.list(type, { namespace: 'default', labelSelector: `app=${name}` })).items.map(
      (object) => object.metadata.name ?? '',
    );
  try {
    const rollingUpdate = { maxSurge: 1, maxUnavailable: 1 };
    await cluster.api.create(
      deployments,
      deploymentOf(name, 4, { strategy: { type: 'RollingUpdate', rollingUpdate } }),
    );
    await rolledOut(4);
    const containers = [{ name: 'main', image: 'web:2' }];
    await cluster.api.patch(deployments, at, {
      type: 'strategic',
      body: { spec: { template: { spec: { containers } } } },
    });
    await rolledOut(4);
    await cluster.api.patch(deployments, at, { type: 'merge', body: { spec: { replicas: 2 } } });
    await rolledOut(2);
    await cluster.api.delete(deployments, at, { propagationPolicy: 'Background' });
    await reached('the end', async () => (await left(pods)).length + (await left(replicaSets)).length === 0);
    await restarted;
    await until(() => mine(podEvents, 'DELETED') === mine(podEvents, 'ADDED'), { what: 'the last events' });
  } finally {
    await restarted;
    await controllers.stop();
  }
  return {
    podsMade: mine(podEvents, 'ADDED'),
    podsDeleted: mine(podEvents, 'DELETED'),
    setsMade: mine(setEvents, 'ADDED'),
    setsDeleted: mine(setEvents, 'DELETED'),
    left: await left(pods),
    crashed: connection.crashed(),
  };
}

describe('controllers under faults', () => {
  let cluster: TestCluster;
  const faultless = { podsMade: 8, podsDeleted: 8, setsMade: 2, setsDeleted: 2, left: [] };
  beforeAll(async () => {
    cluster = await startTestCluster({ controllers: [] });
  });
  afterAll(async () => {
    await cluster[Symbol.asyncDispose]();
  });

  it('without faults', async () => {
    expect(await live(cluster, {})).toEqual({ ...faultless, crashed: false });
  });

  it('a crash after the n-th write, for n = 1, 2, …', async () => {
    for (let crashAfterWrites = 1; crashAfterWrites <= 40; crashAfterWrites++) {
      expect({ crashAfterWrites, ...(await live(cluster, { crashAfterWrites })) }).toEqual({
        crashAfterWrites,
        ...faultless,
        crashed: true,
      });
    }
  });

  it.each([5, 40])('caches that lag by %i ms an event', async (watchDelayMs) => {
    expect(await live(cluster, { watchDelayMs })).toEqual({ ...faultless, crashed: false });
  });

  it('watches that expire all the time, so that events are missed', async () => {
    expect(await live(cluster, { expireAfterEvents: 2 })).toEqual({ ...faultless, crashed: false });
  });
});
