/** Ingresses on the real API server, served by a real haproxy (Debian: apt install haproxy) to real clients. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createServer, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { connect } from 'node:tls';
import { createRealEnv } from '@timonel/core';
import { apiClient, type ApiClient } from '@timonel/sdk/contracts/api';
import { explainers, type Why } from '@timonel/sdk/contracts/why';
import {
  coreEvents,
  endpointSlices,
  ingressClasses,
  ingresses,
  namespaces,
  nodes,
  secrets,
  services,
  type EndpointSlice,
  type Ingress,
} from '@timonel/sdk/kube';
import { issueIdentity, makeAuthority } from '@timonel/sdk/pki';
import apiResources from '@timonel/plugin-api-resources';
import apiserver from '@timonel/plugin-apiserver';
import authToken from '@timonel/plugin-auth-token';
import ingressHaproxy from '@timonel/plugin-ingress-haproxy';
import storeMemory from '@timonel/plugin-store-memory';
import { startTestKernel, until, type TestKernel } from '@timonel/testkit';
import { freePort } from '@timonel/testkit/free-port';

describe('Ingresses', () => {
  let kernel: TestKernel;
  let api: ApiClient;
  let http: number;
  let https: number;
  const pods: Server[] = [];

  async function pod(name: string): Promise<number> {
    const server = createServer((_, response) => response.end(name));
    pods.push(server);
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve);
    });
    return (server.address() as AddressInfo).port;
  }

  const slice = (service: string, port: number): EndpointSlice => ({
    metadata: { name: `${service}-1`, namespace: 'default', labels: { 'kubernetes.io/service-name': service } },
    addressType: 'IPv4',
    endpoints: [{ addresses: ['127.0.0.1'], conditions: { ready: true } }],
    ports: [{ name: 'http', port, protocol: 'TCP' }],
  });

  async function service(name: string): Promise<void> {
    const spec = { selector: { app: name }, ports: [{ name: 'http', port: 80 }] };
    await api.create(services, { metadata: { name, namespace: 'default' }, spec });
    await api.create(endpointSlices, slice(name, await pod(name)));
  }

  async function ingress(
    name: string,
    spec: NonNullable<Ingress['spec']>,
    annotations: Record<string, string> = {},
  ): Promise<Ingress> {
    return api.create(ingresses, { metadata: { name, namespace: 'default', annotations }, spec });
  }

  const rule = (
    host: string,
    service: string,
    path = '/',
  ): NonNullable<NonNullable<Ingress['spec']>['rules']>[number] => ({
    host,
    http: { paths: [{ path, pathType: 'Prefix', backend: { service: { name: service, port: { name: 'http' } } } }] },
  });

  function ask(host: string, path = '/'): Promise<{ status: number; text: string; location: string | undefined }> {
    return new Promise((resolve, reject) => {
      const sent = request({ host: '127.0.0.1', port: http, path, headers: { host }, agent: false }, (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (part: string) => (text += part));
        response.on('end', () =>
          resolve({ status: response.statusCode ?? 0, text, location: response.headers.location }),
        );
      });
      sent.on('error', reject).end();
    });
  }

  const answers = (host: string, expected: string | number, path = '/'): Promise<unknown> =>
    until(
      async () => {
        const { status, text } = await ask(host, path);
        return typeof expected === 'number' ? status === expected : text === expected;
      },
      { what: `${expected} of ${host}${path}` },
    );

  const why = async (name: string): Promise<Why | undefined> => {
    const [first] = kernel.service(explainers).all();
    return first?.service.explain({ group: 'networking.k8s.io', resource: 'ingresses', namespace: 'default', name });
  };

  const eventOf = (name: string, reason: string): Promise<string> =>
    until(
      async () => {
        const { items } = await api.list(coreEvents, { namespace: 'default' });
        return items.find((event) => event.involvedObject.name === name && event.reason === reason)?.message;
      },
      { what: `the event ${reason} of ${name}` },
    );

  async function secret(name: string, host: string): Promise<void> {
    const env = createRealEnv();
    const identity = await issueIdentity(env, await makeAuthority(env), {
      commonName: host,
      names: [host],
      usages: ['server'],
    });
    const text = (value: string): string => Buffer.from(value).toString('base64');
    const data = { 'tls.crt': text(identity.certificatePem), 'tls.key': text(identity.keyPem) };
    await api.create(secrets, { metadata: { name, namespace: 'default' }, type: 'kubernetes.io/tls', data });
  }

  const shownName = (servername: string): Promise<string> =>
    new Promise((resolve) => {
      const socket = connect({ port: https, host: '127.0.0.1', servername, rejectUnauthorized: false });
      socket.once('secureConnect', () => {
        resolve(String(socket.getPeerCertificate().subject.CN));
        socket.destroy();
      });
      socket.once('error', () => resolve(''));
    });

  beforeAll(async () => {
    http = await freePort();
    https = await freePort();
    kernel = await startTestKernel({
      plugins: [storeMemory, authToken, apiResources, apiserver, ingressHaproxy],
      config: {
        apiserver: { listen: { address: '127.0.0.1', port: 0 } },
        'ingress-haproxy': {
          nodeName: 'n1',
          httpPort: http,
          httpsPort: https,
          listenAddresses: ['127.0.0.1'],
          threads: 1,
          reloadPauseMs: 0,
        },
      },
    });
    api = kernel.service(apiClient);
    for (const name of ['default', 'kube-system'])
      await api.create(namespaces, { metadata: { name } }).catch(() => undefined);
    const status = { addresses: [{ type: 'InternalIP', address: '192.0.2.7' }] };
    await api.create(nodes, { metadata: { name: 'n1' }, spec: {}, status });
    await service('web');
    await service('shop');
  });
  afterAll(async () => {
    await kernel.stop();
    for (const server of pods) server.close();
  });

  it('are served by the default class, which is made, and their status says where', async () => {
    const made = await until(async () => (await api.list(ingressClasses)).items[0], { what: 'the class' });
    expect(made.spec?.controller).toBe('timonel.dev/ingress-haproxy');
    await ingress('web', {
      rules: [rule('web.test', 'web')],
      defaultBackend: { service: { name: 'shop', port: { number: 80 } } },
    });
    await answers('web.test', 'web');
    await answers('anything.test', 'shop');
    await until(
      async () => {
        const { status } = await api.get(ingresses, { namespace: 'default', name: 'web' });
        return status?.loadBalancer?.ingress?.[0]?.ip === '192.0.2.7';
      },
      { what: 'the status' },
    );
    expect(await eventOf('web', 'Served')).toContain('192.0.2.7');
    expect(await why('web')).toMatchObject({ state: 'Served', causes: [] });
    await api.delete(ingresses, { namespace: 'default', name: 'web' });
    await answers('web.test', 404);
  });

  it('follow endpoints, whose last ones serve until they have ended', async () => {
    await ingress('moves', { rules: [rule('moves.test', 'shop')] });
    await answers('moves.test', 'shop');
    const name = { namespace: 'default', name: 'shop-1' };
    const set = async (conditions: object | undefined): Promise<void> => {
      const endpoints = conditions === undefined ? [] : [{ addresses: ['127.0.0.1'], conditions }];
      await api.patch(endpointSlices, name, { type: 'merge', body: { endpoints } });
    };
    await set(undefined);
    await answers('moves.test', 503);
    expect(await why('moves')).toMatchObject({ state: 'Degraded', causes: [{ code: 'no-endpoints' }] });
    await set({ ready: false, serving: true, terminating: true });
    await answers('moves.test', 'shop');
    await set({ ready: false, serving: false, terminating: true });
    await answers('moves.test', 503);
    await set({ ready: true });
    await answers('moves.test', 'shop');
  });

  it('have certificates of Secrets, which are taken when they come', async () => {
    await ingress('secure', {
      rules: [rule('secure.test', 'web')],
      tls: [{ hosts: ['secure.test'], secretName: 'secure' }],
    });
    expect(await eventOf('secure', 'SecretNotFound')).toContain('there is no Secret default/secure');
    expect(await shownName('secure.test')).toBe('');
    await secret('secure', 'secure.test');
    await until(async () => (await shownName('secure.test')) === 'secure.test', { what: 'the certificate' });
    const data = { 'tls.crt': Buffer.from('nonsense').toString('base64') };
    await api.patch(secrets, { namespace: 'default', name: 'secure' }, { type: 'merge', body: { data } });
    expect(await eventOf('secure', 'CertificateInvalid')).toContain('holds no certificate in PEM');
    await until(async () => (await shownName('secure.test')) === '', { what: 'the certificate to go' });
    // What is wrong with one harms no other.
    await answers('secure.test', 'web');
  });

  it('keep to what annotations say', async () => {
    const annotations = { 'ingress.timonel.dev/ssl-redirect': 'true', 'ingress.timonel.dev/retries': 'many' };
    await ingress('noted', { rules: [rule('noted.test', 'web')] }, annotations);
    await answers('noted.test', 308);
    expect((await ask('noted.test', '/x')).location).toBe(`https://noted.test:${https}/x`);
    expect(await eventOf('noted', 'AnnotationInvalid')).toContain('retries must be a number from 0 to 10');
  });

  it('say what is wrong with them, while the rest is served', async () => {
    await ingress('first', { rules: [rule('clash.test', 'web')] });
    await answers('clash.test', 'web');
    await ingress('second', {
      rules: [rule('clash.test', 'shop'), rule('second.test', 'shop'), rule('none.test', 'absent')],
    });
    await answers('second.test', 'shop');
    await answers('clash.test', 'web');
    await answers('none.test', 503);
    expect(await eventOf('second', 'HostClash')).toContain('default/first');
    expect(await eventOf('second', 'ServiceNotFound')).toBe('there is no Service default/absent');
    const causes = (await why('second'))?.causes.map(({ code }) => code);
    expect(causes).toEqual(['HostClash', 'ServiceNotFound']);
    await ingress('foreign', { ingressClassName: 'another', rules: [rule('foreign.test', 'web')] });
    await until(async () => (await why('foreign'))?.causes[0]?.code === 'class-not-found', { what: 'the cause' });
    await answers('foreign.test', 404);
  });
});
