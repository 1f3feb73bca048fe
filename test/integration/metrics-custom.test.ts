import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { definePlugin, type AnyPlugin } from '@timonel/sdk';
import { externalMetrics, objectMetrics, type ObjectMetricQuery } from '@timonel/sdk/contracts/metrics';
import metricsCustom from '@timonel/plugin-metrics-custom';
import metricsJson from '../../examples/plugins/metrics-json.ts';
import { runProgram } from '../support/cluster.ts';
import { kubernetesTools } from '../support/kubectl.ts';
import { startApiServer, type TestApiServer } from '../support/api-server.ts';

const custom = '/apis/custom.metrics.k8s.io/v1beta2';
const external = '/apis/external.metrics.k8s.io/v1beta1';
const time = Date.UTC(2030, 0, 1);
const asked: ObjectMetricQuery[] = [];
/** What the provider answers for some names: no quantity holds it. */
const strange: Readonly<Record<string, number>> = { unmeasured: Number.NaN, endless: 1e300 };
let server: TestApiServer;
let queue: Server;

const provider: AnyPlugin = definePlugin({
  name: 'test-adapter',
  version: '0.1.0',
  apiVersion: 1,
  description: 'for tests',
  provides: { objects: objectMetrics, external: externalMetrics },
  setup: () => ({
    provides: {
      objects: {
        offered: () => [
          { group: '', resource: 'pods', metric: 'requests', namespaced: true },
          { group: 'apps', resource: 'deployments', metric: 'hits', namespaced: true },
          { group: '', resource: 'nodes', metric: 'load', namespaced: false },
          { group: '', resource: 'namespaces', metric: 'cost', namespaced: false },
        ],
        values: async (query) => {
          asked.push(query);
          if (query.metric === 'load') throw new Error('the adapter is down');
          return query.names
            .filter((name) => name !== 'unknown')
            .map((name) => ({ name, value: strange[name] ?? 1.5, time, windowMs: 30_000 }));
        },
      },
      external: {
        offered: () => ['queue'],
        values: async ({ namespace }) => [{ value: 7, time, labels: { of: namespace } }],
      },
    },
  }),
});

beforeAll(async () => {
  queue = createServer((_request, response) => response.end('{"queue_length": 7.25, "name": "x"}'));
  await new Promise<void>((resolve) => queue.listen(0, '127.0.0.1', resolve));
  const { port } = queue.address() as AddressInfo;
  server = await startApiServer({
    plugins: [provider, metricsCustom, metricsJson],
    config: { 'metrics-json': { url: `http://127.0.0.1:${port}/`, metrics: ['queue_length', 'name'] } },
  });
  for (const [name, app] of [
    ['a', 'web'],
    ['b', 'web'],
    ['c', 'other'],
  ] as const) {
    const spec = { containers: [{ name: 'main', image: 'none' }] };
    await server.send('POST', '/api/v1/namespaces/default/pods', {
      body: { metadata: { name, labels: { app } }, spec },
    });
  }
});
afterAll(async () => {
  await server.stop();
  queue.closeAllConnections();
  await new Promise((resolve) => queue.close(resolve));
});

it('shows one object, and those that a selector selects', async () => {
  const one = await server.send('GET', `${custom}/namespaces/default/pods/a/requests?metricLabelSelector=verb=GET`);
  expect(one.body).toEqual({
    kind: 'MetricValueList',
    apiVersion: 'custom.metrics.k8s.io/v1beta2',
    metadata: {},
    items: [
      {
        describedObject: { kind: 'Pod', namespace: 'default', name: 'a', apiVersion: 'v1' },
        metric: {
          name: 'requests',
          selector: { matchExpressions: [{ key: 'verb', operator: 'In', values: ['GET'] }] },
        },
        timestamp: '2030-01-01T00:00:00Z',
        windowSeconds: 30,
        value: '1500m',
      },
    ],
  });
  const all = await server.send('GET', `${custom}/namespaces/default/pods/*/requests?labelSelector=app%3Dweb`);
  const named = all.body.items.map((item: { describedObject: { name: string } }) => item.describedObject.name);
  expect(named).toEqual(['a', 'b']);
  expect(asked.at(-1)).toMatchObject({
    group: '',
    resource: 'pods',
    namespace: 'default',
    names: ['a', 'b'],
    selector: [],
  });
});

it('shows objects of other groups, and namespaces themselves', async () => {
  const hits = await server.send('GET', `${custom}/namespaces/default/deployments.apps/web/hits`);
  expect(hits.body.items[0].describedObject).toMatchObject({ kind: 'Deployment', apiVersion: 'apps/v1' });
  const cost = await server.send('GET', `${custom}/namespaces/default/metrics/cost`);
  expect(cost.body.items[0].describedObject).toEqual({ kind: 'Namespace', name: 'default', apiVersion: 'v1' });
});

it('shows the series of an external metric', async () => {
  const { body } = await server.send('GET', `${external}/namespaces/default/queue`);
  expect(body).toEqual({
    kind: 'ExternalMetricValueList',
    apiVersion: 'external.metrics.k8s.io/v1beta1',
    metadata: {},
    items: [{ metricName: 'queue', metricLabels: { of: 'default' }, timestamp: '2030-01-01T00:00:00Z', value: '7' }],
  });
});

it('shows the numbers of a JSON document, by the example', async () => {
  const { body } = await server.send('GET', `${external}/namespaces/default/queue_length`);
  expect(body.items).toEqual([expect.objectContaining({ metricName: 'queue_length', value: '7250m' })]);
  expect((await server.send('GET', `${external}/namespaces/default/name`)).body.items).toEqual([]);
});

it.each([
  [`${custom}/namespaces/default/pods/a/other`, 404, 'no plugin offers the metric other of pods'],
  [
    `${custom}/namespaces/default/pods/unknown/requests`,
    404,
    'there is no value of the metric requests for pods unknown',
  ],
  [
    `${custom}/namespaces/default/pods/unmeasured/requests`,
    404,
    'there is no value of the metric requests for pods unmeasured',
  ],
  [
    `${custom}/namespaces/default/pods/endless/requests`,
    404,
    'there is no value of the metric requests for pods endless',
  ],
  [`${custom}/namespaces/default/toys/a/requests`, 404, 'no plugin serves the resource toys'],
  [`${custom}/nodes/n/load`, 503, 'the metric cannot be had: the adapter is down'],
  [`${custom}/namespaces/default/pods/a/requests?metricLabelSelector=!!`, 400, 'metricLabelSelector: '],
  [`${external}/namespaces/default/other`, 404, 'no plugin offers the metric other'],
])('says what is wrong with %s', async (path, code, message) => {
  const { body } = await server.send('GET', path);
  expect(body).toMatchObject({ kind: 'Status', code, message: expect.stringContaining(message) });
});

it('is found by clients, in both forms of discovery', async () => {
  const { body } = await server.send('GET', '/apis');
  const group = body.groups.find(({ name }: { name: string }) => name === 'custom.metrics.k8s.io');
  const version = { groupVersion: 'custom.metrics.k8s.io/v1beta2', version: 'v1beta2' };
  expect(group).toEqual({ name: 'custom.metrics.k8s.io', versions: [version], preferredVersion: version });
  expect((await server.send('GET', '/apis/custom.metrics.k8s.io')).body).toMatchObject({ kind: 'APIGroup', ...group });
  const resources = (await server.send('GET', custom)).body.resources as unknown[];
  expect(resources).toContainEqual({
    name: 'deployments.apps/hits',
    singularName: '',
    namespaced: true,
    kind: 'MetricValueList',
    verbs: ['get'],
  });
  expect((await server.send('GET', external)).body.resources).toHaveLength(3);
  const accept = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList';
  const aggregated = await server.send('GET', '/apis', { headers: { accept } });
  const found = aggregated.body.items.find(
    (item: { metadata: { name: string } }) => item.metadata.name === 'custom.metrics.k8s.io',
  );
  expect(found.versions[0].resources[0]).toMatchObject({
    resource: 'pods',
    scope: 'Namespaced',
    subresources: [{ subresource: 'requests', responseKind: { kind: 'MetricValueList' }, verbs: ['get'] }],
  });
});

it('is understood by real kubectl', async () => {
  const { kubectl } = await kubernetesTools();
  const env = { KUBECONFIG: server.kubeconfig, HOME: server.kernel.dataDir };
  const run = async (...args: string[]): Promise<string> => {
    const { status, stdout, stderr } = await runProgram(kubectl, args, { env });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    return stdout;
  };
  expect(await run('api-resources', '--api-group=external.metrics.k8s.io')).toMatch(
    /^queue +external.metrics.k8s.io\/v1beta1 +true +ExternalMetricValueList$/m,
  );
  expect(await run('api-versions')).toContain('custom.metrics.k8s.io/v1beta2');
  expect(await run('get', 'pods', 'a', '-o', 'name')).toBe('pod/a\n');
  expect(await run('get', '--raw', `${custom}/namespaces/default/pods/*/requests`)).toContain('"1500m"');
});

it('is not found any more when nobody offers a metric', async () => {
  await server.kernel.control.disable('test-adapter');
  const { body } = await server.send('GET', '/apis');
  expect(body.groups.map(({ name }: { name: string }) => name)).not.toContain('custom.metrics.k8s.io');
  expect((await server.send('GET', custom)).status).toBe(404);
});
