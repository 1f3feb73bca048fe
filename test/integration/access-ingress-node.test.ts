/** What a node that serves Ingresses asks for, and gets by its roles: those of the guide of ingress. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { clusterRoleBindings } from '@timonel/sdk/kube';
import authzNode from '@timonel/plugin-authz-node';
import authzRbac from '@timonel/plugin-authz-rbac';
import { until } from '@timonel/testkit';
import { startApiServer, type TestApiServer } from '../support/api-server.ts';

const token = 'token-of-the-node-edge-1';
const networking = '/apis/networking.k8s.io/v1';
const definitions = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
const merge = 'application/merge-patch+json';

type Request = readonly [method: string, path: string];

/** What `ingress-haproxy` asks of the API beside what every node may. */
const ofIngresses: readonly Request[] = [
  ['GET', '/api/v1/secrets?fieldSelector=type%3Dkubernetes.io/tls'],
  ['GET', `${networking}/ingresses`],
  ['GET', `${networking}/ingressclasses`],
  ['POST', `${networking}/ingressclasses`],
  ['PATCH', `${networking}/namespaces/default/ingresses/shop/status`],
];
const ofGateways: readonly Request[] = [
  ['GET', `${definitions}/gateways.gateway.networking.k8s.io`],
  ['POST', definitions],
];
const ofNobody: readonly Request[] = [
  ['GET', '/api/v1/namespaces/default/secrets/one'],
  ['PATCH', `${networking}/namespaces/default/ingresses/shop`],
  ['DELETE', `${definitions}/gateways.gateway.networking.k8s.io`],
];

let server: TestApiServer;

/** Those that get through; what changes something fails for its form. */
async function through(requests: readonly Request[]): Promise<Request[]> {
  const found: Request[] = [];
  for (const [method, path] of requests) {
    const body = method === 'GET' ? {} : { body: '{', type: method === 'PATCH' ? merge : 'application/json' };
    if ((await server.send(method, path, { token, ...body })).status !== 403) found.push([method, path]);
  }
  return found;
}

async function bind(name: string, probe: Request): Promise<void> {
  const apiGroup = 'rbac.authorization.k8s.io';
  await server.api.create(clusterRoleBindings, {
    metadata: { name: `edge-1-${name.replaceAll(':', '-')}` },
    roleRef: { apiGroup, kind: 'ClusterRole', name },
    subjects: [{ apiGroup, kind: 'User', name: 'system:node:edge-1' }],
  });
  await until(async () => (await through([probe])).length === 1, { what: `the rights of ${name}` });
}

beforeAll(async () => {
  server = await startApiServer({
    plugins: [authzNode, authzRbac],
    apiserver: { access: 'decided' },
    config: { 'auth-token': { tokens: [{ token, username: 'system:node:edge-1', groups: ['system:nodes'] }] } },
  });
  await until(async () => (await server.send('GET', '/api/v1/nodes', { token })).status === 200, { what: 'the node' });
});
afterAll(() => server?.stop());

describe('a node that serves Ingresses', () => {
  it('has no more rights than others by itself', async () => {
    expect(await through([...ofIngresses, ...ofGateways, ...ofNobody])).toEqual([]);
  });

  it('has those of its roles, each by itself', async () => {
    await bind('system:timonel:ingress-haproxy', ofIngresses[0] as Request);
    expect(await through([...ofIngresses, ...ofGateways, ...ofNobody])).toEqual(ofIngresses);
    await bind('system:timonel:ingress-haproxy-gateways', ofGateways[0] as Request);
    expect(await through([...ofIngresses, ...ofGateways, ...ofNobody])).toEqual([...ofIngresses, ...ofGateways]);
  });
});
