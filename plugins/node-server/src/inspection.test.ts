/** What those see who look at a node as they look at a kubelet, and who may. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { createRealEnv } from '@timonel/core';
import { apiClient, type ApiClient } from '@timonel/sdk/contracts/api';
import { nodeEndpoint, nodeInspection, type NodeInspection, type NodeStats } from '@timonel/sdk/contracts/node';
import { serviceProxy } from '@timonel/sdk/contracts/proxy';
import type { KubeObject } from '@timonel/sdk/kube';
import { issueIdentity, makeAuthority, type Identity } from '@timonel/sdk/pki';
import { fakeService, refusingNode, startTestKernel, type TestKernel } from '@timonel/testkit';
import { BoundedCache } from './bounded-cache.ts';
import plugin from './index.ts';

const env = createRealEnv();
const directory = mkdtempSync(join(tmpdir(), 'timonel-node-'));
const files = { caFile: join(directory, 'ca'), certFile: join(directory, 'crt'), keyFile: join(directory, 'key') };
let master: Identity;
let kernel: TestKernel | undefined;

beforeAll(async () => {
  const authority = await makeAuthority(env);
  const organizations = ['system:nodes'];
  const own = await issueIdentity(env, authority, { commonName: 'system:node:a', organizations, usages: ['server'] });
  writeFileSync(files.caFile, authority.certificatePem);
  writeFileSync(files.keyFile, own.keyPem);
  writeFileSync(files.certFile, own.certificatePem);
  const masters = ['timonel:masters'];
  master = await issueIdentity(env, authority, { commonName: 'm', organizations: masters, usages: ['client'] });
});
afterEach(async () => {
  await kernel?.stop();
  kernel = undefined;
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const network = [{ name: 'eth0', receivedBytes: 100, receiveErrors: 1, sentBytes: 200, sendErrors: 2 }];
const container = {
  id: 'c-1',
  name: 'app',
  image: 'web:1',
  startedAt: 5000,
  cpuUsageNanos: 2e9,
  memoryUsageBytes: 300,
  memoryWorkingSetBytes: 200,
  processes: 3,
  logBytes: 40,
  memoryLimitBytes: 1000,
  cpuLimitMillis: 500,
};
const stats = (time: number, cpuUsageNanos: number): NodeStats => ({
  nodeName: 'a',
  time,
  startedAt: 1000,
  cpuUsageNanos: 9e9,
  memoryUsageBytes: 600,
  memoryWorkingSetBytes: 500,
  processes: 70,
  maxProcesses: 4096,
  cpus: 2,
  memoryBytes: 2000,
  network,
  filesystem: { capacityBytes: 90, availableBytes: 50, usedBytes: 40, inodes: 9, inodesFree: 5 },
  pods: [
    {
      namespace: 'default',
      name: 'web',
      uid: 'u1',
      startedAt: 4000,
      network,
      containers: [{ ...container, cpuUsageNanos }],
    },
  ],
});
/** The first look, and all that follow. */
const firstLook = stats(10_000, 2e9);
const laterLook = stats(12_000, 3e9);
const inspection = (): NodeInspection => {
  let look = 0;
  return {
    pods: async () => [
      { metadata: { name: 'web' }, spec: { containers: [] }, status: { phase: 'Running' } },
      { metadata: { name: 'job' }, spec: { containers: [] }, status: { phase: 'Succeeded' } },
    ],
    stats: async () => (look++ === 0 ? firstLook : laterLook),
    probes: async () => [
      { namespace: 'default', name: 'web', uid: 'u1', container: 'app', probe: 'Liveness', result: 'failed', count: 4 },
    ],
    configuration: async () => ({ kind: 'KubeletConfiguration', maxPods: 110 }),
  };
};

/** Knows the token `good` of the user `watcher`, who may do what `may` says. */
class Reviews {
  readonly asked: string[] = [];
  readonly #may: (subresource: string) => boolean;
  constructor(may: (subresource: string) => boolean) {
    this.#may = may;
  }
  readonly create = async (_type: unknown, review: KubeObject): Promise<unknown> => {
    // oxlint-disable-next-line no-explicit-any
    const { token, resourceAttributes, user } = (review as any).spec;
    if (token !== undefined) {
      this.asked.push(`token ${token}`);
      const known = token === 'good';
      return { ...review, status: known ? { authenticated: true, user: { username: 'watcher' } } : {} };
    }
    const { verb, resource, subresource, name } = resourceAttributes;
    this.asked.push(`${user} ${verb} ${resource}/${name}/${subresource}`);
    return { ...review, status: { allowed: this.#may(subresource) } };
  };
}

const proxyStatus = { implementation: 'x', rules: 2, backends: 3, lastSyncAt: 4, lastError: undefined };

async function start(reviews?: Pick<Reviews, 'create'>): Promise<void> {
  const api = reviews === undefined ? [] : [fakeService(apiClient, reviews as unknown as ApiClient)];
  const usage = async () => ({ nodeName: 'a', time: 1, cpuUsageNanos: 9e9, memoryWorkingSetBytes: 500, pods: [] });
  kernel = await startTestKernel({
    plugins: [
      plugin,
      fakeService(nodeEndpoint, {
        ...refusingNode,
        nodeName: () => 'a',
        usage,
        async *logs() {
          yield Buffer.from('secret');
        },
      }),
      fakeService(nodeInspection, inspection()),
      fakeService(serviceProxy, { status: async () => proxyStatus }),
      ...api,
    ],
    config: { 'node-server': { ...files, listen: { address: '127.0.0.1', port: 0 } } },
  });
}

interface Answer {
  readonly code: number;
  readonly text: string;
}

function ask(path: string, by: { token?: string; identity?: Identity } = { identity: master }): Promise<Answer> {
  const line = kernel?.log.lines.find(({ fields }) => typeof fields['port'] === 'number');
  const { token, identity } = by;
  const tls = identity === undefined ? {} : { cert: identity.certificatePem, key: identity.keyPem };
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
  const port = Number(line?.fields['port']);
  return new Promise((resolve, reject) => {
    const asked = request({ host: '127.0.0.1', port, path, headers, agent: false, rejectUnauthorized: false, ...tls });
    asked.on('error', reject);
    asked.on('response', (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      response.on('end', () => resolve({ code: response.statusCode ?? 0, text }));
      response.on('error', reject);
    });
    asked.end();
  });
}

describe('who looks at a node', () => {
  it('sees pods, those that run, the configuration, and what is in force of services and policies', async () => {
    await start();
    const names = async (path: string): Promise<string[]> =>
      JSON.parse((await ask(path)).text).items.map(({ metadata }: KubeObject) => metadata.name);
    expect(await names('/pods')).toEqual(['web', 'job']);
    expect(await names('/runningpods/')).toEqual(['web']);
    expect(JSON.parse((await ask('/configz')).text)).toMatchObject({ kubeletconfig: { maxPods: 110 } });
    // Nobody enforces policies here.
    const inForce = { proxy: { implementation: 'x', rules: 2, backends: 3, lastSyncAt: 4 } };
    expect(JSON.parse((await ask('/networkz')).text)).toEqual(inForce);
  });

  it('sees a summary, with rates from the second look on', async () => {
    await start();
    const summary = async () => JSON.parse((await ask('/stats/summary')).text);
    const first = await summary();
    expect(first.pods[0].containers[0].cpu).toEqual({ time: '1970-01-01T00:00:10Z', usageCoreNanoSeconds: 2e9 });
    const time = '1970-01-01T00:00:12Z';
    const fs = { time, availableBytes: 50, capacityBytes: 90, inodes: 9, inodesFree: 5 };
    const eth0 = { name: 'eth0', rxBytes: 100, rxErrors: 1, txBytes: 200, txErrors: 2 };
    const cpu = { time, usageNanoCores: 5e8, usageCoreNanoSeconds: 3e9 };
    const memory = { time, usageBytes: 300, workingSetBytes: 200 };
    expect(await summary()).toEqual({
      node: {
        nodeName: 'a',
        startTime: '1970-01-01T00:00:01Z',
        cpu: { time, usageNanoCores: 0, usageCoreNanoSeconds: 9e9 },
        memory: { time, usageBytes: 600, workingSetBytes: 500, availableBytes: 1500 },
        network: { time, ...eth0, interfaces: [eth0] },
        fs: { ...fs, usedBytes: 40, inodesUsed: 4 },
        rlimit: { time, maxpid: 4096, curproc: 70 },
      },
      pods: [
        {
          podRef: { name: 'web', namespace: 'default', uid: 'u1' },
          startTime: '1970-01-01T00:00:04Z',
          containers: [{ name: 'app', startTime: '1970-01-01T00:00:05Z', cpu, memory, logs: { ...fs, usedBytes: 40 } }],
          cpu,
          memory,
          network: { time, ...eth0, interfaces: [eth0] },
          process_stats: { process_count: 3 },
        },
      ],
    });
  });

  it.each([
    ['/metrics', 'kubelet_running_pods 1'],
    ['/metrics', 'kubelet_running_containers{container_state="running"} 1'],
    ['/metrics/resource', 'container_start_time_seconds{container="app",namespace="default",pod="web"} 5'],
    ['/metrics/resource', 'node_cpu_usage_seconds_total 9'],
    [
      '/metrics/cadvisor',
      'container_cpu_usage_seconds_total{container="app",id="c-1",image="web:1",name="c-1",namespace="default",pod="web"} 2',
    ],
    [
      '/metrics/cadvisor',
      'container_spec_cpu_quota{container="app",id="c-1",image="web:1",name="c-1",namespace="default",pod="web"} 50000',
    ],
    ['/metrics/cadvisor', 'container_network_transmit_bytes_total{interface="eth0",namespace="default",pod="web"} 200'],
    ['/metrics/cadvisor', 'machine_cpu_cores 2'],
    [
      '/metrics/probes',
      'prober_probe_total{container="app",namespace="default",pod="web",pod_uid="u1",probe_type="Liveness",result="failed"} 4',
    ],
  ])('sees at %s: %s', async (path, line) => {
    await start();
    expect((await ask(path)).text.split('\n')).toContain(line);
  });
});

describe('who has no certificate of a control plane', () => {
  it('is asked for a token, which the cluster has to know', async () => {
    const reviews = new Reviews(() => true);
    await start(reviews);
    expect((await ask('/metrics', {})).code).toBe(401);
    expect(reviews.asked).toEqual([]);
    expect((await ask('/metrics', { token: 'bad' })).code).toBe(401);
    expect((await ask('/metrics', { token: 'bad' })).code).toBe(401);
    expect((await ask('/metrics', { token: 'good' })).code).toBe(200);
    expect((await ask('/metrics/cadvisor', { token: 'good' })).code).toBe(200);
    // Each is asked about once.
    expect(reviews.asked).toEqual(['token bad', 'token good', 'watcher get nodes/a/metrics']);
  });

  it.each([
    ['/metrics/probes', 'metrics', 200],
    ['/stats/summary', 'stats', 200],
    ['/pods', 'pods', 200],
    ['/configz', 'proxy', 200],
    ['/healthz', 'metrics', 403],
    ['/stats/usage', 'stats', 403],
    ['/containerLogs/default/web/app?uid=u1', 'proxy', 403],
    ['/metrics/../containerLogs/default/web/app?uid=u1', 'metrics', 403],
    ['/exec/default/web/app?uid=u1&command=sh', 'proxy', 403],
  ])('%s, with the right to nodes/%s: %i', async (path, right, code) => {
    await start(new Reviews((subresource) => subresource === right));
    expect((await ask(path, { token: 'good' })).code).toBe(code);
  });

  it('has to wait for the API, which alone knows', async () => {
    await start({ create: () => Promise.reject(new Error('away')) });
    expect((await ask('/metrics', { token: 'good' })).code).toBe(503);
    await kernel?.stop();
    await start();
    expect((await ask('/metrics', { token: 'good' })).code).toBe(401);
    expect((await ask('/metrics')).code).toBe(200);
  });
});

describe('what is kept for a while', () => {
  it('is kept up to a bound, and no longer than it holds', () => {
    let now = 0;
    const cache = new BoundedCache<number>({ now: () => now }, 2);
    for (const value of [1, 2, 3]) cache.set(String(value), value, 10);
    expect(['1', '2', '3'].map((key) => cache.get(key)?.value)).toEqual([undefined, 2, 3]);
    now = 10;
    expect(cache.get('3')).toBeUndefined();
  });
});
