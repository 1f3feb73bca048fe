/** The same seed gives the same run: the whole control plane with fake nodes on a simulated clock, compared write for write. */
import { createHash } from 'node:crypto';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createSimulatedEnv, type SimulatedEnv } from '@timonel/core';
import type { AnyPlugin } from '@timonel/sdk';
import { apiClient, type ApiClient } from '@timonel/sdk/contracts/api';
import { store } from '@timonel/sdk/contracts/store';
import { deployments, pods, services, type Deployment } from '@timonel/sdk/kube';
import admissionNamespace from '@timonel/plugin-admission-namespace';
import apiCrds from '@timonel/plugin-api-crds';
import apiResources from '@timonel/plugin-api-resources';
import apiServer from '@timonel/plugin-apiserver';
import authToken from '@timonel/plugin-auth-token';
import controllerDeployment from '@timonel/plugin-controller-deployment';
import controllerEndpointslice from '@timonel/plugin-controller-endpointslice';
import controllerGc from '@timonel/plugin-controller-gc';
import controllerNamespace from '@timonel/plugin-controller-namespace';
import controllerReplicaset from '@timonel/plugin-controller-replicaset';
import runtimeFake from '@timonel/plugin-runtime-fake';
import schedulerDefault from '@timonel/plugin-scheduler-default';
import schedulerHost from '@timonel/plugin-scheduler-host';
import serviceAllocator from '@timonel/plugin-service-allocator';
import storeMemory from '@timonel/plugin-store-memory';
import { startTestKernel } from '@timonel/testkit';
import { freePort } from '@timonel/testkit/free-port';

const plugins: readonly AnyPlugin[] = [
  storeMemory,
  authToken,
  apiServer,
  apiCrds,
  apiResources,
  admissionNamespace,
  serviceAllocator,
  schedulerHost,
  schedulerDefault,
  controllerDeployment,
  controllerReplicaset,
  controllerEndpointslice,
  controllerGc,
  controllerNamespace,
  runtimeFake,
];

/** Certificates and the token, made by a run that does not count: key material is no part of a run. */
const keys = mkdtempSync(join(tmpdir(), 'timonel-replay-keys-'));
afterAll(() => rmSync(keys, { recursive: true, force: true }));

/** Lets a promise come true under simulated time. */
async function drive<T>(env: SimulatedEnv, work: Promise<T>): Promise<T> {
  const state = { done: false };
  const settled = work.finally(() => {
    state.done = true;
  });
  settled.catch(() => undefined);
  for (let step = 0; step < 2000 && !state.done; step += 1) {
    await env.settle();
    if (!state.done) await new Promise((resolve) => setImmediate(resolve));
  }
  return settled;
}

const web = (image: string, replicas: number): Deployment => ({
  metadata: { name: 'web', namespace: 'default' },
  spec: {
    replicas,
    selector: { matchLabels: { app: 'web' } },
    template: {
      metadata: { labels: { app: 'web' } },
      spec: { containers: [{ name: 'c', image, resources: { requests: { cpu: '100m' } } }] },
    },
  },
});

async function scenario(env: SimulatedEnv, api: ApiClient): Promise<void> {
  await drive(env, api.create(deployments, web('web:1', 6)));
  await drive(
    env,
    api.create(services, {
      metadata: { name: 'web', namespace: 'default' },
      spec: { selector: { app: 'web' }, ports: [{ port: 80 }] },
    }),
  );
  await env.advance(5000);
  const name = { namespace: 'default', name: 'web' };
  await drive(env, api.patch(deployments, name, { type: 'merge', body: { spec: { replicas: 9 } } }));
  await env.advance(5000);
  const template = { spec: { containers: [{ name: 'c', image: 'web:2' }] } };
  await drive(env, api.patch(deployments, name, { type: 'strategic', body: { spec: { template } } }));
  await env.advance(10_000);
  const { items } = await drive(env, api.list(pods, { namespace: 'default' }));
  for (const pod of items.slice(0, 3)) {
    await drive(
      env,
      api.delete(pods, { namespace: 'default', name: pod.metadata.name ?? '' }, { gracePeriodSeconds: 0 }),
    );
  }
  await env.advance(30_000);
}

interface Run {
  readonly writes: readonly string[];
  readonly hash: string;
  readonly running: number;
}

/** The port the API server listens on stands in an object, so it is the same in all runs. */
let port = 0;

async function run(seed: number): Promise<Run> {
  const dataDir = mkdtempSync(join(tmpdir(), 'timonel-replay-'));
  cpSync(keys, dataDir, { recursive: true });
  const env = createSimulatedEnv({ seed });
  const kernel = await startTestKernel({
    plugins,
    env,
    dataDir,
    config: { apiserver: { listen: { port } }, 'runtime-fake': { nodes: 4, podStartDelayMs: 700 } },
  });
  cpSync(dataDir, keys, { recursive: true });
  try {
    const api = kernel.service(apiClient);
    await scenario(env, api);
    const writes: string[] = [];
    const watch = kernel.service(store).watch({ prefix: '', fromRevision: 2 });
    const { revision } = await drive(env, kernel.service(store).status());
    watch.requestProgress();
    for await (const batch of watch) {
      for (const { type, kv } of batch.events) {
        writes.push(`${kv.modRevision} ${type} ${kv.key} ${Buffer.from(kv.value).toString()}`);
      }
      if (batch.revision >= revision) watch.close();
    }
    const { items } = await drive(env, api.list(pods, { namespace: 'default' }));
    const running = items.filter(
      (pod) => pod.status?.phase === 'Running' && pod.spec.containers[0]?.image === 'web:2',
    ).length;
    return { writes, hash: createHash('sha256').update(writes.join('\n')).digest('hex'), running };
  } finally {
    await kernel.stop();
    rmSync(dataDir, { recursive: true, force: true });
  }
}

describe('replay from a seed', () => {
  let first: Run;
  beforeAll(async () => {
    port = await freePort();
    await run(0);
    first = await run(1);
  }, 60_000);

  it('reaches the declared state', () => {
    expect(first.running).toBe(9);
    expect(first.writes.length).toBeGreaterThan(100);
  });

  it('writes the same, byte for byte, when it is run again', async () => {
    const second = await run(1);
    const firstDifference = first.writes.findIndex((line, index) => line !== second.writes[index]);
    expect(
      firstDifference === -1 ? undefined : [first.writes[firstDifference], second.writes[firstDifference]],
    ).toBeUndefined();
    expect(second.hash).toBe(first.hash);
  }, 60_000);

  it('writes something else with another seed', async () => {
    expect((await run(2)).hash).not.toBe(first.hash);
  }, 60_000);
});
