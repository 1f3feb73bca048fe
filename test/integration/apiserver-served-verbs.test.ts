/** A kind that leaves verbs out: discovery does not name them, and the server refuses them. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { definePlugin } from '@timonel/sdk';
import { objectVerbs, resourceProvider, type ResourceDefinition } from '@timonel/sdk/contracts/api-server';
import { dnsSubdomainProblems } from '@timonel/sdk/kube';
import { startApiServer, type TestApiServer } from '../support/api-server.ts';

const schema = 'dev.timonel.test.Thing';

function kindWithout(verb: string): ResourceDefinition {
  return {
    group: 'verbs.timonel.dev',
    version: 'v1',
    kind: `Without${verb}`,
    resource: `without${verb}`,
    singular: `without${verb}`,
    shortNames: [],
    categories: [],
    namespaced: false,
    schema,
    generation: false,
    status: false,
    scale: undefined,
    subresources: {},
    columns: [],
    strategy: {},
    nameProblems: dnsSubdomainProblems,
    withoutVerbs: [verb],
  };
}

const kinds = objectVerbs.map(kindWithout);
const things = definePlugin({
  name: 'things',
  version: '0.1.0',
  apiVersion: 1,
  provides: { resources: resourceProvider },
  setup: () => ({
    provides: {
      resources: {
        definitions: () => kinds,
        schemas: () => ({ [schema]: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } }),
      },
    },
  }),
});

const root = '/apis/verbs.timonel.dev/v1';
let server: TestApiServer;
beforeAll(async () => {
  server = await startApiServer({ plugins: [things] });
});
afterAll(async () => {
  await server.stop();
});

const merge = { type: 'application/merge-patch+json', body: { metadata: { labels: { a: 'b' } } } };
const requests: Readonly<Record<string, (path: string) => [string, string, object?]>> = {
  create: (path) => ['POST', path, { body: { metadata: { name: 'a' } } }],
  get: (path) => ['GET', `${path}/a`],
  list: (path) => ['GET', path],
  watch: (path) => ['GET', `${path}?watch=1&timeoutSeconds=1`],
  update: (path) => ['PUT', `${path}/a`, { body: { metadata: { name: 'a' } } }],
  patch: (path) => ['PATCH', `${path}/a`, merge],
  delete: (path) => ['DELETE', `${path}/a`],
  deletecollection: (path) => ['DELETE', path],
};

describe.each([...objectVerbs])('a kind without %s', (without) => {
  it('is refused that alone', async () => {
    const path = `${root}/without${without}`;
    const refused: string[] = [];
    for (const [verb, requestOf] of Object.entries(requests)) {
      const { status } = await server.send(...requestOf(path));
      if (status === 405) refused.push(verb);
    }
    expect(refused).toEqual([without]);
    const { body } = await server.send('GET', root);
    const found = (body.resources as { name: string; verbs: string[] }[]).find(
      ({ name }) => name === `without${without}`,
    );
    expect(found?.verbs).toEqual(objectVerbs.filter((verb) => verb !== without));
  });
});

it('takes watch in the query of one object for a watch', async () => {
  const path = (verb: string): string => `${root}/without${verb}/a?watch=true&timeoutSeconds=1`;
  expect((await server.send('GET', path('watch'))).status).toBe(405);
  expect((await server.send('HEAD', `${root}/withoutget/a`)).status).toBe(405);
  expect((await server.send('GET', path('get'))).status).toBe(200);
});

it('applies to what is there, but creates nothing of a kind without create', async () => {
  const path = `${root}/withoutcreate/a?fieldManager=test`;
  const object = { apiVersion: 'verbs.timonel.dev/v1', kind: 'Withoutcreate', metadata: { name: 'a' } };
  const apply = { type: 'application/apply-patch+yaml', body: object };
  expect((await server.send('PATCH', path, apply)).status).toBe(404);
  expect(
    (await server.send('PATCH', path.replace('create', 'get'), { ...apply, body: { ...object, kind: 'Withoutget' } }))
      .status,
  ).toBe(201);
});

it('serves of kinds that are never stored what they have, and nothing below them', async () => {
  const reviews = '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews';
  const bindings = '/api/v1/namespaces/default/bindings';
  const statuses = '/api/v1/componentstatuses';
  for (const [method, path] of [
    ['GET', reviews],
    ['GET', `${reviews}/a`],
    ['POST', `${reviews}/a`],
    ['DELETE', reviews],
    ['GET', bindings],
    ['PUT', `${bindings}/a`],
    ['POST', '/api/v1/bindings'],
    ['POST', statuses],
    ['DELETE', statuses],
    ['PATCH', `${statuses}/etcd-0`],
    ['GET', `${statuses}?watch=true`],
  ] as const) {
    expect([method, path, (await server.send(method, path, { body: {} })).status]).toEqual([method, path, 405]);
  }
  for (const path of [`${reviews}/a/b`, `${bindings}/a/b`, `${statuses}/etcd-0/status`])
    expect([path, (await server.send('GET', path)).status]).toEqual([path, 404]);
});
