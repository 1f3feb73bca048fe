/** A real haproxy in front of small servers that stand for pods. */
import { createServer, request, type IncomingHttpHeaders } from 'node:http';
import { createServer as createHttp2Server } from 'node:http2';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createRealEnv } from '@timonel/core';
import { createRecordingLogger, until } from '@timonel/testkit';
import { freePort } from '@timonel/testkit/free-port';
import { Engine, type EngineOptions } from '../haproxy/engine.ts';
import type { Endpoint, Route, RoutingTable, Upstream, UpstreamProtocol } from '../routing/model.ts';

/** What a pod saw of a request. */
export interface Seen {
  readonly pod: string;
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  /** Of a pod. */
  readonly seen: Seen | undefined;
}

export interface Pod extends Endpoint, AsyncDisposable {
  readonly name: string;
}

/** Answers what it saw. */
export async function startPod(name: string, protocol: 'http' | 'h2c' = 'http'): Promise<Pod> {
  const answer = (
    incoming: { method?: string | undefined; url?: string | undefined; headers: object },
    end: (text: string) => void,
  ): void => {
    const { method, url, headers } = incoming;
    end(JSON.stringify({ pod: name, method, url, headers }));
  };
  const server =
    protocol === 'http'
      ? createServer((incoming, response) => answer(incoming, (text) => response.end(text)))
      : createHttp2Server((incoming, response) => answer(incoming, (text) => response.end(text)));
  await new Promise<void>((resolve) => {
    server.listen(0, '0.0.0.0', resolve);
  });
  return {
    name,
    address: '127.0.0.1',
    port: (server.address() as AddressInfo).port,
    [Symbol.asyncDispose]: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        if ('closeAllConnections' in server) server.closeAllConnections();
      }),
  };
}

export interface Ask {
  readonly host?: string;
  readonly path?: string;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** One request on a connection of its own. */
export function ask(
  port: number,
  { host = 'a.example.com', path = '/', method = 'GET', headers = {} }: Ask = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const options = { host: '127.0.0.1', port, path, method, agent: false as const, headers: { host, ...headers } };
    const sent = request(options, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (part: string) => (text += part));
      response.on('end', () => {
        const { statusCode: status = 0, headers: received } = response;
        resolve({
          status,
          headers: received,
          text,
          seen: text.startsWith('{') ? (JSON.parse(text) as Seen) : undefined,
        });
      });
    });
    sent.on('error', reject);
    sent.end();
  });
}

/** Sends bytes as they are; answers all that comes back. */
export function sendRaw(port: number, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1');
    let answer = '';
    socket.setEncoding('utf8').on('data', (part: string) => (answer += part));
    socket.on('error', reject).on('close', () => resolve(answer));
    socket.end(text);
  });
}

export const anyHost = { kind: 'any', name: '' } as const;

let routes = 0;

/** A route to an upstream, or as `more` says. */
export function routeTo(port: number, upstream: string, more: Partial<Route> = {}): Route {
  return {
    ports: [port],
    host: anyHost,
    path: { kind: 'prefix', value: '/' },
    conditions: [],
    target: { kind: 'choices', choices: [{ upstream, weight: 1, behaviour: {} }] },
    order: String(routes++).padStart(6, '0'),
    ...more,
  };
}

export function upstreamsOf(
  named: Readonly<Record<string, readonly Endpoint[]>>,
  protocol: UpstreamProtocol = 'http',
): Map<string, Upstream> {
  return new Map(Object.entries(named).map(([id, endpoints]) => [id, { id, protocol, endpoints }]));
}

export interface Bed extends AsyncDisposable {
  readonly port: number;
  readonly engine: Engine;
  readonly dataDir: string;
  /** Serves these routes at `port`, and waits until they are. */
  serve(table: Partial<RoutingTable> & Pick<RoutingTable, 'routes' | 'upstreams'>): Promise<void>;
}

export const plainOptions: EngineOptions['render'] = {
  addresses: ['127.0.0.1'],
  maxConnections: 200,
  threads: 1,
  drainSeconds: 30,
  serverTimeoutMs: 5_000,
  tunnelTimeoutMs: 5_000,
  trustedProxies: [],
  acceptProxy: false,
};

export async function startBed(render: Partial<EngineOptions['render']> = {}, dataDir?: string): Promise<Bed> {
  const port = await freePort();
  const directory = dataDir ?? mkdtempSync(join(tmpdir(), 'in-'));
  const stop = new AbortController();
  const env = createRealEnv();
  const watched: { cancel(): void }[] = [];
  const engine = new Engine({
    env: {
      ...env,
      timers: {
        after: (ms, fn) => env.timers.after(ms, fn),
        sleep: (ms, signal) => env.timers.sleep(ms, signal),
        every(ms, fn) {
          const handle = env.timers.every(ms, fn);
          watched.push(handle);
          return handle;
        },
      },
    },
    log: createRecordingLogger(),
    signal: stop.signal,
    program: 'haproxy',
    dataDir: directory,
    socketDir: directory,
    render: { ...plainOptions, ...render },
    confine: false,
    reloadPauseMs: 0,
  });
  await engine.start();
  let served = 0;
  return {
    port,
    engine,
    dataDir: directory,
    async serve(table) {
      const mark = `/mark-${++served}`;
      const listeners = table.listeners ?? [{ port, tls: false, certificates: [] }];
      const marked = routeTo(port, '', {
        host: { kind: 'exact', name: 'mark.test' },
        path: { kind: 'exact', value: mark },
        target: { kind: 'status', status: 503 },
      });
      engine.update({ ...table, listeners, routes: [...table.routes, marked] });
      const isServed = async (): Promise<boolean> =>
        (await ask(port, { host: 'mark.test', path: mark })).status === 503;
      await engine.settled();
      await until(isServed, { what: `the configuration to be served (${engine.status.lastError ?? 'no error'})` });
    },
    async [Symbol.asyncDispose]() {
      stop.abort();
      for (const handle of watched) handle.cancel();
      await engine.stop(false);
      if (dataDir === undefined) rmSync(directory, { recursive: true, force: true });
    },
  };
}
