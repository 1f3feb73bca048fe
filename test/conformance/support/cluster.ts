/**
 * A cluster in one process: the real API server on the memory store, the controllers under test, the real scheduler, and nodes and
 * kubelets in name only. See README.md.
 */
import { setMaxListeners } from 'node:events';
import type { AnyPlugin, Env } from '@timonel/sdk';
import type { ApiClient, WatchEvent } from '@timonel/sdk/contracts/api';
import { controller } from '@timonel/sdk/contracts/controller';
import { store, type Store } from '@timonel/sdk/contracts/store';
import { createRealEnv } from '@timonel/core';
import { coreEvents, namespaces, type CoreEvent, type KubeObject, type ResourceType } from '@timonel/sdk/kube';
import schedulerDefault from '@timonel/plugin-scheduler-default';
import schedulerHost from '@timonel/plugin-scheduler-host';
import { until as untilOf } from '@timonel/testkit';
import { startApiServer, type TestApiServer } from '../../support/api-server.ts';
import type { Clock } from './clock.ts';
import { FakeKubelet, type KubeletOptions } from './kubelet.ts';
import { FakeNodes } from './nodes.ts';

export interface ClusterOptions {
  readonly controllers: readonly AnyPlugin[];
  /** Further plugins, for example of admission. */
  readonly plugins?: readonly AnyPlugin[];
  /** Configuration by the name of the plugin. */
  readonly config?: Readonly<Record<string, unknown>>;
  /** How many. Default 2. With 0 there is no scheduler: pods run without a node, and when they are deleted they go at once. */
  readonly nodes?: number;
  /** False: the kubelet takes pods onto its nodes itself, without a look at what they need. Default: the real scheduler. */
  readonly scheduler?: boolean;
  readonly kubelet?: KubeletOptions;
  /** Nodes renew their leases so often. Absent: they have none. */
  readonly heartbeatMs?: number;
  /** Default: the real one. The cluster stops it. */
  readonly clock?: Clock;
  /** In place of a memory store of its own; not closed with the cluster. */
  readonly store?: Store;
}

export interface Cluster extends AsyncDisposable {
  readonly server: TestApiServer;
  readonly api: ApiClient;
  readonly env: Env;
  readonly nodes: FakeNodes;
  readonly kubelet: FakeKubelet;
  /** Makes a namespace of its own; answers its name. */
  namespace(prefix?: string): Promise<string>;
  /** Every change of a type from now on, in order, after its present objects as ADDED. */
  record<T extends KubeObject>(type: ResourceType<T>, namespace?: string): WatchEvent<T>[];
  /** Waits for a condition that throws or is false until then. */
  until<T>(what: string, condition: () => T | Promise<T>, timeoutMs?: number): ReturnType<typeof untilOf<T>>;
  /** The recorded events about an object, oldest first. */
  eventsOf(object: KubeObject): Promise<CoreEvent[]>;
  /** Resolves when the controllers have nothing to do and nothing was written for a while. */
  quiet(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

const stillChecks = 15;
let serial = 0;

export async function startCluster(options: ClusterOptions): Promise<Cluster> {
  const { nodes: nodeCount = 2, clock } = options;
  const env = clock?.env ?? createRealEnv();
  const server = await startApiServer({
    plugins: [
      ...(nodeCount > 0 && options.scheduler !== false ? [schedulerHost, schedulerDefault] : []),
      ...(options.plugins ?? []),
      ...options.controllers,
    ],
    ...(options.config === undefined ? {} : { config: options.config }),
    ...(clock === undefined ? {} : { env: clock.env }),
    ...(options.store === undefined ? {} : { store: options.store }),
  });
  const { api, kernel } = server;
  const nodes = new FakeNodes(api, env);
  for (let n = 0; n < nodeCount; n += 1) await nodes.add(`node-${n}`);
  if (options.heartbeatMs !== undefined) nodes.beat(options.heartbeatMs);
  const served = (): readonly string[] => nodes.names.filter((name) => nodes.isServed(name));
  const kubelet = new FakeKubelet(
    api,
    env,
    {
      ...(nodeCount === 0 ? {} : { isOwn: (name) => nodes.isServed(name) }),
      ...(nodeCount > 0 && options.scheduler === false ? { bindTo: served } : {}),
    },
    options.kubelet,
  );
  nodes.onServed = () => kubelet.look();
  kubelet.start();
  const stop = new AbortController();
  setMaxListeners(0, stop.signal);
  const recorders: Promise<void>[] = [];
  const controllers = kernel.service(controller);
  const cluster: Cluster = {
    server,
    api,
    env,
    nodes,
    kubelet,
    async namespace(prefix = 'test') {
      const name = `${prefix}-${(serial += 1)}`;
      await api.create(namespaces, { metadata: { name } });
      return name;
    },
    record<T extends KubeObject>(type: ResourceType<T>, namespace?: string) {
      const events: WatchEvent<T>[] = [];
      const selection = namespace === undefined ? {} : { namespace };
      let from = {};
      const follow = async (): Promise<void> => {
        while (!stop.signal.aborted) {
          for await (const event of api.watch(type, { ...selection, ...from, signal: stop.signal })) {
            events.push(event);
            from = { resourceVersion: event.object.metadata.resourceVersion };
          }
        }
      };
      recorders.push(follow().catch(() => undefined));
      return events;
    },
    until: (what, condition, timeoutMs) =>
      untilOf(condition, { what, intervalMs: 5, ...(timeoutMs === undefined ? {} : { timeoutMs }) }),
    async eventsOf({ metadata: { namespace = 'default', uid } }) {
      const { items } = await api.list(coreEvents, { namespace });
      const time = (event: CoreEvent): string => event.lastTimestamp ?? event.eventTime ?? '';
      return items
        .filter(({ involvedObject }) => involvedObject.uid === uid)
        .toSorted((a, b) => time(a).localeCompare(time(b)));
    },
    async quiet() {
      let still = 0;
      let before = -1;
      const versions = kernel.service(store);
      await untilOf(
        async () => {
          const revision = await versions.barrier();
          const idle = controllers.all().every(({ service }) => {
            const { queued, processing, synced } = service.status();
            return synced && queued === 0 && processing === 0;
          });
          still = idle && revision === before ? still + 1 : 0;
          before = revision;
          return still >= stillChecks;
        },
        { what: 'the controllers to come to rest', timeoutMs: 15_000 },
      );
    },
    async [Symbol.asyncDispose]() {
      stop.abort();
      await Promise.all(recorders);
      await kubelet.stop();
      await nodes.stop();
      await server.stop();
      await clock?.stop();
    },
  };
  return cluster;
}
