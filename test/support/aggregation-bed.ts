/** An API server with the aggregation layer, and a server behind it: `extension-server.mjs` as the service `wardle`. */
import { afterAll, beforeAll, expect } from '@jest/globals';
import { apiServices, configMaps } from '@timonel/sdk/kube';
import apiAggregation from '@timonel/plugin-api-aggregation';
import apiResources from '@timonel/plugin-api-resources';
import authzRbac from '@timonel/plugin-authz-rbac';
import controllerCrd from '@timonel/plugin-controller-crd';
import controllerGc from '@timonel/plugin-controller-gc';
import controllerNamespace from '@timonel/plugin-controller-namespace';
import metricsCustom from '@timonel/plugin-metrics-custom';
import metricsResource from '@timonel/plugin-metrics-resource';
import type { Answer } from './api-server.ts';
import { eventually } from './crds.ts';
import { extensionKeys, startExtensionServer, type ExtensionKeys, type ExtensionServer } from './extension-server.ts';
import { startKubectlServer, type KubectlServer } from './kubectl-server.ts';
import { loopbackDialer, withoutDialer } from './loopback-dialer.ts';

type Json = Record<string, unknown>;

export const registrations = '/apis/apiregistration.k8s.io/v1/apiservices';
export const published: { readonly namespace: string; readonly name: string } = {
  namespace: 'kube-system',
  name: 'extension-apiserver-authentication',
};

export interface AggregationBed {
  readonly cluster: KubectlServer;
  readonly extension: ExtensionServer;
  /** Where services listen on loopback, by name. */
  readonly ports: Map<string, number>;
  readonly send: (method: string, path: string, body?: unknown, headers?: Record<string, string>) => Promise<Answer>;
  /** What a command of kubectl prints; it must succeed. */
  readonly prints: (command: string, input?: string) => Promise<string>;
  readonly makeService: (name: string) => Promise<void>;
  readonly makeEndpoints: (name: string) => Promise<void>;
  /** An APIService whose server is the service of that name; answers its name. */
  readonly register: (group: string, service: string, more?: Json, version?: string) => Promise<string>;
  /** Its condition Available. */
  readonly condition: (name: string) => Promise<{ status: string; reason: string; message: string }>;
  readonly reasonIs: (name: string, reason: string) => Promise<void>;
}

/** For the tests of a file. */
export function aggregationBed(): AggregationBed {
  /** Where services listen, by name. */
  const ports = new Map<string, number>();
  let cluster: KubectlServer;
  let keys: ExtensionKeys;
  let extension: ExtensionServer;

  const send = (method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer> =>
    cluster.server.send(method, path, { ...(body === undefined ? {} : { body }), ...(headers ? { headers } : {}) });

  async function prints(command: string, input?: string): Promise<string> {
    const { status, stdout, stderr } = await cluster.run(command.split(' '), input);
    expect({ command, status, stderr }).toEqual({ command, status: 0, stderr: '' });
    return stdout;
  }

  async function makeService(name: string): Promise<void> {
    const made = await send('POST', '/api/v1/namespaces/default/services', {
      metadata: { name },
      spec: { ports: [{ name: 'https', port: 443 }] },
    });
    expect(made.status).toBe(201);
  }

  async function makeEndpoints(name: string): Promise<void> {
    const made = await send('POST', '/apis/discovery.k8s.io/v1/namespaces/default/endpointslices', {
      metadata: { name, labels: { 'kubernetes.io/service-name': name } },
      addressType: 'IPv4',
      ports: [{ name: 'https', port: 443 }],
      endpoints: [{ addresses: ['10.1.1.1'] }],
    });
    expect(made.status).toBe(201);
  }

  async function register(group: string, name: string, more: Json = {}, served = 'v1alpha1'): Promise<string> {
    const spec = { group, version: served, groupPriorityMinimum: 2000, versionPriority: 200 };
    const made = await send('POST', registrations, {
      metadata: { name: `${served}.${group}` },
      spec: { ...spec, service: { namespace: 'default', name }, caBundle: keys.caBundle, ...more },
    });
    expect(made.status).toBe(201);
    return `${served}.${group}`;
  }

  async function condition(name: string): Promise<{ status: string; reason: string; message: string }> {
    const { status } = await cluster.server.api.get(apiServices, { name });
    return status?.conditions?.find(({ type }) => type === 'Available') as never;
  }

  const reasonIs = (name: string, reason: string): Promise<void> =>
    eventually(`${name}: ${reason}`, async () => expect((await condition(name)).reason).toBe(reason));

  beforeAll(async () => {
    cluster = await startKubectlServer({
      plugins: [
        withoutDialer(apiResources),
        loopbackDialer(ports),
        authzRbac,
        controllerCrd,
        controllerGc,
        controllerNamespace,
        metricsCustom,
        metricsResource,
        apiAggregation,
      ],
      without: ['api-resources'],
      apiserver: { access: 'decided' },
    });
    keys = await extensionKeys('wardle.default');
    const authority = await eventually('the front proxy is published', async () => {
      const { data } = await cluster.server.api.get(configMaps, published);
      return data?.['requestheader-client-ca-file'] ?? '';
    });
    extension = await startExtensionServer(keys, authority);
    ports.set('wardle', extension.port);
  }, 300_000);
  afterAll(async () => {
    await extension?.stop();
    await cluster?.server.stop();
  });

  return {
    get cluster() {
      return cluster;
    },
    get extension() {
      return extension;
    },
    ports,
    send,
    prints,
    makeService,
    makeEndpoints,
    register,
    condition,
    reasonIs,
  };
}
