/** The audit log of a server: what is kept of which request, and what never is. */
import { afterEach, describe, expect, it } from '@jest/globals';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import auditLog from '@timonel/plugin-audit-log';
import authzRbac from '@timonel/plugin-authz-rbac';
import { definePlugin } from '@timonel/sdk';
import { routeProvider } from '@timonel/sdk/contracts/api-server';
import { until } from '@timonel/testkit';
import { startApiServer, type TestApiServer } from '../support/api-server.ts';

// oxlint-disable-next-line no-explicit-any
type Event = any;

const maps = '/api/v1/namespaces/default/configmaps';
const secrets = '/api/v1/namespaces/default/secrets';
const planted = 'planted-7c41';
const encoded = Buffer.from(planted).toString('base64');
let directory: string;
let server: TestApiServer;

/** Routes for strangers, which answer what they are sent. */
const openRoutes = definePlugin({
  name: 'open-routes',
  version: '0.1.0',
  apiVersion: 1,
  provides: { routes: routeProvider },
  setup() {
    const routes = ['/join/v1/test', '/open'].map((path) => ({
      method: 'POST' as const,
      path,
      anonymous: true,
      handle: ({ body }: { body: unknown }) => Promise.resolve({ kind: 'object' as const, status: 200, object: body }),
    }));
    return { provides: { routes: { routes: () => routes } } };
  },
});

interface Serving {
  readonly rules?: readonly object[];
  readonly more?: Readonly<Record<string, unknown>>;
}

async function serve({ rules, more = {} }: Serving = {}): Promise<void> {
  directory = mkdtempSync(join(tmpdir(), 'timonel-audit-'));
  const policyFile = join(directory, 'policy.yaml');
  writeFileSync(policyFile, JSON.stringify({ apiVersion: 'audit.k8s.io/v1', kind: 'Policy', rules }));
  const config = { path: join(directory, 'log', 'audit.log'), ...(rules === undefined ? {} : { policyFile }), ...more };
  server = await startApiServer({ plugins: [auditLog, authzRbac, openRoutes], config: { 'audit-log': config } });
}

function text(): string {
  const folder = join(directory, 'log');
  return readdirSync(folder)
    .map((name) => readFileSync(join(folder, name), 'utf8'))
    .join('');
}

const events = (): Event[] =>
  text()
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));

function found(fits: (event: Event) => boolean): Promise<Event> {
  return until(() => events().find(fits), { what: 'the event' });
}

const map = (name: string, data: object = {}): object => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name },
  data,
});
const secret = (name: string, data: object): object => ({ apiVersion: 'v1', kind: 'Secret', metadata: { name }, data });

afterEach(async () => {
  await server.stop();
  rmSync(directory, { recursive: true, force: true });
});

describe('the audit log', () => {
  it('tells who changed what, for whom, and how it was decided', async () => {
    await serve();
    const headers = {
      'audit-id': 'mine-1',
      'user-agent': 'tester/1',
      'impersonate-user': 'jane',
      'impersonate-group': 'crew',
    };
    await server.send('POST', maps, { body: map('a'), headers });
    await server.send('POST', maps, { body: map('b') });
    await server.send('GET', `${maps}/b`);
    const refused = await found(({ auditID }) => auditID === 'mine-1');
    expect(refused).toMatchObject({
      kind: 'Event',
      apiVersion: 'audit.k8s.io/v1',
      level: 'Metadata',
      stage: 'ResponseComplete',
      requestURI: maps,
      verb: 'create',
      user: { groups: expect.arrayContaining(['system:masters']) },
      impersonatedUser: { username: 'jane', groups: ['crew', 'system:authenticated'] },
      sourceIPs: ['127.0.0.1'],
      userAgent: 'tester/1',
      objectRef: { resource: 'configmaps', namespace: 'default', apiVersion: 'v1' },
      responseStatus: { code: 403, reason: 'Forbidden', message: expect.stringContaining('"jane" cannot create') },
      annotations: { 'authorization.k8s.io/decision': 'forbid' },
      requestReceivedTimestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:]+\.\d{6}Z$/),
    });
    const done = await found(({ responseStatus }) => responseStatus?.code === 201);
    expect(done.annotations).toEqual({ 'authorization.k8s.io/decision': 'allow' });
    // Reads are not kept by the default policy.
    expect(events().filter(({ verb }) => verb === 'get')).toEqual([]);
  });

  it('keeps bodies where the policy wants them, and stages of watches', async () => {
    await serve({
      rules: [
        { level: 'None', users: ['nobody'] },
        { level: 'RequestResponse', resources: [{ group: '', resources: ['configmaps'] }], omitManagedFields: true },
        { level: 'Metadata', nonResourceURLs: ['/version*'] },
      ],
    });
    const watch = server.watch(`${maps}?watch=1`);
    await found(({ stage, verb }) => stage === 'ResponseStarted' && verb === 'watch');
    watch.stop();
    await found(({ stage, verb }) => stage === 'ResponseComplete' && verb === 'watch');
    await server.send('POST', maps, { body: map('a', { x: 'y' }) });
    const created = await found(({ stage, verb }) => stage === 'ResponseComplete' && verb === 'create');
    expect(created.requestObject).toEqual(map('a', { x: 'y' }));
    expect(created.responseObject).toMatchObject({ kind: 'ConfigMap', metadata: { uid: expect.any(String) } });
    expect(created.responseObject.metadata.managedFields).toBeUndefined();
    await server.send('GET', '/version');
    await server.send('POST', secrets, { body: secret('s', {}) });
    await server.send('DELETE', `${maps}/a`);
    await found(({ stage, verb }) => stage === 'ResponseComplete' && verb === 'delete');
    expect(events().some(({ objectRef }) => objectRef?.resource === 'secrets')).toBe(false);
  });

  it('tells of requests of nobody', async () => {
    await serve({ rules: [{ level: 'Metadata' }] });
    await server.send('GET', maps, { token: 'wrong' });
    const event = await found(
      ({ stage, responseStatus }) => stage === 'ResponseComplete' && responseStatus.code === 401,
    );
    expect(event).toMatchObject({ user: {}, verb: 'get', requestURI: maps });
  });

  it('tells of strangers that were let in, but not what is sent to join', async () => {
    await serve({ rules: [{ level: 'RequestResponse', omitStages: ['RequestReceived'] }] });
    const body = { token: planted };
    for (const path of ['/join/v1/test', '/open'])
      expect(await server.send('POST', path, { body, token: null })).toMatchObject({ status: 200, body });
    const open = await found(({ requestURI }) => requestURI === '/open');
    expect(open).toMatchObject({
      verb: 'post',
      user: { username: 'system:anonymous', groups: ['system:unauthenticated'] },
      responseStatus: { code: 200 },
      annotations: { 'authorization.k8s.io/decision': 'allow' },
      requestObject: body,
      responseObject: body,
    });
    const joined = await found(({ requestURI }) => requestURI === '/join/v1/test');
    expect(joined).toMatchObject({ level: 'Metadata', responseStatus: { code: 200 } });
    expect(JSON.stringify(joined)).not.toContain(planted);
  });

  it('never has values of Secrets or tokens in it, whatever the policy says', async () => {
    await serve({ rules: [{ level: 'RequestResponse' }] });
    await server.send('POST', secrets, { body: secret('s', { password: encoded }) });
    await server.send('PUT', `${secrets}/s`, { body: secret('s', { password: encoded, 'no name!': encoded }) });
    await server.send('PATCH', `${secrets}/s`, {
      body: { data: { more: encoded } },
      type: 'application/merge-patch+json',
    });
    await server.send('POST', secrets, { body: secret('t', { password: planted + encoded }) });
    await server.send('GET', secrets);
    const account = '/api/v1/namespaces/default/serviceaccounts';
    await server.send('POST', account, { body: { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'a' } } });
    const request = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: {} };
    const { body } = await server.send('POST', `${account}/a/token`, { body: request });
    const review = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenReview', spec: { token: body.status.token } };
    await server.send('POST', '/apis/authentication.k8s.io/v1/tokenreviews', { body: review });
    await server.send('DELETE', `${secrets}/s`);
    await found(({ verb, stage }) => verb === 'delete' && stage === 'ResponseComplete');
    for (const value of [planted, encoded, body.status.token as string]) expect(text()).not.toContain(value);
    const kinds = new Set(events().map(({ objectRef }) => [objectRef?.resource, objectRef?.subresource].join('/')));
    expect([...kinds]).toEqual(expect.arrayContaining(['secrets/', 'serviceaccounts/token', 'tokenreviews/']));
  });

  it('puts full files aside, and keeps as many as it is told', async () => {
    await serve({ rules: [{ level: 'RequestResponse' }], more: { maxSizeMiB: 1, maxFiles: 1 } });
    const large = map('large', { text: 'x'.repeat(250_000) });
    await server.send('POST', maps, { body: large });
    for (let count = 0; count < 6; count += 1) await server.send('PUT', `${maps}/large`, { body: large });
    const names = (): string[] => readdirSync(join(directory, 'log')).toSorted();
    await until(() => events().at(-1)?.verb === 'update' && names().length === 2, { what: 'files to be put aside' });
    expect(names()[1]).toMatch(/^audit\.log\.\d{4}-\d\d-\d\dT\d{6}Z(\.\d{4})?$/);
  });

  it('does not start with a policy that is none', async () => {
    await serve();
    const wrong = [{ level: 'Everything' }];
    const config = { policyFile: join(directory, 'wrong.yaml') };
    writeFileSync(config.policyFile, JSON.stringify({ apiVersion: 'audit.k8s.io/v1', kind: 'Policy', rules: wrong }));
    const other = await startApiServer({ plugins: [auditLog], config: { 'audit-log': config } });
    try {
      expect(JSON.stringify(other.kernel.report)).toContain('is no audit policy: rules.0.level');
    } finally {
      await other.stop();
    }
  });
});
