/** Quotas on the real API server: several servers at once, failed creations, restarts, other plugins beside. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createRealEnv } from '@timonel/core';
import {
  configMaps,
  isAlreadyExists,
  isNotFound,
  limitRanges,
  pods,
  priorityClasses,
  replicaSets,
  resourceQuotas,
  type ConfigMap,
  type Pod,
  type Quantities,
} from '@timonel/sdk/kube';
import admissionLimitRanger from '@timonel/plugin-admission-limitranger';
import admissionPriority from '@timonel/plugin-admission-priority';
import admissionResourceQuota from '@timonel/plugin-admission-resourcequota';
import apiWhy from '@timonel/plugin-api-why';
import controllerCrd from '@timonel/plugin-controller-crd';
import replicaSetController from '@timonel/plugin-controller-replicaset';
import resourceQuota from '@timonel/plugin-controller-resourcequota';
import { MemoryStore } from '../../plugins/store-memory/src/memory-store.ts';
import { startCluster, type Cluster } from '../conformance/support/cluster.ts';
import type { Answer } from '../support/api-server.ts';
import { crdPath, serveCrd } from '../support/crds.ts';
import { replicaSetOf } from './controllers-cluster.ts';

const admission = [admissionPriority, admissionLimitRanger, admissionResourceQuota];

function helpers(clusterOf: () => Cluster) {
  const used = async (namespace: string): Promise<Quantities | undefined> =>
    (await clusterOf().api.get(resourceQuotas, { namespace, name: 'quota' })).status?.used;
  const isUsed = (namespace: string, wanted: Quantities): Promise<unknown> =>
    clusterOf().until(`used ${JSON.stringify(wanted)}`, async () => {
      expect(await used(namespace)).toEqual(wanted);
      return true;
    });
  const quota = async (hard: Quantities): Promise<string> => {
    const namespace = await clusterOf().namespace('quota');
    await clusterOf().api.create(resourceQuotas, { metadata: { name: 'quota', namespace }, spec: { hard } });
    await isUsed(namespace, Object.fromEntries(Object.keys(hard).map((name) => [name, '0'])));
    return namespace;
  };
  return { used, isUsed, quota };
}

const map = (namespace: string, name: string): ConfigMap => ({ metadata: { name, namespace }, data: {} });
const pod = (namespace: string, name: string, spec: Partial<Pod['spec']> = {}): Pod => ({
  metadata: { name, namespace },
  spec: { containers: [{ name: 'main', image: 'pause:1' }], ...spec },
});

describe('a quota on one server', () => {
  let cluster: Cluster;
  const { used, isUsed, quota } = helpers(() => cluster);
  beforeAll(async () => {
    cluster = await startCluster({
      controllers: [resourceQuota, replicaSetController, controllerCrd],
      plugins: [...admission, apiWhy],
      config: { 'controller-resourcequota': { settleMs: 300 } },
      nodes: 0,
    });
  });
  afterAll(async () => {
    await cluster[Symbol.asyncDispose]();
  });

  it('is given back what was charged for a creation that failed', async () => {
    const namespace = await quota({ configmaps: '3' });
    await cluster.api.create(configMaps, map(namespace, 'a'));
    for (let n = 0; n < 2; n += 1) {
      await expect(cluster.api.create(configMaps, map(namespace, 'a'))).rejects.toThrow('already exists');
    }
    await isUsed(namespace, { configmaps: '1' });
  });

  it('counts objects of kinds that users describe, from their definition to its end', async () => {
    const namespace = await cluster.namespace('quota');
    const name = 'count/crontabs.stable.example.com';
    await cluster.api.create(resourceQuotas, {
      metadata: { name: 'quota', namespace },
      spec: { hard: { [name]: '1', 'count/nothing.example.com': '1' } },
    });
    await serveCrd(cluster.server);
    await isUsed(namespace, { [name]: '0' });
    const path = `/apis/stable.example.com/v1/namespaces/${namespace}/crontabs`;
    const create = (object: string): Promise<Answer> =>
      cluster.server.send('POST', path, {
        body: { apiVersion: 'stable.example.com/v1', kind: 'CronTab', metadata: { name: object } },
      });
    expect((await create('a')).status).toBe(201);
    await isUsed(namespace, { [name]: '1' });
    expect((await create('b')).body).toMatchObject({
      code: 403,
      message: `crontabs.stable.example.com "b" is forbidden: exceeded quota: quota, requested: ${name}=1, used: ${name}=1, limited: ${name}=1`,
    });
    expect((await cluster.server.send('DELETE', `${path}/a`)).status).toBe(200);
    await isUsed(namespace, { [name]: '0' });
    expect((await create('b')).status).toBe(201);
    await cluster.server.send('DELETE', `${crdPath}/crontabs.stable.example.com`);
    await isUsed(namespace, {});
    await serveCrd(cluster.server);
    await isUsed(namespace, { [name]: '0' });
  });

  it('is charged by no dry run', async () => {
    const namespace = await quota({ configmaps: '1' });
    await cluster.api.create(configMaps, map(namespace, 'a'), { dryRun: true });
    expect(await used(namespace)).toEqual({ configmaps: '0' });
    await cluster.api.create(configMaps, map(namespace, 'a'));
    await expect(cluster.api.create(configMaps, map(namespace, 'b'), { dryRun: true })).rejects.toThrow(
      'exceeded quota',
    );
  });

  it('lets through exactly as many as fit of very many at once', async () => {
    const namespace = await quota({ configmaps: '50' });
    const names = Array.from({ length: 300 }, (_, n) => `m${n}`);
    const answers = await Promise.allSettled(names.map((name) => cluster.api.create(configMaps, map(namespace, name))));
    expect(answers.filter(({ status }) => status === 'fulfilled')).toHaveLength(50);
    await isUsed(namespace, { configmaps: '50' });
  });

  it('counts what a limit range has set', async () => {
    const namespace = await quota({ 'requests.cpu': '300m', 'limits.cpu': '1' });
    const item = { type: 'Container', default: { cpu: '200m' }, defaultRequest: { cpu: '100m' } };
    await cluster.api.create(limitRanges, { metadata: { name: 'limits', namespace }, spec: { limits: [item] } });
    await cluster.until('the defaults to be set', () =>
      cluster.api.create(pods, pod(namespace, 'a')).then(
        () => true,
        () => false,
      ),
    );
    await isUsed(namespace, { 'requests.cpu': '100m', 'limits.cpu': '200m' });
  });

  it('holds pods of a replica set back until it is raised, and says why', async () => {
    const namespace = await quota({ pods: '2' });
    const at = { namespace, name: 'web' };
    await cluster.api.create(replicaSets, { ...replicaSetOf('web', 3), metadata: at });
    await cluster.until('the refusal to be told', async () => {
      const { status } = await cluster.api.get(replicaSets, at);
      return status?.conditions?.some(
        ({ type, message }) => type === 'ReplicaFailure' && message?.includes('exceeded quota: quota'),
      );
    });
    const why = await cluster.server.send(
      'GET',
      `/apis/why.timonel.dev/v1/namespaces/${namespace}/resourcequotas/quota`,
    );
    expect(why.body.causes[0]).toMatchObject({
      code: 'used-up',
      text: expect.stringContaining('pods: 2 of 2 is used'),
    });
    expect(why.body.causes[0].text).toContain('pods/web-');
    const body = { spec: { hard: { pods: '3' } } };
    await cluster.api.patch(resourceQuotas, { namespace, name: 'quota' }, { type: 'merge', body });
    await cluster.until('all three', async () => (await cluster.api.list(pods, { namespace })).items.length === 3);
    await isUsed(namespace, { pods: '3' });
  });

  it('is written no more once it has settled', async () => {
    const namespace = await quota({ pods: '5', configmaps: '5' });
    await cluster.api.create(pods, pod(namespace, 'a'));
    await cluster.api.create(configMaps, map(namespace, 'a'));
    await isUsed(namespace, { pods: '1', configmaps: '1' });
    await cluster.quiet();
    const before = await cluster.api.get(resourceQuotas, { namespace, name: 'quota' });
    await cluster.api.patch(
      pods,
      { namespace, name: 'a' },
      { type: 'merge', body: { metadata: { labels: { a: 'b' } } } },
    );
    await cluster.quiet();
    const after = await cluster.api.get(resourceQuotas, { namespace, name: 'quota' });
    expect(after.metadata.resourceVersion).toBe(before.metadata.resourceVersion);
  });

  it('tells of names that bound nothing', async () => {
    const namespace = await cluster.namespace('quota');
    const made = await cluster.api.create(resourceQuotas, {
      metadata: { name: 'quota', namespace },
      spec: { hard: { 'count/deployment': '1' } },
    });
    await cluster.until('the event', async () =>
      (await cluster.eventsOf(made)).some(
        ({ reason, message }) => reason === 'NothingCounts' && message?.includes('count/deployment'),
      ),
    );
  });
});

describe('priorities', () => {
  let cluster: Cluster;
  beforeAll(async () => {
    cluster = await startCluster({ controllers: [], plugins: admission, nodes: 0 });
  });
  afterAll(async () => {
    await cluster[Symbol.asyncDispose]();
  });

  it('are those of the class, and of the default class for pods that name none', async () => {
    const namespace = await cluster.namespace();
    const run = (name: string, spec: Partial<Pod['spec']>): Promise<Pod> =>
      cluster.api.create(pods, pod(namespace, name, spec));
    expect((await run('plain', {})).spec).toMatchObject({ priority: 0, preemptionPolicy: 'PreemptLowerPriority' });
    await cluster.api.create(priorityClasses, { metadata: { name: 'high' }, value: 1000, preemptionPolicy: 'Never' });
    const high = await run('high', { priorityClassName: 'high' });
    expect(high.spec).toMatchObject({ priority: 1000, preemptionPolicy: 'Never', priorityClassName: 'high' });
    const critical = await run('critical', { priorityClassName: 'system-node-critical' });
    expect(critical.spec.priority).toBe(2_000_001_000);
    await expect(run('unknown', { priorityClassName: 'nonesuch' })).rejects.toThrow(
      'pods "unknown" is forbidden: no PriorityClass with name nonesuch was found',
    );
    await expect(run('own', { priorityClassName: 'high', priority: 5 })).rejects.toThrow(
      'the integer value of priority (5) must not be provided in pod spec; priority admission controller computed 1000 from the given PriorityClass name',
    );
    await cluster.api.create(priorityClasses, { metadata: { name: 'usual' }, value: 7, globalDefault: true });
    let serial = 0;
    await cluster.until('the default class', async () => {
      const { spec } = await run(`late-${(serial += 1)}`, {});
      return spec.priority === 7 && spec.priorityClassName === 'usual';
    });
  });
});

describe('a quota on several servers', () => {
  it('is never exceeded, whoever creates and deletes', async () => {
    const store = new MemoryStore(createRealEnv());
    const options = { nodes: 0, store, config: { 'controller-resourcequota': { settleMs: 500 } } };
    const first = await startCluster({ ...options, controllers: [resourceQuota], plugins: admission });
    const second = await startCluster({ ...options, controllers: [], plugins: admission });
    try {
      const { isUsed, quota } = helpers(() => first);
      const [limit, wanted] = [6, 40];
      const namespace = await quota({ configmaps: String(limit) });
      await second.until('the second server to know the quota', async () => {
        const { items } = await second.api.list(resourceQuotas, { namespace });
        return items[0]?.status?.used !== undefined;
      });
      const events = first.record(configMaps, namespace);
      let made = 0;
      const work = async (cluster: Cluster, worker: number): Promise<void> => {
        for (let round = 0; made < wanted && round < 20_000; round += 1) {
          // Refusals need nothing but the cache: let the others have their turn.
          await nextTurn();
          const name = `m${worker}-${round % 3}`;
          try {
            await cluster.api.create(configMaps, map(namespace, name));
            made += 1;
          } catch (error) {
            if (!isAlreadyExists(error)) expect(String(error)).toMatch(/exceeded quota|too many at once/);
          }
          if (round % 2 === 0) continue;
          const gone = `m${worker}-${(round + 2) % 3}`;
          await cluster.api.delete(configMaps, { namespace, name: gone }).catch((error: unknown) => {
            if (!isNotFound(error)) throw error;
          });
        }
      };
      await Promise.all([first, second].flatMap((cluster, at) => [0, 1, 2, 3].map((n) => work(cluster, at * 4 + n))));
      expect(made).toBeGreaterThanOrEqual(wanted);
      const { items } = await first.api.list(configMaps, { namespace });
      await isUsed(namespace, { configmaps: String(items.length) });
      await first.until('all changes to be seen', () => events.filter(({ type }) => type === 'ADDED').length === made);
      let there = 0;
      for (const { type } of events) {
        if (type === 'ADDED') there += 1;
        if (type === 'DELETED') there -= 1;
        expect(there).toBeLessThanOrEqual(limit);
      }
    } finally {
      for (const cluster of [first, second]) await cluster[Symbol.asyncDispose]();
      store.close();
    }
  });

  it('counts what has come and gone while nobody counted', async () => {
    const store = new MemoryStore(createRealEnv());
    const options = { nodes: 0, store, config: { 'controller-resourcequota': { settleMs: 300 } } };
    let running = await startCluster({ ...options, controllers: [resourceQuota], plugins: admission });
    try {
      const { isUsed, quota } = helpers(() => running);
      const namespace = await quota({ configmaps: '5' });
      for (const name of ['a', 'b']) await running.api.create(configMaps, map(namespace, name));
      await running[Symbol.asyncDispose]();
      running = await startCluster({ ...options, controllers: [], plugins: [] });
      await running.api.delete(configMaps, { namespace, name: 'a' });
      for (const name of ['c', 'd', 'e']) await running.api.create(configMaps, map(namespace, name));
      await running.api.delete(configMaps, { namespace, name: 'c' });
      await running[Symbol.asyncDispose]();
      running = await startCluster({ ...options, controllers: [resourceQuota], plugins: admission });
      await isUsed(namespace, { configmaps: '3' });
    } finally {
      await running[Symbol.asyncDispose]();
      store.close();
    }
  });
});

describe('limited resources', () => {
  it('are had only where a quota covers them', async () => {
    const limitedResources = [
      { resource: 'pods', matchScopes: [{ scopeName: 'PriorityClass', operator: 'In', values: ['critical'] }] },
    ];
    await using cluster = await startCluster({
      controllers: [resourceQuota],
      plugins: admission,
      config: { 'admission-resourcequota': { limitedResources } },
      nodes: 0,
    });
    const namespace = await cluster.namespace('limited');
    await cluster.api.create(priorityClasses, { metadata: { name: 'critical' }, value: 1000 });
    const critical = pod(namespace, 'critical', { priorityClassName: 'critical' });
    await cluster.api.create(pods, pod(namespace, 'plain'));
    await expect(cluster.api.create(pods, critical)).rejects.toMatchObject({
      reason: 'Forbidden',
      message:
        'pods "critical" is forbidden: insufficient quota to match these scopes: [{PriorityClass In [critical]}]',
    });
    const scopeSelector = { matchExpressions: [{ scopeName: 'PriorityClass', operator: 'In', values: ['critical'] }] };
    await cluster.api.create(resourceQuotas, {
      metadata: { name: 'quota', namespace },
      spec: { hard: { pods: '1' }, scopeSelector },
    });
    await cluster.until('the quota to cover it', async () => {
      await cluster.api.create(pods, critical);
      return true;
    });
    const second = pod(namespace, 'second', { priorityClassName: 'critical' });
    await expect(cluster.api.create(pods, second)).rejects.toThrow('exceeded quota: quota');
  });
});
