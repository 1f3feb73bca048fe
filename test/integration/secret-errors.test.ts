/** What is wrong with a Secret is said without its words: answers lie in logs of those who ask. */
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { startApiServer, type Answer, type TestApiServer } from '../support/api-server.ts';

const planted = 'Planted+7xK';
const path = '/api/v1/namespaces/default/secrets';
let server: TestApiServer;

beforeAll(async () => {
  server = await startApiServer();
  await server.send('POST', path, { body: { metadata: { name: 'one' }, data: { word: 'YQ==' } } });
});
afterAll(async () => {
  await server.stop();
});

function expectUnsaid({ status, text }: Answer): void {
  expect(status).toBeGreaterThanOrEqual(400);
  expect(status).toBeLessThan(500);
  expect(text).not.toMatch(/Plan/);
}

const json = 'kubernetes.io/dockerconfigjson';
it.each<object>([
  { data: { word: planted } },
  { data: { word: [planted] } },
  { data: planted },
  { stringData: { word: { inner: planted } } },
  { stringData: planted },
  { immutable: planted },
  { metadata: planted },
  { type: json, stringData: { '.dockerconfigjson': `{"auths": ${planted}` } },
  { type: 'kubernetes.io/dockercfg', data: { '.dockercfg': Buffer.from(planted).toString('base64') } },
  { type: 'kubernetes.io/tls', stringData: { 'tls.key': planted } },
  { type: 'kubernetes.io/basic-auth', stringData: { word: planted } },
])('a new one: %j', async (object) => {
  expectUnsaid(await server.send('POST', path, { body: { metadata: { name: 'two' }, ...object } }));
});

it.each([
  `{"data": "${planted}"`,
  planted,
  `[${planted}]`,
  `{"data": {"word": ${planted}}}`,
  `{"data": {"word":\n${planted}\n}}`,
])('a body that is none: %j', async (body) => {
  expectUnsaid(await server.send('POST', path, { body }));
  expectUnsaid(await server.send('POST', path, { body, type: 'application/yaml' }));
});

it.each<readonly [string, unknown]>([
  ['json-patch+json', [{ op: 'test', path: '/data/word', value: planted }]],
  ['json-patch+json', [{ op: 'replace', path: '/data', value: planted }]],
  ['json-patch+json', [{ op: 'add', path: '/nowhere/x', value: planted }]],
  ['merge-patch+json', { data: { word: { inner: planted } } }],
  ['merge-patch+json', { data: planted }],
  ['strategic-merge-patch+json', { data: [planted] }],
  ['strategic-merge-patch+json', { stringData: planted }],
  ['apply-patch+yaml', { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'one' }, data: planted }],
])('a change by %s: %j', async (type, body) => {
  const answer = await server.send('PATCH', `${path}/one?fieldManager=test`, { body, type: `application/${type}` });
  expectUnsaid(answer);
});
