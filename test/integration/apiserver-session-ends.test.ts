/** How sessions end, and handshakes that should not begin any. */
import { connect as connectTls } from 'node:tls';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { until } from '@timonel/testkit';
import fc from 'fast-check';
import { startApiServer, type TestApiServer } from '../support/api-server.ts';
import { ProcessNode } from '../support/process-node.ts';
import { SessionClient } from '../support/session-client.ts';

const node = new ProcessNode('n1');
const execPath = '/api/v1/namespaces/default/pods/a/exec';
const clients: SessionClient[] = [];
let server: TestApiServer;

async function serverWith(own: ProcessNode, apiserver: Record<string, unknown> = {}): Promise<TestApiServer> {
  const other = await startApiServer({ plugins: [own.plugin()], apiserver });
  await own.addPod(other.api);
  return other;
}

beforeAll(async () => {
  server = await serverWith(node);
});
afterEach(async () => {
  for (const client of clients.splice(0)) client.socket.terminate();
  await until(() => node.processes.size === 0, { what: 'all processes to be gone' });
});
afterAll(async () => {
  node.stop();
  await server?.stop();
});

function query(command: readonly string[], flags = 'stdout=true&stderr=true'): string {
  return `?${flags}${command.map((word) => `&command=${encodeURIComponent(word)}`).join('')}`;
}

function exec(command: readonly string[], flags?: string): SessionClient {
  const client = new SessionClient(server.url, `${execPath}${query(command, flags)}`, { token: server.token });
  clients.push(client);
  return client;
}

describe('the end of a session', () => {
  it('comes to the process when the client goes', async () => {
    const client = exec(['sleep', '1000']);
    await client.opened;
    await until(() => node.processes.size === 1, { what: 'the process' });
    client.socket.terminate();
    await until(() => node.processes.size === 0, { what: 'the process to be gone' });
  });

  it('comes when nothing happens for long', async () => {
    const own = new ProcessNode('n1');
    const other = await serverWith(own, { timing: { streamIdleTimeoutMs: 200 } });
    const client = new SessionClient(other.url, `${execPath}${query(['sleep', '1000'])}`, { token: other.token });
    await client.closed;
    expect(client.closeCode).toBe(1001);
    await until(() => own.processes.size === 0, { what: 'the process to be gone' });
    await other.stop();
  });

  it('comes to a client that is held back because the process does not read, and goes then', async () => {
    const client = exec(['sleep', '1000'], 'stdin=true');
    await client.opened;
    const [message, all] = [Buffer.alloc(100_000), 64_000_000];
    let sent = 0;
    const send = (error?: Error | null): void => {
      if ((error ?? undefined) !== undefined || sent >= all) return;
      client.socket.send(message, send);
      sent += message.length;
    };
    send();
    let before = 0;
    // Standing still between two looks half a second apart.
    await until(() => before === (before = sent), { what: 'the input to stand still', intervalMs: 500 });
    // Buffers of both sockets and of the streams between them.
    expect(before).toBeLessThan(all / 2);
    expect(node.processes.size).toBe(1);
    client.socket.terminate();
    // Two signs of life that get no answer tell the server, which does not read: they are ten seconds apart.
    await until(() => node.processes.size === 0, { what: 'the process to be gone', timeoutMs: 45_000 });
  }, 60_000);

  it('comes with the server', async () => {
    const own = new ProcessNode('n1');
    const other = await serverWith(own);
    const client = new SessionClient(other.url, `${execPath}${query(['sleep', '1000'])}`, { token: other.token });
    await client.opened;
    await other.stop();
    await client.closed;
    await until(() => own.processes.size === 0, { what: 'the process to be gone' });
  });
});

/** The first line of the answer to a request as it stands. */
async function rawAnswer(head: string): Promise<string> {
  const { hostname, port } = new URL(server.url);
  const socket = connectTls({ host: hostname, port: Number(port), rejectUnauthorized: false });
  socket.on('error', () => undefined);
  socket.write(head);
  const text = await new Promise<string>((resolve) => {
    socket.once('data', (chunk: Buffer) => resolve(chunk.toString('latin1')));
    socket.once('close', () => resolve(''));
  });
  socket.destroy();
  return text.split('\r\n', 1)[0] ?? '';
}

it('any handshake is accepted, or refused with a reason: never a fault of the server', async () => {
  const pick = (...values: string[]): fc.Arbitrary<string> => fc.constantFrom(...values);
  const request = fc.record({
    method: pick('GET', 'POST', 'PUT', 'HEAD', 'OPTIONS'),
    path: pick('exec', 'attach', 'portforward', 'exec/x', 'proxy', 'proxy/', 'proxy/%00', 'proxy/%zz'),
    query: fc.oneof(
      fc.webQueryParameters(),
      pick('command=true&stdout=1', 'command=&stdin=true', 'ports=1,2', 'ports=,'),
    ),
    upgrade: pick('websocket', 'WebSocket', 'SPDY/3.1', 'h2c', 'x y', ','),
    version: pick('13', '8', '7', 'x'),
    key: pick('AAAAAAAAAAAAAAAAAAAAAA==', 'short', ''),
    protocols: pick(
      '',
      'v5.channel.k8s.io',
      'SPDY/3.1+portforward.k8s.io',
      ',,',
      'a b',
      'v4.channel.k8s.io,v4.channel.k8s.io',
    ),
    streams: pick('v4.channel.k8s.io', 'portforward.k8s.io', 'v9'),
  });
  await fc.assert(
    fc.asyncProperty(request, async ({ method, path, query: text, ...headers }) => {
      const lines = [
        `${method} /api/v1/namespaces/default/pods/a/${path}?${text} HTTP/1.1`,
        'Host: x',
        `Authorization: Bearer ${server.token}`,
        'Connection: Upgrade',
        `Upgrade: ${headers.upgrade}`,
        `Sec-WebSocket-Version: ${headers.version}`,
        `Sec-WebSocket-Key: ${headers.key}`,
        ...(headers.protocols === '' ? [] : [`Sec-WebSocket-Protocol: ${headers.protocols}`]),
        `X-Stream-Protocol-Version: ${headers.streams}`,
      ];
      expect(await rawAnswer(`${lines.join('\r\n')}\r\n\r\n`)).toMatch(/^HTTP\/1\.1 (101|400|404|405|429|503) /);
    }),
    { numRuns: 150 },
  );
  await until(() => node.processes.size === 0, { what: 'all processes to be gone' });
  expect((await server.send('GET', '/readyz')).status).toBe(200);
});
