import { createServer as createHttpServer, request, type IncomingMessage } from 'node:http';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { AccessAttributes, ApiDelegate, Standing } from '@timonel/sdk/contracts/api-server';
import { ApiError } from '@timonel/sdk/kube';
import { createRecordingLogger, manualEnv, until } from '@timonel/testkit';
import { sendError } from '../http/answers.ts';
import { PlainExchange, targetParts } from '../http/exchange.ts';
import { Connections } from './connections.ts';
import { Delegates } from './delegates.ts';

const env = manualEnv();
const log = createRecordingLogger();
const reached: Socket[] = [];
/** Takes requests and says nothing. */
const silent: Server = createServer((socket) => {
  reached.push(socket);
  socket.on('error', () => undefined).resume();
});
let standing: Standing = 'claimed';
let areKindsKnown = true;
let handled: boolean | undefined;
let port = 0;

const delegate: ApiDelegate = {
  standing: () => standing,
  available: () => [],
  connect: () =>
    Promise.resolve({
      kind: 'http',
      secure: false,
      host: 'x',
      dial: () => Promise.resolve(connect((silent.address() as AddressInfo).port, '127.0.0.1')),
    }),
};
const limits = { streams: 1 } as never;
const connections = new Connections({ env, log, api: {} as never, config: { limits, timing: {} as never } });
const delegates = new Delegates({
  delegate: { current: delegate } as never,
  kinds: { all: () => [] } as never,
  routed: { has: () => false } as never,
  connections,
  checkKindsAreKnown: () => {
    if (!areKindsKnown) throw new ApiError('ServiceUnavailable', 'not read yet');
  },
});

const front = createHttpServer((req, res) => {
  const target = targetParts(req.url ?? '');
  const exchange = new PlainExchange(req, res, target);
  const isWatch = target.querystring.includes('watch');
  const attributes = { user: { username: 'jane' }, verb: isWatch ? 'watch' : 'get' } as AccessAttributes;
  delegates
    .handle(exchange, attributes, { isDelegated: () => undefined })
    .then((done) => (handled = done))
    .catch((error: unknown) => sendError(exchange, error, log))
    .finally(() => exchange.send());
});

beforeAll(async () => {
  for (const server of [silent, front])
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));
  ({ port } = front.address() as AddressInfo);
});
afterAll(() => {
  front.closeAllConnections();
  front.close();
  for (const socket of reached) socket.destroy();
  silent.close();
});

function get(path: string): { answer: Promise<{ status: number; text: string }>; end: () => void } {
  const asking = request({ port, host: '127.0.0.1', path });
  const answer = new Promise<{ status: number; text: string }>((resolve, reject) => {
    asking.on('error', reject).on('response', (response: IncomingMessage) => {
      let text = '';
      response.on('data', (chunk: Buffer) => (text += chunk.toString()));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
    });
  });
  asking.end();
  return { answer, end: () => asking.destroy() };
}

const things = '/apis/example.com/v1/things';

describe('a request that is handed over', () => {
  it('is answered when the other server does not', async () => {
    const { answer } = get(things);
    await until(() => reached.length === 1, { what: 'the request' });
    const second = await get(things).answer;
    expect(second.status).toBe(429);
    await env.advance(60_000);
    expect(await answer).toMatchObject({ status: 503, text: expect.stringContaining('no answer within 60000 ms') });
    await until(() => reached.every(({ destroyed }) => destroyed), { what: 'the end of the connection' });
  });

  it('may wait as a watch, and ends with its client', async () => {
    const { answer, end } = get(`${things}?watch=1`);
    await until(() => reached.length === 2, { what: 'the request' });
    await env.advance(600_000);
    expect(reached[1]?.destroyed).toBe(false);
    end();
    await expect(answer).rejects.toThrow();
    await until(() => reached[1]?.destroyed, { what: 'the end of the connection' });
  });

  it('is nobody’s when nobody claims it or its path is none, and waits until that is known', async () => {
    standing = 'unread';
    expect((await get(things).answer).status).toBe(503);
    standing = 'claimed';
    areKindsKnown = false;
    expect((await get(things).answer).text).toContain('not read yet');
    areKindsKnown = true;
    standing = 'unclaimed';
    await get(things).answer;
    expect(handled).toBe(false);
    standing = 'claimed';
    for (const path of ['/apis/kernel.timonel.dev/v1/x', '/api/v1/pods', `${things}/../x`, '/apis/a/v1//x', '/x']) {
      handled = undefined;
      await get(path).answer;
      expect([path, handled]).toEqual([path, false]);
    }
  });
});
