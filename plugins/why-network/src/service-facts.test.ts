import { describe, expect, it } from '@jest/globals';
import { apiClient, type ApiClient } from '@timonel/sdk/contracts/api';
import { explainers, type Explainer, type NodeTables, type TableState } from '@timonel/sdk/contracts/why';
import { ApiError, type EndpointSlice, type Node, type Pod, type Service } from '@timonel/sdk/kube';
import { fakeService, manualEnv, settle, startTestKernel } from '@timonel/testkit';
import plugin from './index.ts';
import { serviceExplainer } from './service-explainer.ts';
import { causesOf, factsOf, type ServiceView } from './service-facts.ts';

const now = Date.parse('2026-01-01T00:01:00Z');

const service = (spec: object): Service => ({
  metadata: { namespace: 'shop', name: 'web', uid: 'u' },
  spec: { clusterIP: '10.96.0.7', selector: { app: 'web' }, ports: [{ port: 80, targetPort: 'http' }], ...spec },
});
const endpoint = (address: string, nodeName: string, conditions: object = { ready: true }): object => ({
  addresses: [address],
  nodeName,
  conditions,
});
const slice = (endpoints: readonly object[]): EndpointSlice =>
  ({
    metadata: {
      namespace: 'shop',
      name: 'web-1',
      labels: { 'kubernetes.io/service-name': 'web' },
    },
    addressType: 'IPv4',
    endpoints,
    ports: [{ name: '', protocol: 'TCP', port: 8080 }],
  }) as unknown as EndpointSlice;
const pod = (ready: boolean): Pod => ({
  metadata: { namespace: 'shop', name: 'p' },
  spec: { containers: [] },
  status: { conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }] },
});
const node = (name: string): Node => ({ metadata: { name }, spec: {} });
const table = (name: string, proxy: Partial<TableState> | undefined, more: object = {}): NodeTables => ({
  node: name,
  ready: true,
  ...(proxy === undefined ? {} : { proxy: { implementation: 'nftables', lastSyncAt: now - 3000, ...proxy } }),
  ...more,
});

function view(more: Partial<ServiceView> = {}): ServiceView {
  const endpoints = [endpoint('10.0.1.2', 'a'), endpoint('10.0.2.2', 'b', { ready: false })];
  const ending = endpoint('10.0.2.3', 'b', { ready: false, serving: true, terminating: true });
  return {
    service: service({}),
    slices: [slice([...endpoints, ending])],
    pods: [pod(true), pod(false)],
    nodes: [node('a'), node('b')],
    tables: [table('a', {}), table('b', {})],
    clusterDomain: 'cluster.local',
    now,
    ...more,
  };
}
const facts = (more: Partial<ServiceView> = {}): Record<string, string> =>
  Object.fromEntries(factsOf(view(more)).map(({ name, text }) => [name, text]));
const causes = (tables: readonly NodeTables[], more: Partial<ServiceView> = {}): unknown[] =>
  causesOf(view({ tables, ...more }), 'c').map(({ code, nodes }) => [code, nodes?.names]);

describe('how a service is set up', () => {
  it('is its addresses, name, ports, pods, endpoints, traffic, and what nodes have', () => {
    expect(facts()).toEqual({
      type: 'ClusterIP 10.96.0.7',
      'DNS name': 'web.shop.svc.cluster.local',
      ports: '80/TCP to http',
      selector: 'app=web: 2 pods, 1 ready',
      endpoints: '1 ready, 1 ending, 1 not ready: 10.0.1.2 on a, 10.0.2.2 on b, 10.0.2.3 on b',
      traffic: 'from inside to endpoints of all nodes',
      'node a': 'nftables: 1 endpoint, written 3 s ago',
      'node b': 'nftables: 1 endpoint, written 3 s ago',
    });
  });

  it('has policies, affinity, node ports and load balancers', () => {
    const spec = {
      type: 'LoadBalancer',
      internalTrafficPolicy: 'Local',
      externalTrafficPolicy: 'Local',
      sessionAffinity: 'ClientIP',
      ports: [{ name: 'web', port: 80, nodePort: 30_080 }],
    };
    const slices = [slice([endpoint('10.0.1.2', 'a')])];
    const found = facts({ service: service(spec), slices });
    expect(found).toMatchObject({
      ports: 'web 80/TCP to 80, at nodes 30080',
      'load balancer': 'no address yet',
      traffic:
        'from inside to endpoints of the own node alone; from outside to endpoints of the node that is asked; a client stays with one endpoint for 10800 s',
    });
    const inner = service({ internalTrafficPolicy: 'Local' });
    expect(facts({ service: inner, slices })).toMatchObject({
      'node a': 'nftables: 1 endpoint, written 3 s ago',
      'node b': 'nftables: no endpoint of its own: no answer there, written 3 s ago',
    });
  });

  it('has no nodes where no proxy counts', () => {
    const alias = facts({ service: service({ type: 'ExternalName', externalName: 'a.example.com' }) });
    expect(alias).toEqual({
      type: 'ExternalName: another name for a.example.com',
      'DNS name': 'web.shop.svc.cluster.local',
    });
    const headless = facts({ service: service({ clusterIP: 'None' }) });
    expect(Object.keys(headless)).toEqual(['type', 'DNS name', 'ports', 'selector', 'endpoints']);
  });

  it('says of nodes what is not known', () => {
    const tables = [table('a', undefined), table('b', undefined, { ready: false, problem: 'it is away' })];
    const found = facts({ tables, slices: [], nodes: [node('a'), node('b'), node('c')] });
    expect(found).toMatchObject({
      endpoints: 'none',
      'node a': 'no service proxy runs there',
      'node b': 'the node is not Ready; could not be asked: it is away',
      'more nodes': '1 were not asked',
    });
  });
});

describe('what is wrong with a service on nodes', () => {
  it('is nothing when they have followed', () => {
    expect(causes([table('a', {}), table('b', undefined, { problem: 'away' })])).toEqual([]);
  });
  it('is a proxy that fails, is absent, or did not follow the last change', () => {
    const tables = [table('a', { lastError: 'nft: no' }), table('b', { current: false }), table('c', undefined)];
    expect(causes(tables)).toEqual([
      ['proxy-fails', ['a']],
      ['proxy-behind', ['b']],
      ['no-proxy', ['c']],
    ]);
    expect(causes([table('b', { current: false }, { ready: false })])).toEqual([]);
    expect(causes(tables, { service: service({ clusterIP: 'None' }) })).toEqual([]);
    expect(facts({ tables })).toMatchObject({ 'node b': 'nftables: an older state, written 3 s ago' });
  });
});

const lists: Readonly<Record<string, readonly object[]>> = {
  endpointslices: [slice([endpoint('10.0.1.2', 'a')])],
  pods: [pod(true)],
  nodes: [node('a')],
};
const object = { group: '', resource: 'services', namespace: 'shop', name: 'web' };
const asked: unknown[] = [];
const api = {
  get: async (_: unknown, { name }: { name: string }) => {
    if (name !== 'web') throw new ApiError('NotFound', 'no');
    return service({});
  },
  list: async ({ resource }: { resource: string }, options: object = {}) => {
    asked.push([resource, options]);
    return { metadata: {}, items: lists[resource] };
  },
} as unknown as ApiClient;

it('is answered for services that are there', async () => {
  const plugins = [fakeService(apiClient, api), { definition: plugin, source: 'built-in' } as const];
  await using kernel = await startTestKernel({ plugins });
  const [provider] = kernel.service(explainers).all();
  const explain: Explainer['explain'] = async (of) => provider?.service.explain(of);
  expect(await explain({ ...object, name: 'other' })).toBeUndefined();
  const why = await explain(object);
  expect(why).toMatchObject({ state: 'AsDeclared', causes: [] });
  expect(why?.facts?.at(-1)).toEqual({ name: 'node a', text: expect.stringContaining('could not be asked') });
  expect(asked).toContainEqual(['pods', { namespace: 'shop', labelSelector: 'app=web' }]);
});

it('waits a moment for nodes that are about to follow', async () => {
  const env = manualEnv();
  const answers = [false, true];
  const tablesOf = async (name: string): Promise<NodeTables> => table(name, { current: answers.shift() ?? false });
  const why = serviceExplainer({ api, env, clusterDomain: 'cluster.local', tablesOf }).explain(object);
  await settle();
  await env.advance(500);
  expect(await why).toMatchObject({ state: 'AsDeclared', causes: [] });
  expect(answers).toEqual([]);
});
