/** What `timonel up` serves, with custom resources and an API of another server, for tests of who may do what. */
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { apiServices, endpointSlices, services } from '@timonel/sdk/kube';
import apiResources from '@timonel/plugin-api-resources';
import { until } from '@timonel/testkit';
import { startApiServer, type TestApiServer } from './api-server.ts';
import { serveCrd, versionOf } from './crds.ts';
import { defaultControlPlane } from './default-control-plane.ts';
import { extensionKeys } from './extension-server.ts';
import { loopbackDialer, withoutDialer } from './loopback-dialer.ts';

export interface StaticToken {
  readonly token: string;
  readonly username: string;
  readonly groups?: readonly string[];
}

export interface AccessBed {
  readonly server: TestApiServer;
  /** `METHOD URL` of what reached the server behind the aggregation layer, but for its documents. */
  readonly passed: string[];
  stop(): Promise<void>;
}

export const customGroup = 'access.example.com';
export const aggregatedGroup = 'behind.example.com';
const aggregated = `/apis/${aggregatedGroup}/v1`;
const service = { namespace: 'default', name: 'behind' };
const verbs = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'];

const things = { namespaced: true, kind: 'Thing' };
const documents: Readonly<Record<string, unknown>> = {
  [aggregated]: {
    kind: 'APIResourceList',
    apiVersion: 'v1',
    groupVersion: `${aggregatedGroup}/v1`,
    resources: [
      { name: 'things', singularName: 'thing', ...things, verbs },
      { name: 'things/status', singularName: '', ...things, verbs: ['get', 'patch', 'update'] },
    ],
  },
  '/openapi/v3': { paths: {} },
};

interface Behind {
  readonly port: number;
  readonly caBundle: string;
  readonly passed: string[];
  stop(): void;
}

/** Answers everything with an empty object. */
async function startBehind(): Promise<Behind> {
  const { key, certificate, caBundle } = await extensionKeys(`${service.name}.${service.namespace}`);
  const passed: string[] = [];
  const server = createServer({ key, cert: certificate }, (request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'https://behind');
    if (!Object.hasOwn(documents, pathname)) passed.push(`${request.method} ${pathname}`);
    request.resume();
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(JSON.stringify(documents[pathname] ?? {}));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    caBundle,
    passed,
    stop() {
      server.close();
      server.closeAllConnections();
    },
  };
}

async function register(server: TestApiServer, caBundle: string): Promise<void> {
  const { api } = server;
  const port = { name: 'https', port: 443 };
  await api.create(services, { metadata: service, spec: { ports: [port] } });
  await api.create(endpointSlices, {
    metadata: { ...service, labels: { 'kubernetes.io/service-name': service.name } },
    addressType: 'IPv4',
    ports: [port],
    endpoints: [{ addresses: ['10.1.1.1'] }],
  });
  const spec = { group: aggregatedGroup, version: 'v1', groupPriorityMinimum: 2000, versionPriority: 200 };
  await api.create(apiServices, { metadata: { name: `v1.${aggregatedGroup}` }, spec: { ...spec, service, caBundle } });
  await until(async () => (await server.send('GET', `${aggregated}/things`)).status === 200, {
    what: 'the server behind the aggregation layer',
  });
}

async function defineKinds(server: TestApiServer): Promise<void> {
  const properties = {
    spec: { type: 'object', properties: { replicas: { type: 'integer' } } },
    status: { type: 'object', properties: { replicas: { type: 'integer' } } },
  };
  const scale = { specReplicasPath: '.spec.replicas', statusReplicasPath: '.status.replicas' };
  const subresources = { subresources: { status: {}, scale } };
  const versions = [
    versionOf('v1', properties, subresources),
    versionOf('v1beta1', properties, { ...subresources, storage: false }),
  ];
  await serveCrd(server, { group: customGroup, plural: 'widgets', kind: 'Widget', versions });
  await serveCrd(server, { group: customGroup, plural: 'racks', kind: 'Rack', scope: 'Cluster', versions });
}

/** Stop it when it is done. */
export async function startAccessBed(tokens: readonly StaticToken[]): Promise<AccessBed> {
  const behind = await startBehind();
  try {
    const { plugins, config, apiserver } = await defaultControlPlane();
    const server = await startApiServer({
      plugins: [...plugins, withoutDialer(apiResources), loopbackDialer(new Map([[service.name, behind.port]]))],
      without: ['api-resources'],
      apiserver,
      config: { ...config, 'auth-token': { tokens } },
    });
    try {
      await defineKinds(server);
      await register(server, behind.caBundle);
    } catch (error) {
      await server.stop();
      throw error;
    }
    const stop = async (): Promise<void> => {
      await server.stop();
      behind.stop();
    };
    return { server, passed: behind.passed, stop };
  } catch (error) {
    behind.stop();
    throw error;
  }
}
