/** A store of three members, each with a volume of its own, in real containers: its data outlive pods, a drain of the node and the claims' growth. */
import { readdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { TestCluster } from '../support/cluster.ts';
import { newTraces, traces } from '../support/machine.ts';
import { until } from '../support/until.ts';

interface PodView {
  readonly metadata: { readonly name: string; readonly uid: string };
  readonly status: {
    readonly podIP?: string;
    readonly containerStatuses?: readonly { readonly ready: boolean }[];
  };
}

/** Answers GET with what is stored, keeps what PUT brings. */
const server = `
const http = require('node:http'), fs = require('node:fs');
http.createServer((request, response) => {
  if (request.method !== 'PUT') {
    const stored = fs.existsSync('/data/value') ? fs.readFileSync('/data/value', 'utf8') : 'nothing';
    return response.end(process.env.POD_NAME + ' ' + stored);
  }
  let body = '';
  request.on('data', (part) => (body += part));
  request.on('end', () => { fs.writeFileSync('/data/value', body, { flush: true }); response.end('stored'); });
}).listen(8080);
process.on('SIGTERM', () => process.exit(0));
`;

const store = {
  apiVersion: 'apps/v1',
  kind: 'StatefulSet',
  metadata: { name: 'store' },
  spec: {
    serviceName: 'store',
    replicas: 3,
    podManagementPolicy: 'Parallel',
    selector: { matchLabels: { app: 'store' } },
    template: {
      metadata: { labels: { app: 'store' } },
      spec: {
        terminationGracePeriodSeconds: 5,
        containers: [
          {
            name: 'server',
            image: 'timonel.local/node:host',
            command: ['node', '-e', server],
            env: [{ name: 'POD_NAME', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } }],
            readinessProbe: { httpGet: { path: '/', port: 8080 }, periodSeconds: 1 },
            resources: { requests: { cpu: '10m', memory: '16Mi' } },
            volumeMounts: [{ name: 'data', mountPath: '/data' }],
          },
        ],
      },
    },
    volumeClaimTemplates: [
      {
        metadata: { name: 'data' },
        spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '10Mi' } } },
      },
    ],
  },
};

const members = ['store-0', 'store-1', 'store-2'];

describe('a stateful store', () => {
  let before: readonly string[];
  let cluster: TestCluster;

  const ok = (...args: string[]): Promise<string> => cluster.mustKubectl(args);
  const pods = async (): Promise<readonly PodView[]> =>
    (JSON.parse(await ok('get', 'pods', '-l', 'app=store', '-o', 'json')) as { items: PodView[] }).items;
  /** All members are ready, none of them one of `former`. */
  const ready = (former: readonly string[] = []): Promise<readonly PodView[]> =>
    until(
      async () => {
        const all = await pods();
        const isReady = ({ metadata, status }: PodView): boolean =>
          status.containerStatuses?.[0]?.ready === true && !former.includes(metadata.uid);
        return all.length === 3 && all.every(isReady) ? all : undefined;
      },
      { what: 'three ready members', timeoutMs: 60_000 },
    );
  const ask = async ({ status }: PodView, init: RequestInit = {}): Promise<string> =>
    (await fetch(`http://${status.podIP}:8080/`, { ...init, headers: { connection: 'close' } })).text();
  const stored = async (all: readonly PodView[]): Promise<string[]> =>
    (await Promise.all(all.map((pod) => ask(pod)))).toSorted();
  const expected = members.map((name) => `${name} of ${name}`);
  let place = '';
  const directories = (): string[] => readdirSync(place);

  beforeAll(async () => {
    before = traces();
    cluster = await TestCluster.start();
    const file = join(cluster.dataDir, 'store.json');
    writeFileSync(file, JSON.stringify(store));
    await ok('apply', '-f', file);
  }, 360_000);
  afterAll(async () => {
    await cluster.dispose();
    expect(newTraces(before)).toEqual([]);
  }, 60_000);

  it('gets a volume for each member, of the default class', async () => {
    const all = await ready();
    for (const pod of all) expect(await ask(pod, { method: 'PUT', body: `of ${pod.metadata.name}` })).toBe('stored');
    expect(await stored(all)).toEqual(expected);
    const claims = await ok('get', 'pvc', '--no-headers');
    for (const name of members) expect(claims).toMatch(new RegExp(`data-${name} +Bound +pvc-\\S+ +10Mi +RWO +local`));
    expect(await ok('get', 'storageclass')).toMatch(
      /local \(default\) +timonel.dev\/local +Delete +WaitForFirstConsumer +true/,
    );
    const path = await ok('get', 'pv', '-o', 'jsonpath={.items[0].spec.local.path}');
    expect(path.startsWith(cluster.dataDir)).toBe(true);
    place = dirname(path);
    expect(directories()).toHaveLength(3);
  }, 90_000);

  it('keeps its data when pods are deleted', async () => {
    const [first, second] = await pods();
    await ok('delete', 'pod', first?.metadata.name ?? '', second?.metadata.name ?? '', '--wait=false');
    expect(await stored(await ready([first?.metadata.uid ?? '', second?.metadata.uid ?? '']))).toEqual(expected);
  }, 90_000);

  it('keeps its data when its node is drained, and comes back when the node does', async () => {
    const former = (await pods()).map(({ metadata }) => metadata.uid);
    await ok('drain', 'node-1', '--ignore-daemonsets', '--force', '--timeout=60s');
    await until(async () => (await pods()).every(({ metadata }) => !former.includes(metadata.uid)), {
      what: 'all members to be evicted',
      timeoutMs: 30_000,
    });
    await ok('uncordon', 'node-1');
    expect(await stored(await ready(former))).toEqual(expected);
  }, 120_000);

  it('gets larger volumes without a restart', async () => {
    const patch = { spec: { resources: { requests: { storage: '20Mi' } } } };
    await ok('patch', 'pvc', 'data-store-0', '-p', JSON.stringify(patch));
    await until(
      async () => (await ok('get', 'pvc', 'data-store-0', '-o', 'jsonpath={.status.capacity.storage}')) === '20Mi',
      { what: 'the volume to grow' },
    );
  }, 30_000);

  it('leaves nothing when set and claims are deleted, and its volumes as long as only the set is', async () => {
    await ok('delete', 'statefulset', 'store', '--timeout=60s');
    await until(async () => (await pods()).length === 0, { what: 'the pods to go', timeoutMs: 30_000 });
    expect(directories()).toHaveLength(3);
    await ok('delete', 'pvc', '--all', '--timeout=60s');
    await until(async () => (await ok('get', 'pv', '-o', 'name')) === '' && directories().length === 0, {
      what: 'volumes and directories to go',
      timeoutMs: 30_000,
    });
  }, 120_000);
});
