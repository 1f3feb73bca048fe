/** A request for another protocol that is refused leaves no connection behind, whatever the client does. */
import { connect } from 'node:tls';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { until } from '@timonel/testkit';
import { startApiServer, type TestApiServer } from '../support/api-server.ts';

let server: TestApiServer;
beforeAll(async () => {
  server = await startApiServer();
});
afterAll(async () => {
  await server.stop();
});

it.each([
  ['a stranger', '/api', undefined],
  ['a client that may', '/api/v1/namespaces/default/configmaps', 'token'],
])('ends the connection of %s', async (_, path, withToken) => {
  const { hostname, port } = new URL(server.url);
  const options = { host: hostname, port: Number(port), rejectUnauthorized: false, allowHalfOpen: true };
  const socket = connect(options);
  let received = '';
  let closed = false;
  socket.on('error', () => undefined);
  socket.on('data', (chunk: Buffer) => (received += chunk.toString('latin1')));
  socket.once('close', () => (closed = true));
  try {
    const bearer = withToken === undefined ? [] : [`Authorization: Bearer ${server.token}`];
    const head = [`GET ${path} HTTP/1.1`, 'Host: x', 'Connection: Upgrade', 'Upgrade: x', ...bearer];
    socket.write([...head, '', ''].join('\r\n'));
    await until(() => received.includes('\r\n\r\n') && received.includes('"kind":'), { what: 'the answer' });
    expect(received.slice(0, 12)).toBe(withToken === undefined ? 'HTTP/1.1 401' : 'HTTP/1.1 200');
    // A peer that is gone answers with a reset, as soon as it is sent something.
    await until(() => closed || (socket.write('x'), false), { what: 'the end of the connection', timeoutMs: 5000 });
  } finally {
    socket.destroy();
  }
});
