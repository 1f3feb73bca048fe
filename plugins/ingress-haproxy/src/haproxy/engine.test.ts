/** A real haproxy: it fails where none is installed (Debian: apt install haproxy). */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { until } from '@timonel/testkit';
import type { Behaviour, Route } from '../routing/model.ts';
import {
  ask,
  sendRaw,
  routeTo,
  startBed,
  startPod,
  upstreamsOf,
  type Ask,
  type Bed,
  type Pod,
} from '../testing/bed.ts';

describe('haproxy with a table of routes', () => {
  let bed: Bed;
  let pods: readonly [Pod, Pod, Pod];

  beforeAll(async () => {
    bed = await startBed();
    pods = [await startPod('one'), await startPod('two'), await startPod('three')];
  });
  afterAll(async () => {
    await bed[Symbol.asyncDispose]();
    for (const pod of pods) await pod[Symbol.asyncDispose]();
  });

  const upstreams = (): ReturnType<typeof upstreamsOf> =>
    upstreamsOf({ one: [pods[0]], two: [pods[1]], three: [pods[2]] });
  const podOf = async (what: Ask): Promise<string | number> => {
    const answer = await ask(bed.port, what);
    return answer.seen?.pod ?? answer.status;
  };
  const route = (upstream: string, more: Partial<Route>): Route => routeTo(bed.port, upstream, more);
  const behaving = (behaviour: Behaviour, more: Partial<Route> = {}): Route =>
    route('one', { target: { kind: 'choices', choices: [{ upstream: 'one', weight: 1, behaviour }] }, ...more });

  it('finds the route by host and path, the more special first', async () => {
    const exact = { kind: 'exact', name: 'a.example.com' } as const;
    await bed.serve({
      upstreams: upstreams(),
      routes: [
        route('one', { host: exact }),
        route('two', { host: exact, path: { kind: 'prefix', value: '/foo' } }),
        route('three', { host: exact, path: { kind: 'exact', value: '/foo' } }),
        route('two', { host: { kind: 'one-label', name: 'example.com' }, path: { kind: 'prefix', value: '/wild/' } }),
        route('three', {
          host: { kind: 'many-labels', name: 'example.com' },
          path: { kind: 'prefix', value: '/deep' },
        }),
        route('one', { path: { kind: 'prefix', value: '/everywhere' } }),
      ],
    });
    const found = await Promise.all(
      [
        ['a.example.com', '/'],
        ['A.EXAMPLE.com:8080', '/foobar'],
        ['a.example.com', '/foo'],
        ['a.example.com', '/foo?x=/'],
        ['a.example.com', '/foo/'],
        ['a.example.com', '/foo/bar'],
        ['b.example.com', '/wild'],
        ['b.c.example.com', '/wild'],
        ['b.example.com', '/deep/x'],
        ['b.c.example.com', '/deep'],
        ['b.c.example.com', '/everywhere/x'],
        ['example.com', '/deep'],
        ['other.test', '/everywhere'],
      ].map(([host = '', path = '']) => podOf({ host, path })),
    );
    expect(found).toEqual([
      'one',
      'one',
      'three',
      'three',
      'two',
      'two',
      'two',
      404,
      'three',
      'three',
      'one',
      404,
      'one',
    ]);
  });

  it('looks at methods, headers and queries, and falls back to shorter paths and wider hosts', async () => {
    const host = { kind: 'exact', name: 'a.example.com' } as const;
    const path = { kind: 'prefix', value: '/a/b' } as const;
    await bed.serve({
      upstreams: upstreams(),
      routes: [
        route('two', { host, path, conditions: [{ on: 'header', name: 'x-v', value: 'a } b " \\ %[src] #' }] }),
        route('three', { host, path, conditions: [{ on: 'method', name: '', value: 'POST' }] }),
        route('three', { host, path, conditions: [{ on: 'query', name: 'q', value: '1 2' }] }),
        route('one', { host, path: { kind: 'prefix', value: '/a' } }),
        route('two', { host: { kind: 'many-labels', name: 'example.com' }, path: { kind: 'prefix', value: '/c' } }),
        route('three', {
          host,
          path: { kind: 'prefix', value: '/c' },
          conditions: [{ on: 'header', name: 'x-v', value: '1' }],
        }),
      ],
    });
    expect(await podOf({ path: '/a/b', headers: { 'x-v': 'a } b " \\ %[src] #' } })).toBe('two');
    expect(await podOf({ path: '/a/b', headers: { 'x-v': 'a' } })).toBe('one');
    expect(await podOf({ path: '/a/b/c', method: 'POST' })).toBe('three');
    expect(await podOf({ path: '/a/b?q=1%202' })).toBe('three');
    expect(await podOf({ path: '/a/b?q=1' })).toBe('one');
    expect(await podOf({ path: '/c', headers: { 'x-v': '1' } })).toBe('three');
    expect(await podOf({ path: '/c', headers: { 'x-v': '2' } })).toBe('two');
    expect(await podOf({ path: '/d' })).toBe(404);
  });

  it('tells pods who asks, and believes no stranger about it', async () => {
    await bed.serve({ upstreams: upstreams(), routes: [route('one', {})] });
    const { seen } = await ask(bed.port, {
      headers: { 'x-forwarded-for': '192.0.2.1', 'x-forwarded-proto': 'https', forwarded: 'for=x' },
    });
    expect(seen?.headers).toMatchObject({
      host: 'a.example.com',
      'x-forwarded-for': '127.0.0.1',
      'x-forwarded-proto': 'http',
      'x-forwarded-host': 'a.example.com',
      'x-real-ip': '127.0.0.1',
    });
    expect(seen?.headers).not.toHaveProperty('forwarded');
  });

  it('changes headers, hosts and paths as they are, whatever is in them', async () => {
    const nasty = `a "b" 'c' \\ %[src] $HOME # ä }`;
    const cases: [Behaviour, string, string][] = [
      [{ path: { kind: 'prefix', from: '/p', to: '/q' } }, '/p/x?y=1', '/q/x?y=1'],
      [{ path: { kind: 'prefix', from: '/p', to: '/q' } }, '/p', '/q'],
      [{ path: { kind: 'prefix', from: '/p', to: '/' } }, '/p', '/'],
      [{ path: { kind: 'prefix', from: '/p', to: '/' } }, '/p/p', '/p'],
      [{ path: { kind: 'prefix', from: '/', to: '/q' } }, '/p', '/q/p'],
      [{ path: { kind: 'full', to: '/a%20b' } }, '/p/x?y=1', '/a%20b?y=1'],
    ];
    for (const [behaviour, path, expected] of cases) {
      await bed.serve({ upstreams: upstreams(), routes: [behaving(behaviour)] });
      expect((await ask(bed.port, { path })).seen?.url).toBe(expected);
    }
    const requestHeaders = { set: { 'x-set': nasty }, add: { 'x-add': '2' }, remove: ['x-gone'] };
    const responseHeaders = { set: { 'x-back': '100%' } };
    await bed.serve({
      upstreams: upstreams(),
      routes: [behaving({ hostname: 'inner.test', requestHeaders, responseHeaders })],
    });
    const { seen, headers } = await ask(bed.port, { headers: { 'x-gone': '1', 'x-set': '0', 'x-add': '1' } });
    expect(Buffer.from(String(seen?.headers['x-set']), 'latin1').toString('utf8')).toBe(nasty);
    expect(seen?.headers).toMatchObject({ host: 'inner.test', 'x-add': '1, 2' });
    expect(seen?.headers).not.toHaveProperty('x-gone');
    expect(headers['x-back']).toBe('100%');
  });

  it('redirects', async () => {
    const redirect = (target: Extract<Route['target'], { kind: 'redirect' }>['redirect']): Route =>
      route('', { target: { kind: 'redirect', redirect: target } });
    const locationOf = async (path: string): Promise<unknown> => {
      const { status, headers } = await ask(bed.port, { path });
      return [status, headers.location];
    };
    await bed.serve({ upstreams: upstreams(), routes: [redirect({ status: 308, scheme: 'https' })] });
    expect(await locationOf('/x?y=1')).toEqual([308, 'https://a.example.com/x?y=1']);
    const path = { kind: 'prefix', from: '/p', to: '/q' } as const;
    await bed.serve({
      upstreams: upstreams(),
      routes: [redirect({ status: 302, hostname: 'b.test', port: 8443, path })],
    });
    expect(await locationOf('/p/x')).toEqual([302, 'http://b.test:8443/q/x']);
  });

  it('splits requests by weights, and keeps clients with a cookie at their pod', async () => {
    const choices = [
      { upstream: 'one', weight: 3, behaviour: {} },
      { upstream: 'two', weight: 1, behaviour: {} },
    ];
    await bed.serve({ upstreams: upstreams(), routes: [route('', { target: { kind: 'choices', choices } })] });
    const counts: Record<string, number> = {};
    for (let i = 0; i < 200; i++) {
      const pod = String(await podOf({}));
      counts[pod] = (counts[pod] ?? 0) + 1;
    }
    expect(counts['one']).toBeGreaterThan(115);
    expect(counts['one']).toBeLessThan(185);
    await bed.serve({ upstreams: upstreamsOf({ one: pods }), routes: [behaving({ cookie: 'STICK' })] });
    const first = await ask(bed.port);
    const cookie = String(first.headers['set-cookie']).split(';')[0] ?? '';
    expect(cookie).toMatch(/^STICK=[0-9a-f]+$/);
    for (let i = 0; i < 20; i++) {
      const again = await ask(bed.port, { headers: { cookie } });
      expect([again.seen?.pod, again.seen?.headers.cookie]).toEqual([first.seen?.pod, undefined]);
    }
  });

  it('takes endpoints through its socket, without a reload and without a failed request', async () => {
    const routes = [route('one', {})];
    await bed.serve({ routes, upstreams: upstreamsOf({ one: [pods[0]] }) });
    const { reloads } = bed.engine.status;
    const listeners = [{ port: bed.port, tls: false, certificates: [] }];
    let failed = 0;
    let asked = 0;
    const over = new AbortController();
    const load = (async () => {
      while (!over.signal.aborted) {
        asked += 1;
        if ((await ask(bed.port).catch(() => undefined))?.status !== 200) failed += 1;
      }
    })();
    const sets = [[pods[0], pods[1]], [pods[1]], [pods[1], pods[2]], [pods[2]], [...pods], [pods[0]]];
    for (const set of [...sets, ...sets, ...sets]) {
      bed.engine.update({ routes, listeners, upstreams: upstreamsOf({ one: set }) });
      const names = new Set(set.map(({ name }) => name));
      let inRow = 0;
      await until(async () => (inRow = names.has(String(await podOf({}))) ? inRow + 1 : 0) >= 5, {
        what: `answers of ${[...names].join()}`,
      });
    }
    over.abort();
    await load;
    // The first update has another route in its table: that is a reload.
    expect([failed, bed.engine.status.reloads - reloads]).toEqual([0, 1]);
    expect(asked).toBeGreaterThan(20);
  });

  it('answers at once where there is no pod, and serves more pods than it had room for', async () => {
    const routes = [route('one', {})];
    await bed.serve({ routes, upstreams: upstreamsOf({ one: [] }) });
    expect(await podOf({})).toBe(503);
    const many = Array.from({ length: 40 }, () => pods[0]).map((pod, index) => ({
      address: `127.0.0.${index + 1}`,
      port: pod.port,
    }));
    await bed.serve({ routes, upstreams: upstreamsOf({ one: many }) });
    expect(await podOf({})).toBe('one');
  });

  it('tries idempotent requests again at another pod, and no others', async () => {
    const { createServer } = await import('node:net');
    let cut = 0;
    const broken = createServer((socket) => {
      socket.once('data', () => {
        cut += 1;
        socket.destroy();
      });
    });
    await new Promise<void>((resolve) => {
      broken.listen(0, '127.0.0.1', resolve);
    });
    const { port } = broken.address() as { port: number };
    await bed.serve({
      routes: [route('one', {})],
      upstreams: upstreamsOf({ one: [{ address: '127.0.0.1', port }, pods[0]] }),
    });
    for (let i = 0; i < 30; i++) expect((await ask(bed.port)).status).toBe(200);
    expect(cut).toBeGreaterThan(0);
    const posts = await Promise.all(Array.from({ length: 30 }, () => ask(bed.port, { method: 'POST' })));
    expect(new Set(posts.map(({ status }) => status))).toEqual(new Set([200, 502]));
    broken.close();
  });

  it('refuses what proxies and pods may understand differently', async () => {
    await bed.serve({ routes: [route('one', {})], upstreams: upstreams() });
    const head = 'Host: a.example.com\r\nConnection: close\r\n';
    const both = `POST / HTTP/1.1\r\n${head}Content-Length: 4\r\nContent-Length: 5\r\n\r\nabcde`;
    expect(await sendRaw(bed.port, both)).toContain('400');
    expect(await sendRaw(bed.port, `GET /a/../b HTTP/1.1\r\n${head}\r\n`)).toContain('400');
    expect(await sendRaw(bed.port, `GET /a/%2e%2e/b HTTP/1.1\r\n${head}\r\n`)).toContain('400');
    expect(await sendRaw(bed.port, `GET / HTTP/1.1\r\n${head}X-Long: ${'x'.repeat(40_000)}\r\n\r\n`)).toContain('400');
    expect(await podOf({})).toBe('one');
  });

  it('is started anew when it dies, and taken over by the next process', async () => {
    await bed.serve({ routes: [route('one', {})], upstreams: upstreams() });
    const pid = (): number => Number(readFileSync(join(bed.dataDir, 'haproxy.pid'), 'utf8'));
    const first = pid();
    process.kill(first, 'SIGKILL');
    await until(async () => pid() !== first && (await podOf({})) === 'one', { what: 'haproxy to serve again' });
    const second = pid();
    await using next = await startBed({}, bed.dataDir);
    await next.serve({ routes: [routeTo(next.port, 'two')], upstreams: upstreams() });
    expect(pid()).toBe(second);
    expect((await ask(next.port)).seen?.pod).toBe('two');
  });
});
