/** The Gateway API on the real API server, served by a real haproxy (Debian: apt install haproxy). */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createServer, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { apiClient, type ApiClient } from '@timonel/sdk/contracts/api';
import { explainers } from '@timonel/sdk/contracts/why';
import {
  defineResource,
  endpointSlices,
  namespaces,
  nodes,
  services,
  type Condition,
  type KubeObject,
  type ResourceType,
} from '@timonel/sdk/kube';
import apiCrds from '@timonel/plugin-api-crds';
import apiResources from '@timonel/plugin-api-resources';
import apiserver from '@timonel/plugin-apiserver';
import authToken from '@timonel/plugin-auth-token';
import controllerCrd from '@timonel/plugin-controller-crd';
import ingressHaproxy from '@timonel/plugin-ingress-haproxy';
import storeMemory from '@timonel/plugin-store-memory';
import { startTestKernel, until, type TestKernel } from '@timonel/testkit';
import { freePort } from '@timonel/testkit/free-port';

interface Conditioned {
  readonly name?: string;
  readonly attachedRoutes?: number;
  readonly conditions?: readonly Condition[];
}

interface GatewayObject extends KubeObject {
  spec: Record<string, unknown>;
  status?: Conditioned & {
    readonly addresses?: readonly { readonly value: string }[];
    readonly listeners?: readonly Conditioned[];
    readonly parents?: readonly Conditioned[];
  };
}

function typeOf(kind: string, resource: string, namespaced = true, version = 'v1'): ResourceType<GatewayObject> {
  return defineResource<GatewayObject>({ group: 'gateway.networking.k8s.io', version, resource, kind, namespaced });
}

const gatewayClasses = typeOf('GatewayClass', 'gatewayclasses', false);
const gateways = typeOf('Gateway', 'gateways');
const httpRoutes = typeOf('HTTPRoute', 'httproutes');
const referenceGrants = typeOf('ReferenceGrant', 'referencegrants', true, 'v1beta1');

describe('the Gateway API', () => {
  let kernel: TestKernel;
  let api: ApiClient;
  let http: number;
  let further: number;
  const pods: Server[] = [];

  async function service(name: string, namespace = 'default'): Promise<void> {
    const server = createServer((asked, response) =>
      response.end(`${name} ${asked.url} ${String(asked.headers['x-v'] ?? '')}`),
    );
    pods.push(server);
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve);
    });
    const { port } = server.address() as AddressInfo;
    await api.create(services, {
      metadata: { name, namespace },
      spec: { selector: { app: name }, ports: [{ port: 80 }] },
    });
    await api.create(endpointSlices, {
      metadata: { name: `${name}-1`, namespace, labels: { 'kubernetes.io/service-name': name } },
      addressType: 'IPv4',
      endpoints: [{ addresses: ['127.0.0.1'], conditions: { ready: true } }],
      ports: [{ name: '', port, protocol: 'TCP' }],
    });
  }

  const route = (name: string, spec: Record<string, unknown>): Promise<GatewayObject> =>
    api.create(httpRoutes, {
      metadata: { name, namespace: 'default' },
      spec: { parentRefs: [{ name: 'front' }], ...spec },
    });

  function ask(
    host: string,
    path = '/',
    headers: Record<string, string> = {},
    port = http,
  ): Promise<{ status: number; text: string; location: string | undefined }> {
    return new Promise((resolve, reject) => {
      const sent = request(
        { host: '127.0.0.1', port, path, headers: { host, ...headers }, agent: false },
        (response) => {
          let text = '';
          response.setEncoding('utf8').on('data', (part: string) => (text += part));
          response.on('end', () =>
            resolve({ status: response.statusCode ?? 0, text: text.trim(), location: response.headers.location }),
          );
        },
      );
      sent.on('error', reject).end();
    });
  }

  const conditionsOf = async (name: string): Promise<Record<string, string>> => {
    const { status } = await api.get(httpRoutes, { namespace: 'default', name });
    return Object.fromEntries((status?.parents?.[0]?.conditions ?? []).map(({ type, reason = '' }) => [type, reason]));
  };
  const becomes = (name: string, expected: Record<string, string>): Promise<unknown> =>
    until(async () => JSON.stringify(await conditionsOf(name)) === JSON.stringify(expected), {
      what: `${JSON.stringify(expected)} of ${name}`,
    });

  beforeAll(async () => {
    http = await freePort();
    further = await freePort();
    kernel = await startTestKernel({
      plugins: [storeMemory, authToken, apiResources, apiserver, apiCrds, controllerCrd, ingressHaproxy],
      config: {
        apiserver: { listen: { address: '127.0.0.1', port: 0 } },
        'ingress-haproxy': {
          nodeName: 'n1',
          httpPort: http,
          httpsPort: 0,
          gatewayApi: true,
          gatewayPorts: [further],
          listenAddresses: ['127.0.0.1'],
          threads: 1,
          reloadPauseMs: 0,
        },
      },
    });
    api = kernel.service(apiClient);
    for (const name of ['default', 'kube-system', 'other'])
      await api.create(namespaces, { metadata: { name } }).catch(() => undefined);
    await api.create(nodes, {
      metadata: { name: 'n1' },
      spec: {},
      status: { addresses: [{ type: 'InternalIP', address: '192.0.2.7' }] },
    });
    await service('web');
    await service('shop');
    await service('far', 'other');
    const made = (): Promise<boolean> => api.get(gatewayClasses, { name: 'timonel' }).then(() => true);
    await until(made, { what: 'the kinds and the class' });
    const listeners = [
      { name: 'plain', port: http, protocol: 'HTTP' },
      { name: 'further', port: further, protocol: 'HTTP', hostname: '*.further.test' },
      { name: 'taken', port: 22, protocol: 'HTTP' },
    ];
    await api.create(gateways, {
      metadata: { name: 'front', namespace: 'default' },
      spec: { gatewayClassName: 'timonel', listeners },
    });
  });
  afterAll(async () => {
    await kernel.stop();
    for (const server of pods) server.close();
  });

  it('routes by hosts, paths, headers and weights, with filters', async () => {
    await route('web', {
      hostnames: ['web.test'],
      rules: [
        { backendRefs: [{ name: 'web', port: 80 }] },
        {
          matches: [{ path: { type: 'PathPrefix', value: '/shop' }, headers: [{ name: 'X-V', value: '2' }] }],
          backendRefs: [{ name: 'shop', port: 80 }],
        },
        {
          matches: [{ path: { type: 'PathPrefix', value: '/old' } }],
          filters: [
            { type: 'URLRewrite', urlRewrite: { path: { type: 'ReplacePrefixMatch', replacePrefixMatch: '/new' } } },
            { type: 'RequestHeaderModifier', requestHeaderModifier: { set: [{ name: 'x-v', value: 'set' }] } },
          ],
          backendRefs: [
            { name: 'shop', port: 80, weight: 1 },
            { name: 'web', port: 80, weight: 0 },
          ],
        },
        {
          matches: [{ path: { type: 'Exact', value: '/away' } }],
          filters: [{ type: 'RequestRedirect', requestRedirect: { hostname: 'a.test', statusCode: 301 } }],
        },
      ],
    });
    await becomes('web', { Accepted: 'Accepted', ResolvedRefs: 'ResolvedRefs' });
    await until(async () => (await ask('web.test')).text === 'web /', { what: 'the route' });
    expect((await ask('web.test', '/shop', { 'x-v': '2' })).text).toBe('shop /shop 2');
    expect((await ask('web.test', '/shop')).text).toBe('web /shop');
    expect((await ask('web.test', '/old/x?y=1')).text).toBe('shop /new/x?y=1 set');
    expect(await ask('web.test', '/away')).toMatchObject({ status: 301, location: `http://a.test:${http}/away` });
    expect((await ask('else.test')).status).toBe(404);
  });

  it('tells the state of gateways and their listeners', async () => {
    const status = await until(
      async () => {
        const found = (await api.get(gateways, { namespace: 'default', name: 'front' })).status;
        return found?.addresses?.[0]?.value === '192.0.2.7' && found.listeners?.[0]?.attachedRoutes === 1
          ? found
          : undefined;
      },
      { what: 'the status of the gateway' },
    );
    const shown = (part: Conditioned | undefined): Record<string, string> =>
      Object.fromEntries(
        (part?.conditions ?? []).map(({ type, status: value, reason }) => [type, `${value} ${reason}`]),
      );
    expect(shown(status)).toEqual({ Accepted: 'True Accepted', Programmed: 'True Programmed' });
    expect(shown(status.listeners?.[2])).toMatchObject({
      Accepted: 'False PortUnavailable',
      Programmed: 'False Invalid',
    });
  });

  it('keeps routes to the hostnames of their listeners', async () => {
    await route('further', {
      parentRefs: [{ name: 'front', sectionName: 'further' }],
      rules: [{ backendRefs: [{ name: 'shop', port: 80 }] }],
    });
    await becomes('further', { Accepted: 'Accepted', ResolvedRefs: 'ResolvedRefs' });
    const text = async (host: string): Promise<string | number> => {
      const { status, text: body } = await ask(host, '/', {}, further);
      return status === 200 ? body : status;
    };
    await until(async () => (await text('a.b.further.test')) === 'shop /', { what: 'the route' });
    expect(await text('web.test')).toBe(404);
    await route('nowhere', { parentRefs: [{ name: 'front', sectionName: 'further' }], hostnames: ['web.test'] });
    await becomes('nowhere', { Accepted: 'NoMatchingListenerHostname', ResolvedRefs: 'ResolvedRefs' });
  });

  it('says what cannot be served, and follows grants between namespaces', async () => {
    await route('mirror', {
      hostnames: ['mirror.test'],
      rules: [{ filters: [{ type: 'RequestMirror' }], backendRefs: [{ name: 'web', port: 80 }] }],
    });
    await becomes('mirror', { Accepted: 'UnsupportedValue', ResolvedRefs: 'ResolvedRefs' });
    await route('absent', { hostnames: ['absent.test'], rules: [{ backendRefs: [{ name: 'none', port: 80 }] }] });
    await becomes('absent', { Accepted: 'Accepted', ResolvedRefs: 'BackendNotFound' });
    expect((await ask('absent.test')).status).toBe(500);
    const all = kernel.service(explainers).all();
    const explainer = all.find(({ service }) => service.kinds().some(({ resource }) => resource === 'httproutes'));
    const about = { group: 'gateway.networking.k8s.io', resource: 'httproutes', namespace: 'default', name: 'absent' };
    const causes = (await explainer?.service.explain(about))?.causes;
    expect(causes).toMatchObject([{ code: 'BackendNotFound', text: 'there is no Service default/none' }]);
    await route('far', {
      hostnames: ['far.test'],
      rules: [{ backendRefs: [{ name: 'far', namespace: 'other', port: 80 }] }],
    });
    await becomes('far', { Accepted: 'Accepted', ResolvedRefs: 'RefNotPermitted' });
    const from = [{ group: 'gateway.networking.k8s.io', kind: 'HTTPRoute', namespace: 'default' }];
    await api.create(referenceGrants, {
      metadata: { name: 'open', namespace: 'other' },
      spec: { from, to: [{ group: '', kind: 'Service' }] },
    });
    await becomes('far', { Accepted: 'Accepted', ResolvedRefs: 'ResolvedRefs' });
    await until(async () => (await ask('far.test')).text === 'far /', { what: 'the route to the other namespace' });
  });
});
