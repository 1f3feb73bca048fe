/** The classes that new objects get which name none. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import admissionDefaultClass from '@timonel/plugin-admission-defaultclass';
import admissionResourceQuota from '@timonel/plugin-admission-resourcequota';
import { startApiServer, type TestApiServer } from '../support/api-server.ts';

type Json = Record<string, unknown>;

const networking = '/apis/networking.k8s.io/v1';
const storage = '/apis/storage.k8s.io/v1';
const claims = '/api/v1/namespaces/default/persistentvolumeclaims';
let server: TestApiServer;
let count = 0;

beforeAll(async () => {
  server = await startApiServer({ plugins: [admissionDefaultClass, admissionResourceQuota] });
});
afterAll(async () => {
  await server.stop();
});

async function make(path: string, spec: Json, annotations: Json = {}): Promise<Json> {
  const name = `o-${(count += 1)}`;
  const { status, body } = await server.send('POST', path, { body: { metadata: { name, annotations }, spec } });
  expect([status, body.message]).toEqual([201, undefined]);
  return body.spec as Json;
}

async function makeClass(group: string, name: string, isDefault: boolean): Promise<void> {
  const [path, key, rest] =
    group === 'ingress'
      ? [`${networking}/ingressclasses`, 'ingressclass.kubernetes.io/is-default-class', { spec: { controller: 'a/b' } }]
      : [`${storage}/storageclasses`, 'storageclass.kubernetes.io/is-default-class', { provisioner: 'a/b' }];
  const annotations = isDefault ? { [key]: 'true' } : {};
  const made = await server.send('POST', path, { body: { metadata: { name, annotations }, ...rest } });
  expect(made.status).toBe(201);
}

const ingress = (more: Json = {}, annotations: Json = {}): Promise<Json> =>
  make(
    `${networking}/namespaces/default/ingresses`,
    { defaultBackend: { service: { name: 'web', port: { number: 80 } } }, ...more },
    annotations,
  );
const claim = (more: Json = {}): Promise<Json> =>
  make(claims, { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } }, ...more });

describe('the default class', () => {
  it("of Ingresses is the newest that is marked, and nobody else's", async () => {
    expect((await ingress())['ingressClassName']).toBeUndefined();
    await makeClass('ingress', 'plain', false);
    expect((await ingress())['ingressClassName']).toBeUndefined();
    await makeClass('ingress', 'usual', true);
    expect(await ingress()).toMatchObject({ ingressClassName: 'usual' });
    expect(await ingress({ ingressClassName: 'plain' })).toMatchObject({ ingressClassName: 'plain' });
    expect((await ingress({}, { 'kubernetes.io/ingress.class': 'old' }))['ingressClassName']).toBeUndefined();
    await makeClass('ingress', 'another', true);
    expect(await ingress()).toMatchObject({ ingressClassName: 'another' });
  });

  it('of claims is set before quotas of classes are charged', async () => {
    expect((await claim())['storageClassName']).toBeUndefined();
    await makeClass('storage', 'gold', true);
    expect(await claim()).toMatchObject({ storageClassName: 'gold' });
    expect(await claim({ storageClassName: '' })).toMatchObject({ storageClassName: '' });
    const name = 'gold.storageclass.storage.k8s.io/persistentvolumeclaims';
    const quotas = '/api/v1/namespaces/default/resourcequotas';
    await server.send('POST', quotas, { body: { metadata: { name: 'q' }, spec: { hard: { [name]: '0' } } } });
    const status = { hard: { [name]: '0' }, used: { [name]: '0' } };
    const type = 'application/merge-patch+json';
    expect((await server.send('PATCH', `${quotas}/q/status`, { type, body: { status } })).status).toBe(200);
    const refused = await server.send('POST', claims, {
      body: {
        metadata: { name: 'more' },
        spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
      },
    });
    expect(refused.body.message).toContain(`exceeded quota: q, requested: ${name}=1`);
  });
});
