import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { ApiClient } from '@timonel/sdk/contracts/api';
import { ApiError, type Service } from '@timonel/sdk/kube';
import { createRecordingLogger, manualEnv, until } from '@timonel/testkit';
import { container, podWith } from '../plan/testing.ts';
import { environmentOf } from './env.ts';
import { KnownServices } from './known-services.ts';
import { knownService, serviceVariables } from './service-env.ts';

const serviceOf = (namespace: string, name: string, spec: Service['spec']): Service => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { namespace, name, resourceVersion: '5' },
  spec,
});
const apiServer = serviceOf('default', 'kubernetes', {
  clusterIP: '10.0.0.1',
  ports: [{ name: 'https', port: 443, protocol: 'TCP' }],
});
const web = serviceOf('shop', 'web-shop', {
  clusterIP: 'fd00::7',
  ports: [
    { name: 'http-main', port: 80 },
    { port: 53, protocol: 'UDP' },
  ],
});
const known = [apiServer, web].flatMap((each) => knownService(each) ?? []);
const inShop = (spec: object = {}) => podWith(spec, { namespace: 'shop' });

describe('variables of services', () => {
  it('name those of the namespace, and the API server', () => {
    expect(Object.fromEntries(serviceVariables(inShop(), known))).toEqual({
      KUBERNETES_SERVICE_HOST: '10.0.0.1',
      KUBERNETES_SERVICE_PORT: '443',
      KUBERNETES_SERVICE_PORT_HTTPS: '443',
      KUBERNETES_PORT: 'tcp://10.0.0.1:443',
      KUBERNETES_PORT_443_TCP: 'tcp://10.0.0.1:443',
      KUBERNETES_PORT_443_TCP_PROTO: 'tcp',
      KUBERNETES_PORT_443_TCP_PORT: '443',
      KUBERNETES_PORT_443_TCP_ADDR: '10.0.0.1',
      WEB_SHOP_SERVICE_HOST: 'fd00::7',
      WEB_SHOP_SERVICE_PORT: '80',
      WEB_SHOP_SERVICE_PORT_HTTP_MAIN: '80',
      WEB_SHOP_PORT: 'tcp://[fd00::7]:80',
      WEB_SHOP_PORT_80_TCP: 'tcp://[fd00::7]:80',
      WEB_SHOP_PORT_80_TCP_PROTO: 'tcp',
      WEB_SHOP_PORT_80_TCP_PORT: '80',
      WEB_SHOP_PORT_80_TCP_ADDR: 'fd00::7',
      WEB_SHOP_PORT_53_UDP: 'udp://[fd00::7]:53',
      WEB_SHOP_PORT_53_UDP_PROTO: 'udp',
      WEB_SHOP_PORT_53_UDP_PORT: '53',
      WEB_SHOP_PORT_53_UDP_ADDR: 'fd00::7',
    });
  });

  it('name the API server alone where the pod wants no links', () => {
    const names = [...serviceVariables(inShop({ enableServiceLinks: false }), known).keys()];
    expect(new Set(names.map((name) => name.split('_')[0]))).toEqual(new Set(['KUBERNETES']));
  });

  it("prefer the namespace's own service named kubernetes, whatever comes first", () => {
    const server = known.filter(({ name }) => name === 'kubernetes');
    const own = server.map((each) => ({ ...each, namespace: 'shop', clusterIP: '10.0.0.9' }));
    for (const all of [
      [...server, ...own],
      [...own, ...server],
    ])
      expect(serviceVariables(inShop(), all).get('KUBERNETES_SERVICE_HOST')).toBe('10.0.0.9');
  });

  it.each([
    ['headless', { clusterIP: 'None', ports: [{ port: 80 }] }],
    ['an alias', { type: 'ExternalName', ports: [{ port: 80 }] }],
    ['without ports', { clusterIP: '10.0.0.2' }],
  ])('name none that is %s', (_what, spec) => {
    expect(knownService(serviceOf('shop', 'other', spec))).toBeUndefined();
  });

  it("stand behind the container's own, which may refer to them", async () => {
    const services = new Map([
      ['WEB_PORT', 'tcp://10.0.0.2:80'],
      ['MINE', 'of a service'],
    ]);
    const env = await environmentOf({
      pod: inShop(),
      container: container('c', {
        env: [
          { name: 'MINE', value: 'own' },
          { name: 'URL', value: '$(WEB_PORT)/$(MINE)' },
        ],
      }),
      facts: { nodeName: 'n', nodeAddress: '', podAddresses: [], allocatable: {} },
      sources: { configMap: async () => undefined, secret: async () => undefined },
      services,
    });
    expect(Object.fromEntries(env)).toEqual({
      MINE: 'own',
      URL: 'tcp://10.0.0.2:80/own',
      WEB_PORT: 'tcp://10.0.0.2:80',
    });
  });
});

describe('the known services', () => {
  let directory: string;
  let opened: KnownServices[] = [];
  beforeEach(() => void (directory = mkdtempSync(join(tmpdir(), 'timonel-services-'))));
  afterEach(async () => {
    await Promise.all(opened.map((each) => each.stop()));
    opened = [];
    rmSync(directory, { recursive: true, force: true });
  });

  /** `found` undefined: the API is away. */
  const openWith = async (found: readonly Service[] | undefined, log = createRecordingLogger()) => {
    const env = manualEnv();
    const api: Partial<ApiClient> = {
      list: async () => {
        if (found === undefined) throw new ApiError('ServiceUnavailable', 'away');
        return { metadata: { resourceVersion: '5' }, items: [...found] } as never;
      },
      // oxlint-disable-next-line require-yield
      watch: async function* watch(_type, { signal } = {}) {
        await new Promise<void>((resolve) => signal?.addEventListener('abort', () => resolve()));
      },
    };
    const host = { env, log, signal: new AbortController().signal, reportFault: () => undefined, name: 'node-agent' };
    const file = join(directory, 'services.json');
    const services = await KnownServices.open({ host, api: api as ApiClient, env, log, file });
    opened.push(services);
    services.start();
    return { services, env };
  };
  const hostOf = async (services: KnownServices): Promise<string | undefined> =>
    (await services.variables(inShop())).get('WEB_SHOP_SERVICE_HOST');

  it('are those of the API', async () => {
    expect(await hostOf((await openWith([apiServer, web])).services)).toBe('fd00::7');
  });

  it('are those of the agent before while the API is away', async () => {
    const before = await openWith([apiServer, web]);
    await hostOf(before.services);
    await before.services.stop();
    expect(await hostOf((await openWith(undefined)).services)).toBe('fd00::7');
  });

  it('are those of an agent that was killed as soon as it knew them, and none are known where there are none', async () => {
    for (const found of [[apiServer, web], []]) {
      const killed = await openWith(found);
      await hostOf(killed.services);
      const expected = JSON.stringify({ version: 1, services: found.flatMap((each) => knownService(each) ?? []) });
      await until(() => readFileSync(join(directory, 'services.json'), 'utf8').trim() === expected, {
        what: 'the file',
      });
      const { services } = await openWith(undefined);
      expect(await hostOf(services)).toBe(found.length > 0 ? 'fd00::7' : undefined);
    }
  });

  it('are waited for where none were ever read, and then missed', async () => {
    const { services, env } = await openWith(undefined);
    const asked = hostOf(services).catch((error: unknown) => error);
    await until(() => env.advance(4000).then(() => true), { what: 'the time to pass' });
    expect(await asked).toMatchObject({ name: 'ConfigError', message: expect.stringContaining('not yet been read') });
  });

  it('that were damaged are told of, and left out', async () => {
    writeFileSync(join(directory, 'services.json'), '{"version":1,"services":[{}]}');
    const log = createRecordingLogger();
    const { services } = await openWith([web], log);
    expect(await hostOf(services)).toBe('fd00::7');
    expect(log.lines.map(({ message }) => message)).toContainEqual(expect.stringContaining('damaged'));
  });
});
