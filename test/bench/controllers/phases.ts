/** What is measured, each on a server over an empty folder. */
import { join } from 'node:path';
import type { Deployment, KubeObject, Namespace, Pod } from '@timonel/sdk/kube';
import type { BenchOptions } from '../bench.ts';
import { percentile } from '../figures.ts';
import { Client, Goal, paths } from './client.ts';
import { deploymentOf, isRolledOut, namespaceOf, podOf, versionOf } from './objects.ts';
import type { MeasuredServer, Serve } from './programs.ts';
import type { Rows, Sizes } from './rows.ts';
import type { ServerOptions } from './server.ts';

type Plugins = ServerOptions['plugins'];

export interface PhaseOptions extends BenchOptions {
  readonly serve: Serve;
  readonly sizes: Sizes;
  readonly rows: Rows;
  /** The controllers that run by default. */
  readonly controllers: Plugins;
  /** Where data may lie. */
  readonly dir: string;
}

const limitMs = 300_000;
const podsOfNode = 1_100;
let serial = 0;

/** A scheduler, and nodes whose pods are ready as soon as they are bound. */
function nodesFor(pods: number): Plugins {
  const capacity = { cpu: '1000', memory: '4Ti', 'ephemeral-storage': '4Ti', pods: String(podsOfNode) };
  // A roll-out has a quarter more of them.
  const nodes = Math.max(10, Math.ceil((pods * 1.3) / podsOfNode));
  return [
    { plugin: 'scheduler-host' },
    { plugin: 'scheduler-default' },
    { plugin: 'runtime-fake', config: { nodes, nodeCapacity: capacity } },
  ];
}

const later = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

function onServer<T>(
  { serve, dir }: PhaseOptions,
  plugins: Plugins,
  work: (client: Client, server: MeasuredServer) => Promise<T>,
): Promise<T> {
  const dataDir = join(dir, String((serial += 1)));
  return serve({ dataDir, plugins }, (server) => Client.use(server.at, (client) => work(client, server)));
}

/** Seconds until `count` pods of the namespace have been added. */
async function secondsToCreate(
  client: Client,
  namespace: string,
  count: number,
  begin: () => Promise<void>,
): Promise<number> {
  let seen = 0;
  const goal = new Goal(
    () => seen >= count,
    limitMs,
    () => `${seen} of ${count} pods were created`,
  );
  const onEvent = ({ type }: { type: string }): void => {
    if (type === 'ADDED') seen += 1;
    goal.look();
  };
  return client.watching<Pod, number>(paths.pods(namespace), onEvent, async () => {
    const began = performance.now();
    await Promise.all([begin(), goal.reached]);
    return (performance.now() - began) / 1000;
  });
}

/** Without nodes and scheduler: what the controllers create, beside what clients create. */
export async function scaleUpPhase(options: PhaseOptions): Promise<void> {
  const { replicas } = options.sizes;
  const { own, created, ratio } = options.rows.scaleUp;
  await onServer(options, options.controllers, async (client) => {
    const clients = async (namespace: string): Promise<number> => {
      await client.create(paths.namespaces, namespaceOf(namespace));
      const objects = Array.from({ length: replicas }, (_, index) => podOf(namespace, `pod-${index}`));
      const create = (): Promise<void> => client.createAll(paths.pods(namespace), objects);
      return replicas / (await secondsToCreate(client, namespace, replicas, create));
    };
    const controllers = async (namespace: string): Promise<number> => {
      await client.create(paths.namespaces, namespaceOf(namespace));
      const path = paths.deployments(namespace);
      await client.create(path, deploymentOf(namespace, 'web', 0));
      const scale = (): Promise<void> => client.patch(`${path}/web`, { spec: { replicas } });
      return replicas / (await secondsToCreate(client, namespace, replicas, scale));
    };
    await clients('warm-up-0');
    await controllers('warm-up-1');
    for (let round = 1; round <= options.rounds; round += 1) {
      const theirs = await clients(`clients-${round}`);
      const ours = await controllers(`controllers-${round}`);
      own.samples.push(theirs);
      created.samples.push(ours);
      ratio.samples.push(ours / theirs);
    }
  });
}

/** Resolves when every Deployment of the namespace is rolled out; answers when each was. */
async function allRolledOut(
  client: Client,
  namespace: string,
  count: number,
  begin: () => Promise<void>,
): Promise<ReadonlyMap<string, number>> {
  const doneAt = new Map<string, number>();
  let begun = false;
  const goal = new Goal(
    () => begun && doneAt.size >= count,
    limitMs,
    () => `${doneAt.size} of ${count} Deployments were rolled out`,
  );
  const onEvent = ({ object }: { object: Deployment }): void => {
    const { name = '' } = object.metadata;
    if (begun && !doneAt.has(name) && isRolledOut(object)) doneAt.set(name, performance.now());
    goal.look();
  };
  return client.watching<Deployment, ReadonlyMap<string, number>>(paths.deployments(namespace), onEvent, async () => {
    begun = true;
    await Promise.all([begin(), goal.reached]);
    return doneAt;
  });
}

export async function rollOutPhase(options: PhaseOptions): Promise<void> {
  const { replicas } = options.sizes;
  const { seconds, cpu } = options.rows.rollOut;
  const namespace = 'rolled';
  const path = paths.deployments(namespace);
  await onServer(options, [...options.controllers, ...nodesFor(replicas)], async (client, server) => {
    await client.create(paths.namespaces, namespaceOf(namespace));
    await allRolledOut(client, namespace, 1, () => client.create(path, deploymentOf(namespace, 'web', replicas)));
    for (let round = 1; round <= options.rounds; round += 1) {
      const cpuBefore = server.cpuMicros();
      const began = performance.now();
      // The patch raises the generation: the state before it does not count as rolled out.
      await client.patch(`${path}/web`, versionOf(String(round + 1)));
      const done = await allRolledOut(client, namespace, 1, () => Promise.resolve());
      seconds.samples.push(((done.get('web') ?? Number.NaN) - began) / 1000);
      cpu.samples.push((server.cpuMicros() - cpuBefore) / replicas);
    }
  });
}

/** Waits until nothing has been written for a while, but for leases of nodes. Answers false when that does not come. */
async function writesIn(client: Client, restMs: number): Promise<number> {
  let leaseWrites = 0;
  let listed = false;
  const onEvent = (): void => {
    if (listed) leaseWrites += 1;
  };
  return client.watching(paths.leases, onEvent, async () => {
    await later(500);
    listed = true;
    const count = async (ms: number): Promise<number> => {
      const [revision, leases] = [await client.revision(), leaseWrites];
      await later(ms);
      return (await client.revision()) - revision - (leaseWrites - leases);
    };
    const deadline = performance.now() + 60_000;
    while ((await count(3_000)) > 0 && performance.now() < deadline);
    return count(restMs);
  });
}

export async function manyPhase(options: PhaseOptions): Promise<void> {
  const { deployments, podsEach, restMs } = options.sizes;
  const { perSecond, p50, p99, rest } = options.rows.many;
  const path = (namespace: string): string => paths.deployments(namespace);
  for (let round = 1; round <= options.rounds; round += 1) {
    await onServer(options, [...options.controllers, ...nodesFor(deployments * podsEach)], async (client) => {
      const namespace = 'many';
      await client.create(paths.namespaces, namespaceOf(namespace));
      const createdAt = new Map<string, number>();
      const began = performance.now();
      const createOne = async (index: number): Promise<void> => {
        const name = `web-${index}`;
        await client.create(path(namespace), deploymentOf(namespace, name, podsEach));
        createdAt.set(name, performance.now());
      };
      const doneAt = await allRolledOut(client, namespace, deployments, async () => {
        await Promise.all(Array.from({ length: deployments }, (_, index) => createOne(index)));
      });
      const last = Math.max(...doneAt.values());
      perSecond.samples.push((deployments * podsEach) / ((last - began) / 1000));
      const delays = [...doneAt].map(([name, at]) => at - (createdAt.get(name) ?? Number.NaN));
      p50.samples.push(percentile(delays, 0.5));
      p99.samples.push(percentile(delays, 0.99));
      if (round === 1) rest.samples.push(await writesIn(client, restMs));
    });
  }
}

/** Ten Deployments that make the crowd together. */
async function makeCrowd(client: Client, namespace: string, crowd: number): Promise<void> {
  await client.create(paths.namespaces, namespaceOf(namespace));
  const parts = Math.min(10, crowd);
  const objects: KubeObject[] = Array.from({ length: parts }, (_, index) =>
    deploymentOf(namespace, `web-${index}`, Math.floor(crowd / parts)),
  );
  await allRolledOut(client, namespace, parts, () => client.createAll(paths.deployments(namespace), objects));
}

async function deleteNamespace(client: Client, namespace: string): Promise<number> {
  let gone = false;
  const goal = new Goal(
    () => gone,
    limitMs,
    () => 'the namespace is still there',
  );
  const onEvent = ({ type, object }: { type: string; object: Namespace }): void => {
    if (type === 'DELETED' && object.metadata.name === namespace) gone = true;
    goal.look();
  };
  return client.watching<Namespace, number>(paths.namespaces, onEvent, async () => {
    const began = performance.now();
    await Promise.all([client.remove(`${paths.namespaces}/${namespace}`), goal.reached]);
    return (performance.now() - began) / 1000;
  });
}

const settleMs = 3_000;

/** Memory with a crowd of pods, and the end of its namespace. */
export async function crowdPhase(options: PhaseOptions): Promise<void> {
  const { crowd } = options.sizes;
  const { memory, deletion } = options.rows;
  const namespace = 'crowd';
  for (let round = 1; round <= options.rounds; round += 1) {
    await onServer(options, [...options.controllers, ...nodesFor(crowd)], async (client, server) => {
      await later(settleMs);
      const [heapBefore, residentBefore] = [await server.heapMB(), server.residentMB()];
      await makeCrowd(client, namespace, crowd);
      await later(settleMs);
      memory.resident.samples.push(server.residentMB() - residentBefore);
      const heap = (await server.heapMB()) - heapBefore;
      memory.whole.samples.push(heap);
      const objects = (await client.get(`/api/v1/namespaces/${namespace}/pods`)) as { items: Pod[] };
      memory.controllers.samples.push(heap - (await heapWithout(options, objects.items)));
      deletion.seconds.samples.push(await deleteNamespace(client, namespace));
    });
  }
}

/** What the same pods cost a server without controllers. */
function heapWithout(options: PhaseOptions, pods: readonly Pod[]): Promise<number> {
  const namespace = 'crowd';
  return onServer(options, nodesFor(pods.length), async (client, server) => {
    await client.create(paths.namespaces, namespaceOf(namespace));
    await later(settleMs);
    const before = await server.heapMB();
    let running = 0;
    const goal = new Goal(
      () => running >= pods.length,
      limitMs,
      () => `${running} of ${pods.length} pods run`,
    );
    const onEvent = ({ type, object }: { type: string; object: Pod }): void => {
      if (type === 'MODIFIED' && object.status?.phase === 'Running') running += 1;
      goal.look();
    };
    await client.watching<Pod, void>(paths.pods(namespace), onEvent, async () => {
      const fresh = pods.map(({ metadata: { name = '', labels = {} }, spec }) => {
        const { nodeName, ...unbound } = spec;
        return { metadata: { namespace, name, labels }, spec: nodeName === undefined ? spec : unbound };
      });
      await client.createAll(paths.pods(namespace), fresh);
      await goal.reached;
    });
    await later(settleMs);
    return (await server.heapMB()) - before;
  });
}
