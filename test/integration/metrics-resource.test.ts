import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { resourceMetrics } from '@timonel/sdk/contracts/metrics';
import { nodeEndpoint, nodeResolver, type NodeUsage } from '@timonel/sdk/contracts/node';
import { ApiError } from '@timonel/sdk/kube';
import { fakeService, refusingNode, until } from '@timonel/testkit';
import metricsResource from '@timonel/plugin-metrics-resource';
import { startApiServer, type TestApiServer } from '../support/api-server.ts';

const root = '/apis/metrics.k8s.io/v1beta1';
const second = 1e9;
let server: TestApiServer;
let podUid = '';
/** Nodes answer only when it is set. */
let answers = false;
let asked = 0;

/** Two nodes whose figures grow by half a core, the pod's by a quarter. */
function usage(nodeName: string): NodeUsage {
  if (!answers) throw new ApiError('ServiceUnavailable', 'not yet');
  asked += 1;
  const time = 1_700_000_000_000 + asked * 10_000;
  return {
    nodeName,
    time,
    cpuUsageNanos: asked * 5 * second,
    memoryWorkingSetBytes: 64 * 1024 * 1024,
    pods: [
      {
        namespace: 'default',
        name: 'busy',
        uid: podUid,
        containers: [
          { name: 'main', cpuUsageNanos: asked * 2.5 * second, memoryWorkingSetBytes: 3 * 1024 * 1024 },
          { name: 'side', cpuUsageNanos: 0, memoryWorkingSetBytes: 1024 * 1024 },
        ],
      },
      { namespace: 'default', name: 'gone', uid: 'no-such-pod', containers: [] },
    ].filter(() => nodeName === 'near'),
  };
}

const node = (name: string) => ({ ...refusingNode, nodeName: () => name, usage: async () => usage(name) });

beforeAll(async () => {
  const far = { ...node('far'), logs: async function* () {} };
  server = await startApiServer({
    plugins: [
      fakeService(nodeEndpoint, node('near')).definition,
      fakeService(nodeResolver, { resolve: async (name: string) => (name === 'far' ? far : undefined) }).definition,
      metricsResource,
    ],
    config: { 'metrics-resource': { intervalMs: 100, firstIntervalMs: 100 } },
  });
  for (const name of ['near', 'far', 'silent']) {
    const metadata = { name, labels: { 'kubernetes.io/hostname': name } };
    await server.send('POST', '/api/v1/nodes', { body: { metadata } });
  }
  const containers = ['main', 'side'].map((name) => ({ name, image: 'none' }));
  const pods = '/api/v1/namespaces/default/pods';
  const spec = { nodeName: 'near', containers };
  const pod = await server.send('POST', pods, { body: { metadata: { name: 'busy', labels: { app: 'b' } }, spec } });
  podUid = pod.body.metadata.uid;
  const status = await server.send('PATCH', `${pods}/busy/status`, {
    type: 'application/merge-patch+json',
    body: { status: { phase: 'Running' } },
  });
  expect(status.status).toBe(200);
});
afterAll(async () => {
  await server.stop();
});

describe('metrics.k8s.io', () => {
  it('says that there are no figures yet', async () => {
    await until(async () => (await server.send('GET', `${root}/nodes`)).body.message?.includes('3 of 3 nodes'), {
      what: 'all nodes to have been asked',
    });
    const { body, headers } = await server.send('GET', `${root}/nodes`);
    expect(body).toMatchObject({ code: 503, reason: 'ServiceUnavailable' });
    expect(body.message).toMatch(
      /^metrics not available yet: 3 of 3 nodes do not tell what they use: (?:not yet|node "silent")/,
    );
    expect(headers['retry-after']).toBe('2');
    expect(server.kernel.service(resourceMetrics).ready()).toBe(false);
  });

  it('shows rates of nodes here and elsewhere, and leaves out those that do not answer', async () => {
    answers = true;
    await until(async () => (await server.send('GET', `${root}/nodes`)).body?.items?.length === 2, {
      what: 'two nodes with figures',
    });
    const { body } = await server.send('GET', `${root}/nodes`);
    expect(body).toMatchObject({ kind: 'NodeMetricsList', apiVersion: 'metrics.k8s.io/v1beta1' });
    const near = body.items.find((item: { metadata: { name: string } }) => item.metadata.name === 'near');
    expect(near).toMatchObject({
      kind: 'NodeMetrics',
      metadata: { name: 'near', labels: { 'kubernetes.io/hostname': 'near' } },
      timestamp: expect.stringMatching(/^2023-.*Z$/),
      usage: { cpu: '500000000n', memory: '65536Ki' },
    });
    expect(near.window).toMatch(/^[1-9]\d*s$/);
    expect((await server.send('GET', `${root}/nodes/far`)).body.usage.cpu).toBe('500000000n');
    expect((await server.send('GET', `${root}/nodes/silent`)).body).toMatchObject({ code: 404, reason: 'NotFound' });
    const selected = await server.send('GET', `${root}/nodes?labelSelector=kubernetes.io/hostname=far`);
    expect(selected.body.items).toHaveLength(1);
  });

  it('shows the containers of pods, by namespace and label', async () => {
    const path = `${root}/namespaces/default/pods`;
    const { body } = await server.send('GET', `${path}/busy`);
    expect(body).toMatchObject({
      kind: 'PodMetrics',
      metadata: { name: 'busy', namespace: 'default', labels: { app: 'b' } },
      containers: [
        { name: 'main', usage: { cpu: '250000000n', memory: '3072Ki' } },
        { name: 'side', usage: { cpu: '0', memory: '1024Ki' } },
      ],
    });
    const counts: [string, number][] = [
      [`${root}/pods`, 1],
      [path, 1],
      [`${path}?labelSelector=app=b`, 1],
      [`${path}?labelSelector=app=c`, 0],
      [`${path}?fieldSelector=metadata.name=busy`, 1],
      [`${root}/namespaces/kube-system/pods`, 0],
    ];
    for (const [asking, count] of counts) {
      expect([asking, (await server.send('GET', asking)).body.items.length]).toEqual([asking, count]);
    }
    expect((await server.send('GET', `${root}/namespaces/kube-system/pods/busy`)).status).toBe(404);
    expect((await server.send('GET', `${path}/gone`)).status).toBe(404);
    const { use } = server.kernel.service(resourceMetrics).pods('default')[0]?.containers[0] ?? {};
    expect(use).toEqual({ cpu: 0.25, memoryBytes: 3 * 1024 * 1024 });
  });

  it('is found by clients and can only be read', async () => {
    const groups = await server.send('GET', '/apis');
    expect(groups.body.groups.map(({ name }: { name: string }) => name)).toContain('metrics.k8s.io');
    const { body } = await server.send('GET', root);
    expect(body.resources).toMatchObject([
      { name: 'nodes', kind: 'NodeMetrics', namespaced: false, verbs: ['get', 'list'] },
      { name: 'pods', kind: 'PodMetrics', namespaced: true, verbs: ['get', 'list'] },
    ]);
    for (const method of ['POST', 'DELETE']) {
      expect((await server.send(method, `${root}/nodes`, { body: {} })).status).toBe(405);
    }
    expect((await server.send('GET', `${root}/nodes?watch=true`)).status).toBe(405);
    const accept = 'application/json;as=Table;v=v1;g=meta.k8s.io';
    const table = await server.send('GET', `${root}/nodes`, { headers: { accept } });
    expect(table.body.columnDefinitions.map(({ name }: { name: string }) => name)).toEqual([
      'Name',
      'cpu',
      'memory',
      'Window',
    ]);
    expect(table.body.rows[0].cells.slice(1, 3)).toEqual(['500000000n', '65536Ki']);
    expect((await server.send('GET', '/openapi/v3')).body.paths).toHaveProperty(['apis/metrics.k8s.io/v1beta1']);
  });

  it('forgets a pod that has ended', async () => {
    await server.send('PATCH', '/api/v1/namespaces/default/pods/busy/status', {
      type: 'application/merge-patch+json',
      body: { status: { phase: 'Succeeded' } },
    });
    await until(async () => (await server.send('GET', `${root}/pods`)).body.items.length === 0, {
      what: 'the pod to be left out',
    });
  });
});
