/** Controllers that delete pods for the state of a node, while their caches show the past. */
import { setTimeout } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import nodeLifecycle from '@timonel/plugin-controller-nodelifecycle';
import podGc from '@timonel/plugin-controller-podgc';
import taintManager from '@timonel/plugin-controller-taintmanager';
import { definePlugin, type AnyPlugin } from '@timonel/sdk';
import { apiClient, type ApiClient, type ApiWatchOptions, type WatchEvent } from '@timonel/sdk/contracts/api';
import { controller } from '@timonel/sdk/contracts/controller';
import { isPodReady } from '@timonel/sdk/controller';
import { leases, nodes, pods, type KubeObject, type Pod, type ResourceType } from '@timonel/sdk/kube';
import { startTestKernel } from '@timonel/testkit';
import { Clock } from '../conformance/support/clock.ts';
import { startCluster, type Cluster } from '../conformance/support/cluster.ts';
import { protectPods } from '../support/protected-pods.ts';
import { faultyApi } from '../support/controller-faults/faulty-api.ts';

interface Bed extends AsyncDisposable {
  readonly cluster: Cluster;
  readonly clock: Clock;
  /** Resolves when the controllers have done what they have to do now. */
  rest(): Promise<void>;
  /** Changes of a type are not shown from now on. */
  freeze(type?: ResourceType): void;
  /** Makes a pod on the node and answers how to read it. */
  pod(more?: Partial<Pod['spec']>): Promise<() => Promise<Pod | undefined>>;
  patchNode(body: object): Promise<unknown>;
}

/** Pods are shown so much later, each change. */
async function bed(controllers: readonly AnyPlugin[], plugins: AnyPlugin[] = [], podDelayMs = 0): Promise<Bed> {
  const clock = new Clock();
  const kubelet = { mayEnd: () => false };
  const cluster = await startCluster({ controllers: [], plugins, nodes: 1, heartbeatMs: 10_000, clock, kubelet });
  const { api } = cluster;
  let frozen: string | undefined;
  const { client } = faultyApi(api, {});
  async function* watch<T extends KubeObject>(
    type: ResourceType<T>,
    options: ApiWatchOptions,
  ): AsyncIterable<WatchEvent<T>> {
    for await (const event of client.watch(type, options)) {
      if (type.resource === frozen) continue;
      if (podDelayMs > 0 && type.resource === pods.resource) await setTimeout(podDelayMs);
      yield event;
    }
  }
  const connection: AnyPlugin = definePlugin({
    name: 'api-connection',
    version: '0.1.0',
    apiVersion: 1,
    provides: { api: apiClient },
    setup: () => ({ provides: { api: { ...client, watch } satisfies ApiClient } }),
  });
  const kernel = await startTestKernel({ plugins: [connection, ...controllers], env: clock.env });
  const running = kernel.service(controller);
  const namespace = await cluster.namespace();
  return {
    cluster,
    clock,
    async rest() {
      const idle = (): boolean =>
        running.all().every(({ service }) => {
          const { queued, processing, synced } = service.status();
          return synced && queued === 0 && processing === 0;
        });
      await cluster.until('the controllers to be idle', idle);
      await cluster.quiet();
      await cluster.until('the controllers to be idle', idle);
    },
    freeze: ({ resource } = nodes) => void (frozen = resource),
    async pod(more = {}) {
      const spec = { nodeName: 'node-0', containers: [{ name: 'main', image: 'web:1' }], ...more };
      await api.create(pods, { metadata: { name: 'a', namespace }, spec });
      await cluster.until('the pod to be ready', async () => isPodReady(await api.get(pods, { namespace, name: 'a' })));
      return async () => (await api.list(pods, { namespace })).items[0];
    },
    patchNode: (body) => api.patch(nodes, { name: 'node-0' }, { type: 'merge', body }),
    async [Symbol.asyncDispose]() {
      await kernel.stop();
      await cluster[Symbol.asyncDispose]();
    },
  };
}

const taint = { key: 'example.com/broken', effect: 'NoExecute' };
const outOfService = { key: 'node.kubernetes.io/out-of-service', value: 'nodeshutdown', effect: 'NoExecute' };

describe('with a cache of nodes that is behind', () => {
  it.each([
    ['the taint is gone', [], false],
    ['the taint is still there', [taint], true],
  ])('controller-taintmanager asks before it evicts: %s', async (_what, taintsNow, goes) => {
    await using b = await bed([taintManager]);
    const tolerations = [{ key: taint.key, operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 60 }];
    const pod = await b.pod({ tolerations });
    await b.patchNode({ spec: { taints: [taint] } });
    await b.clock.advance(30_000);
    await b.rest();
    b.freeze();
    await b.patchNode({ spec: { taints: taintsNow } });
    await b.clock.advance(40_000);
    await b.rest();
    expect((await pod())?.metadata.deletionTimestamp !== undefined).toBe(goes);
  });

  it('controller-podgc asks before it ends a pod of a node that was out of service', async () => {
    await using b = await bed([podGc]);
    const pod = await b.pod();
    b.cluster.nodes.cut('node-0');
    const node = await b.cluster.api.get(nodes, { name: 'node-0' });
    const conditions = [{ type: 'Ready', status: 'Unknown' as const }];
    await b.cluster.api.updateStatus(nodes, { ...node, status: { ...node.status, conditions } });
    await b.patchNode({ spec: { taints: [outOfService] } });
    await b.rest();
    b.freeze();
    await b.patchNode({ spec: { taints: [] } });
    const { namespace, name = '' } = (await pod())?.metadata ?? {};
    await b.cluster.api.delete(pods, { namespace, name });
    await b.rest();
    expect(await pod()).toBeDefined();
  });
});

describe('with a cache of leases that is behind', () => {
  it('controller-nodelifecycle asks before it takes a node for dead', async () => {
    await using b = await bed([nodeLifecycle]);
    const changes = b.cluster.record(nodes);
    const wasLost = (): boolean =>
      changes.some(({ object }) =>
        object.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'Unknown'),
      );
    await b.clock.advance(30_000);
    await b.rest();
    b.freeze(leases);
    for (let n = 0; n < 12; n++) {
      await b.clock.advance(10_000);
      await b.rest();
    }
    expect(wasLost()).toBe(false);
    b.cluster.nodes.cut('node-0');
    await b.cluster.until('the node to be Unknown', async () => {
      await b.clock.advance(10_000);
      return wasLost();
    });
  });
});

describe('with a cache of pods that is behind', () => {
  it('controller-podgc tries again what was refused while its own deletions did not show', async () => {
    let refusals = 0;
    await using b = await bed([podGc], [protectPods(() => (refusals += 1))], 20);
    const namespace = await b.cluster.namespace();
    const spec = { nodeName: 'gone', containers: [{ name: 'main', image: 'web:1' }] };
    for (const name of ['protected', 'q', 'r'])
      await b.cluster.api.create(pods, { metadata: { name, namespace }, spec });
    await b.rest();
    await b.clock.advance(45_000);
    await b.cluster.until('the others to go', async () => {
      return (await b.cluster.api.list(pods, { namespace })).items.length === 1;
    });
    await b.rest();
    await b.cluster.until('more attempts', async () => {
      await b.clock.advance(10_000);
      return refusals > 2;
    });
  });
});
