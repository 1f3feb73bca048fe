import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { definePlugin, type AnyPlugin } from '@timonel/sdk';
import { healthSource } from '@timonel/sdk/contracts/health';
import { until } from '@timonel/testkit';
import metricsPrometheus from '@timonel/plugin-metrics-prometheus';
import { startApiServer, type TestApiServer } from '../support/api-server.ts';

const cm = '/api/v1/namespaces/default/configmaps';
let server: TestApiServer;
/** What the check of the plugin below says. */
let trouble: string | undefined;
let hangs = false;

const checked: AnyPlugin = definePlugin({
  name: 'checked',
  version: '1.0.0',
  apiVersion: 1,
  provides: { health: healthSource },
  setup: () => ({
    provides: {
      health: {
        checks: () => [
          {
            name: 'disk/space',
            kind: 'ready' as const,
            check: async () => {
              if (hangs) await new Promise(() => undefined);
              if (trouble !== undefined) throw new Error(trouble);
            },
          },
          { name: 'ping', kind: 'live' as const, check: () => Promise.reject(new Error('not the first of its name')) },
        ],
      },
    },
  }),
});

beforeAll(async () => {
  server = await startApiServer({ plugins: [metricsPrometheus, checked] });
});
afterAll(async () => {
  await server.stop();
});

/** The value of the series whose labels are among the given ones. */
async function value(name: string, labels: Readonly<Record<string, string>>): Promise<number> {
  const { text } = await server.send('GET', '/metrics');
  const lines = text.split('\n').filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `));
  const found = lines.filter((line) => Object.entries(labels).every(([key, own]) => line.includes(`${key}="${own}"`)));
  return found.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0);
}

describe('/metrics', () => {
  it('counts requests by verb, resource and code, as kube-apiserver does', async () => {
    const object = { metadata: { name: 'counted' }, data: { a: '1' } };
    expect((await server.send('POST', cm, { body: object })).status).toBe(201);
    expect((await server.send('POST', `${cm}?dryRun=All`, { body: { metadata: { name: 'dry' } } })).status).toBe(201);
    await server.send('GET', `${cm}/counted`);
    await server.send('GET', `${cm}/absent`);
    await server.send('GET', cm);
    const apply = { type: 'application/apply-patch+yaml', body: 'apiVersion: v1\nkind: ConfigMap\ndata: {b: "2"}' };
    expect((await server.send('PATCH', `${cm}/counted?fieldManager=test`, apply)).status).toBe(200);
    await server.send('DELETE', `${cm}?labelSelector=none`);
    const base = { resource: 'configmaps', group: '', version: 'v1', component: 'apiserver' };
    const counted: [Record<string, string>, number][] = [
      [{ verb: 'POST', code: '201', scope: 'resource', dry_run: '' }, 1],
      [{ verb: 'POST', code: '201', dry_run: 'All' }, 1],
      [{ verb: 'GET', code: '200' }, 1],
      [{ verb: 'GET', code: '404' }, 1],
      [{ verb: 'LIST', code: '200', scope: 'namespace' }, 1],
      [{ verb: 'APPLY', code: '200' }, 1],
      [{ verb: 'DELETECOLLECTION', code: '200' }, 1],
    ];
    for (const [labels, wanted] of counted) {
      expect([labels, await value('apiserver_request_total', { ...base, ...labels })]).toEqual([labels, wanted]);
    }
    expect(await value('apiserver_request_duration_seconds_count', { ...base, verb: 'GET' })).toBe(2);
    expect(await value('apiserver_resource_objects', { resource: 'configmaps' })).toBe(1);
  });

  it('knows open watches and the events they were sent', async () => {
    const labels = { verb: 'WATCH', resource: 'secrets' };
    const watch = server.watch('/api/v1/secrets?watch=true');
    const secrets = '/api/v1/namespaces/default/secrets';
    await until(async () => (await value('apiserver_longrunning_requests', labels)) === 1, {
      what: 'the watch to count',
    });
    await server.send('POST', secrets, { body: { metadata: { name: 'seen' } } });
    await until(async () => (await value('apiserver_watch_events_total', { resource: 'secrets' })) > 0, {
      what: 'the event to count',
    });
    expect(await value('apiserver_request_total', labels)).toBe(0);
    watch.stop();
    await until(async () => (await value('apiserver_longrunning_requests', labels)) === 0, {
      what: 'the watch to end',
    });
    expect(await value('apiserver_request_total', labels)).toBe(1);
    expect(await value('apiserver_request_duration_seconds_count', labels)).toBe(0);
  });

  it('keeps the number of series bounded, whatever is asked for', async () => {
    const series = async (): Promise<number> => {
      const { text } = await server.send('GET', '/metrics');
      return text.split('\n').filter((line) => line.startsWith('apiserver_request_total{')).length;
    };
    await server.send('GET', '/no/such/0');
    await server.send('GET', `${cm}/x/part0`);
    await server.send('GET', '/apis/none0/v1/things0');
    const before = await series();
    for (let turn = 1; turn < 20; turn++) {
      await server.send('GET', `/no/such/${turn}`);
      await server.send('GET', `${cm}/x/part${turn}`);
      await server.send('GET', `/apis/none${turn}/v1/things${turn}`);
    }
    expect(await series()).toBe(before);
  });

  it('shows the process, the plugins and their taps', async () => {
    expect(await value('process_resident_memory_bytes', {})).toBeGreaterThan(1e6);
    expect(await value('timonel_plugin_state', { plugin: 'apiserver', state: 'running' })).toBe(1);
    const taps = { hook: 'api.object.validate', plugin: 'admission-namespace' };
    expect(await value('timonel_hook_duration_seconds_count', taps)).toBeGreaterThan(0);
    expect(await value('timonel_service_calls_total', { service: 'store' })).toBeGreaterThan(0);
  });

  it('is described in the reference', async () => {
    const page = readFileSync(join(import.meta.dirname, '..', '..', 'docs', 'reference', 'metrics.md'), 'utf8');
    const { text } = await server.send('GET', '/metrics');
    const names = [...text.matchAll(/^# TYPE (\w+) /gm)].map(([, name]) => name);
    expect(names.length).toBeGreaterThan(30);
    expect(names.filter((name) => !page.includes(`\`${name}\``))).toEqual([]);
  });

  it('speaks OpenMetrics to those who ask, and to nobody without credentials', async () => {
    const plain = await server.send('GET', '/metrics');
    expect(plain.headers['content-type']).toBe('text/plain; version=0.0.4; charset=utf-8');
    const open = await server.send('GET', '/metrics', { headers: { accept: 'application/openmetrics-text' } });
    expect(open.headers['content-type']).toContain('application/openmetrics-text; version=1.0.0');
    expect(open.text).toContain('# TYPE apiserver_request counter\n');
    expect(open.text.endsWith('# EOF\n')).toBe(true);
    expect((await server.send('GET', '/metrics', { token: null })).status).toBe(401);
  });
});

describe('health', () => {
  const anonymous = { token: null };

  it('names each check when asked, those of plugins too', async () => {
    const { text } = await server.send('GET', '/readyz?verbose', anonymous);
    const lines = text.split('\n');
    expect(lines.slice(0, 2)).toEqual(['[+]ping ok', '[+]store ok']);
    expect(lines.slice(2, 4).sort()).toEqual(['[+]disk/space ok', '[+]plugins ok']);
    expect(lines.slice(4)).toEqual(['readyz check passed', '']);
    const live = await server.send('GET', '/livez?verbose', anonymous);
    expect(live.text).toBe('[+]ping ok\nlivez check passed\n');
  });

  it('fails without telling strangers why', async () => {
    trouble = 'the disk is full';
    try {
      const ready = await server.send('GET', '/readyz', anonymous);
      expect(ready.status).toBe(500);
      expect(ready.text).toContain('[+]store ok\n');
      expect(ready.text).toContain('[-]disk/space failed: reason withheld\n');
      expect(ready.text.endsWith('readyz check failed\n')).toBe(true);
      expect(ready.text).not.toContain(trouble);
      expect(await server.send('GET', '/livez', anonymous)).toMatchObject({ status: 200, text: 'ok' });
      const excluded = await server.send('GET', '/readyz?verbose&exclude=disk/space&exclude=nothing', anonymous);
      expect(excluded).toMatchObject({ status: 200 });
      expect(excluded.text).toContain('[+]disk/space excluded: ok\n');
      expect(excluded.text).toContain('warn: some health checks cannot be excluded: no matches for "nothing"\n');
      const alone = await server.send('GET', '/readyz/disk/space');
      expect(alone).toMatchObject({ status: 500, text: 'internal server error: the disk is full\n' });
      expect((await server.send('GET', '/readyz/disk/space', anonymous)).status).toBe(401);
    } finally {
      trouble = undefined;
    }
    expect(await server.send('GET', '/readyz/disk/space')).toMatchObject({ status: 200, text: 'ok' });
    expect((await server.send('GET', '/livez/disk/space')).status).toBe(404);
  });

  it('does not wait for a check that hangs', async () => {
    hangs = true;
    try {
      expect(await server.send('GET', '/readyz/disk/space')).toMatchObject({
        status: 500,
        text: 'internal server error: timed out\n',
      });
    } finally {
      hangs = false;
    }
  });
});

describe('who asks and which request it was', () => {
  it('tells its version to everybody', async () => {
    expect((await server.send('GET', '/version', { token: null })).body).toMatchObject({ major: '1', minor: '35' });
    expect((await server.send('GET', '/api', { token: null })).status).toBe(401);
  });

  it('names each request by an Audit-Id, its own or that of the client', async () => {
    const ids = [await server.send('GET', cm), await server.send('GET', cm, { token: null })].map(
      ({ headers }) => headers['audit-id'],
    );
    for (const id of ids) expect(id).toMatch(/^[0-9a-f-]{36}$/);
    expect(ids[0]).not.toBe(ids[1]);
    const own = await server.send('GET', cm, { headers: { 'audit-id': 'mine-1' } });
    expect(own.headers['audit-id']).toBe('mine-1');
    const bad = await server.send('GET', cm, { headers: { 'audit-id': 'a b<script>' } });
    expect(bad.headers['audit-id']).toMatch(/^[0-9a-f-]{36}$/);
  });
});
