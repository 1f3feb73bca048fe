/** Three control planes on one store: controllers and scheduler work on one at a time, and nothing is done twice when it changes. */
import { afterEach, describe, expect, it } from '@jest/globals';
import { createRealEnv } from '@timonel/core';
import type { AnyPlugin } from '@timonel/sdk';
import { apiClient, type ApiClient } from '@timonel/sdk/contracts/api';
import { controller, type ControllerStatus } from '@timonel/sdk/contracts/controller';
import { leadership } from '@timonel/sdk/contracts/leadership';
import { deployments, leases, nodes, pods, replicaSets, type Pod } from '@timonel/sdk/kube';
import admissionNamespace from '@timonel/plugin-admission-namespace';
import apiCrds from '@timonel/plugin-api-crds';
import apiResources from '@timonel/plugin-api-resources';
import apiServer from '@timonel/plugin-apiserver';
import authToken from '@timonel/plugin-auth-token';
import controllerDeployment from '@timonel/plugin-controller-deployment';
import controllerGc from '@timonel/plugin-controller-gc';
import controllerReplicaset from '@timonel/plugin-controller-replicaset';
import leaderElection from '@timonel/plugin-leader-election';
import schedulerDefault from '@timonel/plugin-scheduler-default';
import schedulerHost from '@timonel/plugin-scheduler-host';
import { startTestKernel, until, type TestKernel } from '@timonel/testkit';
import { MemoryStore } from '../../plugins/store-memory/src/memory-store.ts';
import { storePlugin, UnsteadyStore } from '../support/unsteady-store.ts';
import { deploymentOf } from './controllers-cluster.ts';

const plugins: readonly AnyPlugin[] = [
  authToken,
  apiServer,
  apiCrds,
  apiResources,
  admissionNamespace,
  leaderElection,
  controllerDeployment,
  controllerReplicaset,
  controllerGc,
  schedulerHost,
  schedulerDefault,
];
const times = { leaseDurationSeconds: 2, renewDeadlineSeconds: 1.5, retryPeriodSeconds: 0.2 };

interface Master {
  readonly kernel: TestKernel;
  readonly api: ApiClient;
  readonly store: UnsteadyStore;
  leading(): boolean;
  controllers(): ControllerStatus[];
}

let shared: MemoryStore | undefined;
let masters: Master[] = [];

async function startMaster(outage: UnsteadyStore['outage'] = 'none'): Promise<Master> {
  shared ??= new MemoryStore(createRealEnv());
  const store = new UnsteadyStore(shared);
  store.outage = outage;
  const kernel = await startTestKernel({
    plugins: [storePlugin(store), ...plugins],
    config: {
      apiserver: { listen: { port: 0 }, timing: { freshnessTimeoutMs: 500 } },
      'leader-election': times,
    },
  });
  const master: Master = {
    kernel,
    store,
    api: kernel.service(apiClient),
    leading: () => kernel.service(leadership).leading(),
    controllers: () =>
      kernel
        .service(controller)
        .all()
        .map(({ service }) => service.status()),
  };
  masters.push(master);
  return master;
}

afterEach(async () => {
  for (const { kernel } of masters) await kernel.stop();
  masters = [];
  shared?.close();
  shared = undefined;
});

async function leader(): Promise<Master> {
  return until(() => masters.find((master) => master.leading()), { what: 'a leader', timeoutMs: 10_000 });
}

async function makeNodes(api: ApiClient): Promise<void> {
  for (const name of ['n1', 'n2']) {
    const made = await api.create(nodes, { metadata: { name }, spec: {} });
    const allocatable = { cpu: '64', memory: '64Gi', pods: '200' };
    const conditions = [{ type: 'Ready', status: 'True' as const }];
    await api.updateStatus(nodes, { ...made, status: { capacity: allocatable, allocatable, conditions } });
  }
}

async function boundPods(api: ApiClient): Promise<Pod[]> {
  const { items } = await api.list(pods, { namespace: 'default' });
  return items.filter(({ spec }) => spec.nodeName);
}

/** Every creation of a pod and every binding, as the store saw them. */
async function history(): Promise<{ created: number; deleted: number; bindings: Map<string, Set<string>> }> {
  if (shared === undefined) throw new Error('no store');
  const { revision } = await shared.status();
  const watch = shared.watch({ prefix: '/registry/core/pods/', fromRevision: 2 });
  watch.requestProgress();
  const bindings = new Map<string, Set<string>>();
  let created = 0;
  let deleted = 0;
  for await (const batch of watch) {
    for (const { type, kv, prevKv } of batch.events) {
      if (type === 'delete') deleted += 1;
      else if (prevKv === undefined) created += 1;
      if (type === 'delete') continue;
      const pod = JSON.parse(Buffer.from(kv.value).toString()) as Pod;
      if (!pod.spec.nodeName) continue;
      const at = bindings.get(pod.metadata.uid ?? '') ?? new Set();
      bindings.set(pod.metadata.uid ?? '', at.add(pod.spec.nodeName));
    }
    if (batch.revision >= revision) break;
  }
  return { created, deleted, bindings };
}

describe('several control planes', () => {
  it('have one that works; the others stand by with warm caches', async () => {
    for (let index = 0; index < 3; index += 1) await startMaster();
    const first = await leader();
    await makeNodes(first.api);
    const standby = masters.find((master) => master !== first);
    // Whoever is asked: the leader works.
    await standby?.api.create(deployments, deploymentOf('web', 4));
    await until(async () => (await boundPods(first.api)).length === 4, { what: 'the pods to be bound' });
    for (const master of masters) {
      const expected = { leading: master === first, synced: true, queued: 0 };
      await until(() => master.controllers().every(({ synced }) => synced), { what: 'warm caches' });
      for (const status of master.controllers())
        expect(status).toMatchObject({ ...expected, queued: expect.any(Number) });
      if (master !== first) for (const { reconciles } of master.controllers()) expect(reconciles).toBe(0);
      expect(master.kernel.service(leadership).status().holder).toBe(
        first.kernel.service(leadership).status().identity,
      );
    }
  }, 30_000);

  it('hand over at once when the leader stops, while it works, and nothing is made twice', async () => {
    for (let index = 0; index < 3; index += 1) await startMaster();
    await makeNodes((await leader()).api);
    const names = ['a', 'b', 'c', 'd'];
    const size = 10;
    for (const [index, name] of names.entries()) {
      const now = await leader();
      const other = masters.find((master) => master !== now);
      await now.api.create(deployments, deploymentOf(name, size));
      if (other === undefined || index === names.length - 1) break;
      // In the middle of it.
      await until(async () => (await now.api.list(pods, { labelSelector: `app=${name}` })).items.length >= 2, {
        what: 'some pods',
        intervalMs: 1,
      });
      const began = performance.now();
      masters = masters.filter((master) => master !== now);
      await now.kernel.stop();
      await until(() => masters.some((master) => master.leading()), { what: 'the next leader', timeoutMs: 10_000 });
      // It was released: nobody waits for its end.
      expect(performance.now() - began).toBeLessThan(times.leaseDurationSeconds * 1000 + 6_000);
      await startMaster();
    }
    const { api } = await leader();
    await until(async () => (await boundPods(api)).length === names.length * size, {
      what: 'all pods to be bound',
      timeoutMs: 20_000,
    });
    const sets = (await api.list(replicaSets, { namespace: 'default' })).items;
    expect(sets).toHaveLength(names.length);
    const { created, deleted, bindings } = await history();
    // A new leader lists anew before it works, so that it sees the last writes of the one before.
    expect({ created, deleted }).toEqual({ created: names.length * size, deleted: 0 });
    expect([...bindings.values()].filter((places) => places.size > 1)).toEqual([]);
    const { spec } = await api.get(leases, { namespace: 'kube-system', name: 'timonel-control-plane' });
    expect(spec?.leaseTransitions).toBe(3);
  }, 90_000);

  it('go on when the store of the leader does not answer any more, and when it is back', async () => {
    for (let index = 0; index < 2; index += 1) await startMaster();
    const first = await leader();
    await makeNodes(first.api);
    first.store.outage = 'hangs';
    first.store.stallWatches();
    const second = await until(() => masters.find((master) => master !== first && master.leading()), {
      what: 'the other to lead',
      timeoutMs: 15_000,
    });
    // It has stopped before.
    expect(first.leading()).toBe(false);
    await second.api.create(deployments, deploymentOf('web', 5));
    await until(async () => (await boundPods(second.api)).length === 5, { what: 'the pods to be bound' });
    first.store.outage = 'none';
    first.store.resumeWatches();
    await until(
      () => first.kernel.service(leadership).status().holder === second.kernel.service(leadership).status().identity,
      {
        what: 'the first to see who leads',
        timeoutMs: 10_000,
      },
    );
    expect([first.leading(), second.leading()]).toEqual([false, true]);
    masters = masters.filter((master) => master !== second);
    await second.kernel.stop();
    await until(() => first.leading(), { what: 'the first to lead again', timeoutMs: 10_000 });
    await first.api.create(deployments, deploymentOf('more', 5));
    await until(async () => (await boundPods(first.api)).length === 10, { what: 'the pods to be bound' });
    const { created, deleted } = await history();
    expect({ created, deleted }).toEqual({ created: 10, deleted: 0 });
  }, 60_000);

  it('come up before their store, and begin by themselves when it answers', async () => {
    const master = await startMaster('refuses');
    expect(master.leading()).toBe(false);
    const states = (): string[] =>
      master.kernel.control.list().map(({ name, state, faults }) => `${name} ${state} ${faults}`);
    expect(states().filter((text) => !text.endsWith(' running 0'))).toEqual([]);
    master.store.outage = 'none';
    await until(() => master.leading(), { what: 'it to lead', timeoutMs: 10_000 });
    await makeNodes(master.api);
    await until(() => master.api.create(deployments, deploymentOf('web', 3)), {
      what: 'the deployment',
      timeoutMs: 10_000,
    });
    await until(async () => (await boundPods(master.api)).length === 3, { what: 'the pods', timeoutMs: 20_000 });
    expect(states().filter((text) => !text.endsWith(' running 0'))).toEqual([]);
  }, 60_000);
});
