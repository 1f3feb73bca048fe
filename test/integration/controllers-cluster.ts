/** A control plane for the tests of the controllers: the real API server on the memory store, and pods that become ready by themselves. */
import { setMaxListeners } from 'node:events';
import { apiClient, type ApiClient, type WatchEvent } from '@timonel/sdk/contracts/api';
import { controller } from '@timonel/sdk/contracts/controller';
import {
  isConflict,
  isNotFound,
  namespaces,
  pods,
  type Deployment,
  type KubeObject,
  type Pod,
  type ReplicaSet,
  type ResourceType,
} from '@timonel/sdk/kube';
import type { AnyPlugin } from '@timonel/sdk';
import apiCrds from '@timonel/plugin-api-crds';
import apiResources from '@timonel/plugin-api-resources';
import apiserver from '@timonel/plugin-apiserver';
import authToken from '@timonel/plugin-auth-token';
import storeMemory from '@timonel/plugin-store-memory';
import { startTestKernel, until, type TestKernel } from '@timonel/testkit';

export interface TestCluster extends AsyncDisposable {
  readonly kernel: TestKernel;
  readonly api: ApiClient;
  /** Every change of a type since the cluster began, in order. */
  record<T extends KubeObject>(type: ResourceType<T>): WatchEvent<T>[];
  /** Resolves when the controllers have nothing to do and nothing was written for a while. */
  quiet(): Promise<void>;
}

export interface TestClusterOptions {
  readonly controllers: readonly AnyPlugin[];
  /** Which pods become ready. Default: all. */
  readonly becomesReady?: (pod: Pod) => boolean;
}

function followPods(api: ApiClient, becomesReady: (pod: Pod) => boolean, signal: AbortSignal): Promise<void> {
  let address = 0;
  const setReady = async (pod: Pod): Promise<void> => {
    const ip = `10.1.${address >> 8}.${address++ & 255}`;
    const now = new Date().toISOString().replace(/\.\d+Z$/, 'Z');
    const conditions = [{ type: 'Ready', status: 'True' as const, lastTransitionTime: now }];
    const status = { phase: 'Running', podIP: ip, podIPs: [{ ip }], startTime: now, conditions };
    await api.updateStatus(pods, { ...pod, status });
  };
  return (async () => {
    for await (const { type, object } of api.watch(pods, { signal })) {
      const waits = object.status?.phase === 'Pending' || object.status?.phase === undefined;
      if (type === 'BOOKMARK' || type === 'DELETED' || !waits || !becomesReady(object)) continue;
      await setReady(object).catch((error: unknown) => {
        if (!isConflict(error) && !isNotFound(error)) throw error;
      });
    }
  })().catch((error: unknown) => {
    if (!signal.aborted) throw error;
  });
}

export async function startTestCluster(options: TestClusterOptions): Promise<TestCluster> {
  const kernel = await startTestKernel({
    plugins: [storeMemory, authToken, apiCrds, apiResources, apiserver, ...options.controllers],
    config: { apiserver: { listen: { address: '127.0.0.1', port: 0 } } },
  });
  const api = kernel.service(apiClient);
  const controllers = kernel.service(controller);
  const stop = new AbortController();
  // One listener for each recorded type.
  setMaxListeners(0, stop.signal);
  const running: Promise<void>[] = [followPods(api, options.becomesReady ?? (() => true), stop.signal)];
  let changes = 0;
  const record = <T extends KubeObject>(type: ResourceType<T>): WatchEvent<T>[] => {
    const events: WatchEvent<T>[] = [];
    running.push(
      (async () => {
        for await (const event of api.watch(type, { signal: stop.signal })) {
          changes += 1;
          events.push(event);
        }
      })().catch(() => undefined),
    );
    return events;
  };
  record(pods);
  await api.create(namespaces, { metadata: { name: 'default' } }).catch(() => undefined);
  return {
    kernel,
    api,
    record,
    async quiet() {
      let quietChecks = 0;
      let before = -1;
      await until(
        () => {
          const idle = controllers.all().every(({ service }) => {
            const { queued, processing, synced } = service.status();
            return synced && queued === 0 && processing === 0;
          });
          quietChecks = idle && before === changes ? quietChecks + 1 : 0;
          before = changes;
          return quietChecks >= 15;
        },
        { what: 'the controllers to come to rest', timeoutMs: 15_000 },
      );
    },
    async [Symbol.asyncDispose]() {
      stop.abort();
      await Promise.all(running);
      await kernel.stop();
    },
  };
}

export function replicaSetOf(name: string, replicas: number): ReplicaSet {
  return {
    metadata: { name, namespace: 'default' },
    spec: {
      replicas,
      selector: { matchLabels: { app: name } },
      template: { metadata: { labels: { app: name } }, spec: { containers: [{ name: 'main', image: 'web:1' }] } },
    },
  };
}

export function deploymentOf(name: string, replicas: number, more: Partial<Deployment['spec']> = {}): Deployment {
  const { selector, template } = replicaSetOf(name, replicas).spec;
  return {
    metadata: { name, namespace: 'default' },
    spec: { replicas, selector, template: template ?? { spec: { containers: [] } }, ...more },
  };
}

/** In the order of their JSON texts. */
export function inOrder<T>(values: readonly T[]): T[] {
  const text = (value: T): string => JSON.stringify(value) ?? '';
  return [...values].sort((a, b) => (text(a) < text(b) ? -1 : 1));
}
