import { existsSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createRealEnv } from '@timonel/core/env';
import { until } from '@timonel/testkit';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import {
  GrpcClient,
  GrpcError,
  grpcService,
  isListening,
  serveGrpc,
  type GrpcServer,
  type ServedMethod,
} from './index.ts';

const method = grpcService('message Text { string text = 1; map<string, string> more = 2; }', 'test.v1.Echo');
const say = method<{ text: string }, { text: string; more: Record<string, string> }>('Say', 'Text', 'Text');
const fail = method<{ text: string }, { text: string }>('Fail', 'Text', 'Text');
const env = createRealEnv();
const served: ServedMethod[] = [
  { method: say, handle: async ({ text }: { text: string }) => ({ text: `${text}!` }) },
  { method: fail, handle: async () => Promise.reject(new GrpcError('NOT_FOUND', 'no such thing')) },
];

let root: string;
let socket: string;
const servers: GrpcServer[] = [];
const clients: GrpcClient[] = [];
const serve = async (more: { connectionsLimit?: number } = {}): Promise<GrpcServer> => {
  const reportFault = (error: unknown): void => {
    throw error;
  };
  const server = await serveGrpc({ socket, methods: served, reportFault, ...more });
  servers.push(server);
  return server;
};
const client = (callsLimit = 10): GrpcClient => {
  const made = new GrpcClient({ socket, env, callsLimit });
  clients.push(made);
  return made;
};

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'timonel-grpc-'));
  socket = join(root, 's.sock');
});
afterEach(async () => {
  for (const each of clients.splice(0)) each.close();
  for (const each of servers.splice(0)) await each.close();
  rmSync(root, { recursive: true, force: true });
});

describe('gRPC over a unix socket', () => {
  it('carries calls, answers and failures, for the owner of the socket alone', async () => {
    await serve();
    expect(statSync(socket).mode & 0o777).toBe(0o600);
    expect(await client().call(say, { text: 'ahoy' }, 5000)).toEqual({ text: 'ahoy!', more: {} });
    await expect(client().call(fail, { text: '' }, 5000)).rejects.toMatchObject({
      name: 'GrpcError',
      code: 'NOT_FOUND',
      message: 'no such thing',
    });
  });

  it('says when nobody serves, answers in time, or serves that method; and connects anew', async () => {
    const waiting = client();
    await expect(waiting.call(say, { text: '' }, 2000)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    await serve();
    const unknown = grpcService('message Text {}', 'test.v1.Echo')('Sing', 'Text', 'Text');
    await expect(client().call(unknown, {}, 5000)).rejects.toMatchObject({ code: 'UNIMPLEMENTED' });
    const answer = await until(() => waiting.call(say, { text: 'a' }, 5000), {
      what: 'the connection to be made anew',
    });
    expect(answer).toMatchObject({ text: 'a!' });
    await servers.splice(0)[0]?.close();
    const held: Socket[] = [];
    const silent = createServer((connection) => void held.push(connection));
    await new Promise<void>((resolve) => silent.listen(socket, resolve));
    const mute = client();
    await expect(mute.call(say, { text: '' }, 200)).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' });
    mute.close();
    for (const connection of held) connection.destroy();
    await new Promise((resolve) => silent.close(resolve));
  });

  it('refuses more calls than its bound, and calls after its end', async () => {
    const bounded = client(1);
    const first = bounded.call(say, { text: '' }, 1000);
    await expect(bounded.call(say, { text: '' }, 1000)).rejects.toMatchObject({ code: 'RESOURCE_EXHAUSTED' });
    await expect(first).rejects.toMatchObject({ name: 'GrpcError' });
    bounded.close();
    await expect(bounded.call(say, { text: '' }, 1000)).rejects.toMatchObject({ code: 'CANCELLED' });
  });

  it('loads the library for who says something, not for who looks whether somebody listens', async () => {
    let loads = 0;
    const load = (): Promise<typeof import('./transport.ts')> => {
      loads += 1;
      return import('./transport.ts');
    };
    servers.push(await serveGrpc({ socket, methods: served, reportFault: () => undefined }, load));
    expect(await isListening(socket)).toBe(true);
    const gone = connect(socket);
    await once(gone.end(), 'close');
    expect(loads).toBe(0);
    expect(await client().call(say, { text: 'a' }, 5000)).toMatchObject({ text: 'a!' });
    expect(loads).toBe(1);
  });

  it('takes a socket that was left behind, and none that is served', async () => {
    const first = await serve();
    await expect(serve()).rejects.toMatchObject({ code: 'EADDRINUSE' });
    rmSync(socket);
    await serve();
    await first.close();
    // The socket is that of the second by now.
    expect(existsSync(socket)).toBe(true);
    expect(await client().call(say, { text: 'a' }, 5000)).toMatchObject({ text: 'a!' });
    await servers.pop()?.close();
    expect(existsSync(socket)).toBe(false);
  });
});
