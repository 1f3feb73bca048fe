import { createServer as createHttp, type RequestListener } from 'node:http';
import { createServer as createHttp2, type ServerHttp2Stream } from 'node:http2';
import { createServer as createTcp, type AddressInfo } from 'node:net';
import { PassThrough } from 'node:stream';
import { afterEach, describe, expect, it } from '@jest/globals';
import type { ContainerRuntime, ExecSession } from '@timonel/sdk/contracts/runtime';
import type { Probe } from '@timonel/sdk/kube';
import { createRealEnv } from '@timonel/core';
import { container } from '../plan/testing.ts';
import { probeEvent } from './probe-event.ts';
import type { ProbeResult, ProbeTarget } from './probe-target.ts';
import { runHook, runProbe } from './run-probe.ts';

const env = createRealEnv();
const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

interface Listener {
  listen(port: number, host: string, ready: () => void): unknown;
  address(): unknown;
  close(): unknown;
}
const listening = async (server: Listener): Promise<number> => {
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  closers.push(() => void server.close());
  return (server.address() as AddressInfo).port;
};
const serving = (answer: RequestListener): Promise<number> => listening(createHttp(answer));

const target = (runtime: Partial<ContainerRuntime> = {}): ProbeTarget => ({
  container: container('app', { ports: [{ name: 'web', containerPort: 1 }] }),
  containerId: 'app-0',
  address: '127.0.0.1',
  runtime: runtime as ContainerRuntime,
});
const tried = (probe: Probe, runtime?: Partial<ContainerRuntime>): Promise<ProbeResult> =>
  runProbe({ timeoutSeconds: 5, ...probe }, () => target(runtime), env);
const closed = async (): Promise<number> => {
  const server = createTcp();
  const port = await listening(server);
  await new Promise((resolve) => server.close(resolve));
  return port;
};

describe('an HTTP probe', () => {
  const get = async (answer: RequestListener, more: object = {}): Promise<ProbeResult> =>
    tried({ httpGet: { port: await serving(answer), ...more } });

  it.each([
    [200, { outcome: 'success', message: '' }],
    [204, { outcome: 'success', message: '' }],
    [304, { outcome: 'warning', message: 'Probe terminated redirects, Response body: ' }],
    [404, { outcome: 'failure', message: 'HTTP probe failed with statuscode: 404' }],
    [503, { outcome: 'failure', message: 'HTTP probe failed with statuscode: 503' }],
  ])('takes %i for %o', async (status, expected) => {
    expect(await get((_request, response) => response.writeHead(status).end())).toEqual(expected);
  });

  it('asks as the kubelet does, with headers and path of the pod', async () => {
    let seen: unknown;
    const httpHeaders = [
      { name: 'Host', value: 'web.example' },
      { name: 'X-Own', value: 'yes' },
    ];
    await get(
      (request, response) => {
        seen = { url: request.url, ...request.headers };
        response.end();
      },
      { path: 'health?deep=1', httpHeaders },
    );
    const expected = { url: '/health?deep=1', host: 'web.example', 'x-own': 'yes', 'user-agent': 'kube-probe/1.35' };
    expect(seen).toMatchObject(expected);
  });

  it('follows redirections on the host, to the limit', async () => {
    const hops: (string | undefined)[] = [];
    const answer: RequestListener = ({ url = '' }, response) => {
      hops.push(url);
      const left = Number(url.slice(1)) - 1;
      response.writeHead(left > 0 ? 302 : 200, left > 0 ? { location: `/${left}` } : {}).end();
    };
    expect(await get(answer, { path: '/10' })).toMatchObject({ outcome: 'success' });
    expect(hops).toHaveLength(10);
    expect(await get(answer, { path: '/11' })).toMatchObject({
      outcome: 'failure',
      message: expect.stringMatching(/^Get "http:.*": stopped after 10 redirects$/),
    });
  });

  it('warns of a redirection to another host, and does not follow it', async () => {
    const result = await get((_request, response) =>
      response.writeHead(302, { location: 'http://192.0.2.1/' }).end('moved'),
    );
    expect(result).toEqual({ outcome: 'warning', message: 'Probe terminated redirects, Response body: moved' });
    expect(probeEvent('liveness', result)).toEqual({
      reason: 'ProbeWarning',
      message: 'Liveness probe warning: Probe terminated redirects, Response body: moved',
    });
  });

  it('says what kept it from an answer', async () => {
    const port = await closed();
    expect(await tried({ httpGet: { port, path: '/x' } })).toEqual({
      outcome: 'failure',
      message: `Get "http://127.0.0.1:${port}/x": dial tcp 127.0.0.1:${port}: connect: connection refused`,
    });
    const silent = await serving(() => undefined);
    expect(await tried({ httpGet: { port: silent }, timeoutSeconds: 0.05 })).toEqual({
      outcome: 'failure',
      message: `Get "http://127.0.0.1:${silent}/": context deadline exceeded (Client.Timeout exceeded while awaiting headers)`,
    });
  });

  it('reads no more than the beginning of an answer without end', async () => {
    const endless: RequestListener = (_request, response) => {
      response.writeHead(300);
      const more = (): void => {
        if (!response.destroyed && response.write('x'.repeat(8192))) setImmediate(more);
        else response.once('drain', more);
      };
      more();
    };
    expect((await get(endless)).message.length).toBeLessThan(11_000);
  });

  it('that names an unknown port is an error, not a failure', async () => {
    expect(await tried({ httpGet: { port: 'none' } })).toEqual({
      outcome: 'error',
      message: 'container app has no port named "none"',
    });
  });
});

describe('a TCP probe', () => {
  it('takes a port that is open for healthy, and says of another that it is not', async () => {
    const port = await listening(createTcp((socket) => socket.on('error', () => undefined).destroy()));
    expect(await tried({ tcpSocket: { port } })).toMatchObject({ outcome: 'success' });
    const other = await closed();
    expect(await tried({ tcpSocket: { port: other } })).toEqual({
      outcome: 'failure',
      message: `dial tcp 127.0.0.1:${other}: connect: connection refused`,
    });
  });
});

describe('a gRPC probe', () => {
  type Answer = (stream: ServerHttp2Stream, path: string, body: Buffer) => void;
  const asked = async (answer: Answer, grpc: { service?: string } = {}, timeoutSeconds = 5): Promise<ProbeResult> => {
    const server = createHttp2();
    server.on('session', (session) => closers.push(() => session.destroy()));
    server.on('stream', (stream, headers) => {
      const chunks: Buffer[] = [];
      stream.on('error', () => undefined);
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.on('end', () => answer(stream, String(headers[':path']), Buffer.concat(chunks)));
    });
    return tried({ grpc: { port: await listening(server), ...grpc }, timeoutSeconds });
  };
  const reply =
    (code: number, message?: Buffer, text = ''): Answer =>
    (stream) => {
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': String(code), 'grpc-message': text }));
      stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
      stream.end(message);
    };
  const health = (status: number): Buffer => Buffer.from([0, 0, 0, 0, 2, 8, status]);
  const unimplemented = 'error: this server does not implement the grpc health protocol (grpc.health.v1.Health): no';

  it.each<[string, Answer, object]>([
    ['SERVING', reply(0, health(1)), { outcome: 'success' }],
    ['NOT_SERVING', reply(0, health(2)), { message: 'service unhealthy (responded with "NOT_SERVING")' }],
    ['UNKNOWN', reply(0, Buffer.alloc(5)), { message: 'service unhealthy (responded with "UNKNOWN")' }],
    ['no such method', reply(12, undefined, 'no'), { message: unimplemented }],
    ['another code', reply(14, undefined, 'x'), { message: expect.stringContaining('health rpc probe failed') }],
    [
      'no status',
      (stream) => {
        stream.respond({ ':status': 502 });
        stream.end();
      },
      { message: 'error: health rpc probe failed: the answer has no grpc-status' },
    ],
    [
      'an answer without end',
      (stream) => {
        stream.respond({ ':status': 200 });
        stream.write(Buffer.alloc(1024 * 1024));
      },
      { message: 'error: health rpc probe failed: the answer is longer than 65536 bytes' },
    ],
  ])('is answered with %s', async (_what, answer, expected) => {
    expect(await asked(answer)).toMatchObject({ outcome: 'failure', ...expected });
  });

  it('names the service', async () => {
    let seen: unknown;
    const service = 's'.repeat(200);
    await asked(
      (stream, path, body) => {
        seen = { path, size: body.readUInt32BE(1), text: body.subarray(8).toString() };
        reply(0, health(1))(stream, path, body);
      },
      { service },
    );
    expect(seen).toEqual({ path: '/grpc.health.v1.Health/Check', size: 203, text: service });
  });

  it('does not wait for longer than its time, for an answer or for HTTP/2', async () => {
    expect(await asked(() => undefined, {}, 0.2)).toEqual({
      outcome: 'failure',
      message: 'timeout: health rpc did not complete within 200ms',
    });
    const port = await listening(createTcp((socket) => closers.push(() => socket.destroy())));
    expect(await tried({ grpc: { port }, timeoutSeconds: 0.05 })).toEqual({
      outcome: 'failure',
      message: `timeout: failed to connect service "127.0.0.1:${port}" within 50ms: context deadline exceeded`,
    });
  });
});

describe('an exec probe', () => {
  const session = (exited: Promise<number>, output = ''): ExecSession => {
    const stdout = new PassThrough();
    stdout.end(output);
    return { stdin: undefined, stdout, stderr: undefined, resize: () => undefined, exited, kill: () => undefined };
  };

  it('fails by its exit code, with what it printed', async () => {
    const exec = async (): Promise<ExecSession> =>
      session(new Promise((end) => setImmediate(() => end(1))), 'not well');
    expect(await tried({ exec: { command: ['x'] } }, { exec })).toEqual({ outcome: 'failure', message: 'not well' });
  });

  it('fails when it takes too long', async () => {
    let end = (_code: number): void => undefined;
    const exec = async (): Promise<ExecSession> => ({
      ...session(new Promise((resolve) => (end = resolve))),
      kill: () => end(137),
    });
    expect(await tried({ exec: { command: ['sleep', '9'] }, timeoutSeconds: 0.05 }, { exec })).toEqual({
      outcome: 'failure',
      message: 'command timed out: "sleep 9" timed out after 50ms',
    });
  });

  it.each([
    ['that the runtime does not begin', (): Promise<ExecSession> => new Promise(() => undefined)],
    ['that nothing can end', async (): Promise<ExecSession> => session(new Promise(() => undefined))],
  ])('%s in its time has failed all the same', async (_what, exec) => {
    const probe = { exec: { command: ['stuck'] }, timeoutSeconds: 0.05 };
    expect(await tried(probe, { exec })).toEqual({
      outcome: 'failure',
      message: 'command timed out: "stuck" timed out after 50ms',
    });
  });

  it('that begins too late is ended', async () => {
    const killed = new Promise<void>((done) => {
      const exec = async (): Promise<ExecSession> => {
        await new Promise((resolve) => setTimeout(resolve, 60));
        return { ...session(Promise.resolve(137)), kill: done };
      };
      void tried({ exec: { command: ['late'] }, timeoutSeconds: 0.02 }, { exec });
    });
    await expect(killed).resolves.toBeUndefined();
  });

  it('that cannot be run is an error', async () => {
    const exec = async (): Promise<ExecSession> => Promise.reject(new Error('no such container'));
    const result = await tried({ exec: { command: ['x'] } }, { exec });
    expect(result).toEqual({ outcome: 'error', message: 'no such container' });
    expect(probeEvent('readiness', result)).toEqual({
      reason: 'Unhealthy',
      message: 'Readiness probe errored and resulted in unknown state: no such container',
    });
  });
});

describe('a lifecycle hook', () => {
  it('over HTTP is told, whatever is answered', async () => {
    const port = await serving((_request, response) => response.writeHead(500).end());
    expect(await runHook({ httpGet: { port } }, target, 5000, env)).toMatchObject({ outcome: 'success' });
    const other = await closed();
    expect(await runHook({ httpGet: { port: other } }, target, 5000, env)).toMatchObject({ outcome: 'failure' });
  });
});
