/** What goes over the connection, byte by byte: broken, endless and doubtful requests. Nobody else notices them. */
import { connect, type TLSSocket } from 'node:tls';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { kernelMetrics } from '@timonel/sdk';
import { until } from '@timonel/testkit';
import { startApiServer, type TestApiServer } from '../support/api-server.ts';

let server: TestApiServer;
const cm = '/api/v1/namespaces/default/configmaps';
const mib = 1024 * 1024;
const patient = process.env['TIMONEL_FUZZ_LONG'] === '1';

class Connection {
  readonly socket: TLSSocket;
  received = '';
  ended = false;

  constructor(socket: TLSSocket) {
    this.socket = socket;
    socket.setNoDelay(true);
    socket.on('error', () => undefined);
    socket.on('data', (chunk: Buffer) => (this.received += chunk.toString('latin1')));
    socket.once('close', () => (this.ended = true));
  }

  /** Whether everything went into the system's buffers. */
  send(text: string | Buffer): boolean {
    return this.socket.writable && this.socket.write(text);
  }

  get statuses(): number[] {
    return [...this.received.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, code]) => Number(code));
  }

  async answers(count: number): Promise<number[]> {
    await until(() => this.statuses.length >= count || this.ended, {
      what: `${count} answers`,
      timeoutMs: 10_000,
      intervalMs: 2,
    });
    return this.statuses;
  }

  end(): Promise<unknown> {
    return until(() => this.ended, { what: 'the end of the connection', timeoutMs: 10_000, intervalMs: 2 });
  }
}

let connections: Connection[] = [];

async function open(): Promise<Connection> {
  const { hostname, port } = new URL(server.url);
  const socket = connect({ host: hostname, port: Number(port), rejectUnauthorized: false });
  const connection = new Connection(socket);
  connections.push(connection);
  await new Promise<void>((resolve) => socket.once('secureConnect', resolve));
  return connection;
}

function head(method: string, path: string, ...headers: string[]): string {
  return [`${method} ${path} HTTP/1.1`, 'Host: x', `Authorization: Bearer ${server.token}`, ...headers, '', ''].join(
    '\r\n',
  );
}

const json = 'Content-Type: application/json';

/** Requests that the server counts as open. */
function inflight(): number {
  const metrics = server.kernel.service(kernelMetrics).collect();
  const family = metrics.find(({ name }) => name === 'apiserver_current_inflight_requests');
  return family?.samples.reduce((sum, { value }) => sum + value, 0) ?? 0;
}

beforeAll(async () => {
  server = await startApiServer();
});
afterEach(async () => {
  for (const { socket } of connections) socket.destroy();
  connections = [];
  // Whatever was sent: everybody else is served, and at once.
  const began = performance.now();
  expect((await server.send('GET', `${cm}?limit=1`)).status).toBe(200);
  expect(performance.now() - began).toBeLessThan(5000);
  expect(server.kernel.control.list().filter(({ faults }) => faults > 0)).toEqual([]);
});
afterAll(async () => {
  await server.stop();
});

describe('pipelined requests', () => {
  it('are answered in their order, each by itself', async () => {
    const one = await open();
    const body = JSON.stringify({ metadata: { name: 'piped' } });
    // Each may be worked on before the one ahead of it is done: only the answers are in order.
    one.send(
      [
        head('GET', '/version'),
        head('GET', `${cm}/nosuch`),
        `${head('POST', `${cm}?dryRun=All`, json, `Content-Length: ${body.length}`)}${body}`,
        head('GET', '/nosuch'),
        head('PUT', cm),
        head('GET', cm),
      ].join(''),
    );
    expect(await one.answers(6)).toEqual([200, 404, 201, 404, 405, 200]);
    expect(one.ended).toBe(false);
  });

  it('behind a body that was refused are not taken from what is left of it', async () => {
    const one = await open();
    const hidden = head('DELETE', '/api/v1/namespaces/default/configmaps/smuggled');
    await server.send('POST', cm, { body: { metadata: { name: 'smuggled' } } });
    one.send(`${head('POST', cm, json, 'Content-Length: 4000000')}${hidden}`);
    expect(await one.answers(1)).toEqual([413]);
    one.send(hidden);
    await one.end();
    expect(one.statuses).toEqual([413]);
    expect((await server.send('GET', `${cm}/smuggled`)).status).toBe(200);
  });
});

describe('Transfer-Encoding and Content-Length', () => {
  const chunked = 'Transfer-Encoding: chunked';
  const smuggled = 'GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n';

  it.each([
    ['both', [chunked, 'Content-Length: 3'], `0\r\n\r\n${smuggled}`],
    ['two lengths', ['Content-Length: 3', 'Content-Length: 90'], `{} ${smuggled}`],
    ['an unknown encoding', ['Transfer-Encoding: xchunked'], `0\r\n\r\n${smuggled}`],
    ['chunked, but not last', ['Transfer-Encoding: chunked, identity'], `0\r\n\r\n${smuggled}`],
    ['a length with a sign', ['Content-Length: +3'], `{} ${smuggled}`],
    ['a length that is none', ['Content-Length: 0x3'], `{} ${smuggled}`],
    ['a space before the colon', ['Transfer-Encoding : chunked'], `0\r\n\r\n${smuggled}`],
    ['a chunk whose size is none', [chunked], `zz\r\n{}\r\n0\r\n\r\n${smuggled}`],
    ['a chunk larger than numbers go', [chunked], `ffffffffffffffff1\r\n{}\r\n0\r\n\r\n${smuggled}`],
    ['a header over two lines', ['X-A: b\r\n c: d', 'Content-Length : 3'], `{} ${smuggled}`],
    ['a bare line feed in a header', ['X-A: b\nTransfer-Encoding: chunked'], `0\r\n\r\n${smuggled}`],
    ['a zero byte in a header', ['X-A: b\u0000c', 'Content-Length: 3'], `{} ${smuggled}`],
  ])('%s: at most one answer, and the end', async (_, headers, rest) => {
    const one = await open();
    one.send(`${head('POST', cm, json, ...headers)}${rest}`);
    await one.end();
    expect(one.statuses).toEqual([400]);
    expect(one.received).not.toContain('smuggled');
  });
});

describe('bodies', () => {
  it('in chunks of one byte are read', async () => {
    const one = await open();
    one.send(head('POST', `${cm}?dryRun=All`, json, 'Transfer-Encoding: chunked'));
    for (const letter of JSON.stringify({ metadata: { name: 'chunks' } })) one.send(`1\r\n${letter}\r\n`);
    one.send('0\r\n\r\n');
    expect(await one.answers(1)).toEqual([201]);
  });

  it('that never end are cut at the limit, in chunks as well', async () => {
    for (const header of [
      'Transfer-Encoding: chunked',
      `Content-Length: ${900 * mib}`,
      'Content-Length: 99999999999999',
    ]) {
      const one = await open();
      one.send(head('POST', cm, json, header));
      const chunk = Buffer.from(header.startsWith('T') ? `10000\r\n${' '.repeat(65_536)}\r\n` : ' '.repeat(65_536));
      let sent = 0;
      while (!one.ended && sent < 64 * mib) {
        if (!one.send(chunk)) await Promise.race([new Promise((done) => one.socket.once('drain', done)), one.end()]);
        sent += chunk.length;
      }
      await one.end();
      // The client may still be writing when it is cut off, and then does not see the answer.
      expect([[413], []]).toContainEqual(one.statuses);
      expect(sent).toBeLessThan(32 * mib);
    }
  });

  it('that stop in the middle are forgotten with their connection', async () => {
    const before = inflight();
    const many = await Promise.all(Array.from({ length: 30 }, () => open()));
    for (const [index, one] of many.entries()) {
      const length = index % 2 === 0 ? 'Transfer-Encoding: chunked' : 'Content-Length: 1000';
      one.send(`${head('POST', cm, json, length)}${index % 2 === 0 ? '5\r\n{"met' : '{"met'}`);
    }
    await until(() => inflight() === before + many.length, { what: 'all requests to be open' });
    expect((await server.send('GET', `${cm}?limit=1`)).status).toBe(200);
    for (const { socket } of many) socket.destroy();
    await until(() => inflight() === before, { what: 'the requests to be forgotten' });
  });
});

describe('headers', () => {
  // Beyond the limit, but read at once: a server that closes with bytes unread breaks its own answer off.
  const tooLong = 20_000;

  it.each([
    ['too many bytes', Array.from({ length: 20 }, (_, index) => `X-${index}: ${'x'.repeat(1000)}`)],
    ['one that is too long', [`X-A: ${'x'.repeat(tooLong)}`]],
    ['a name that is too long', [`${'X'.repeat(tooLong)}: a`]],
  ])('%s: 431', async (_, headers) => {
    const one = await open();
    one.send(head('GET', cm, ...headers));
    await one.end();
    expect(one.statuses).toEqual([431]);
  });

  it('very many small ones are no trouble', async () => {
    const one = await open();
    one.send(head('GET', `${cm}?limit=1`, ...Array.from({ length: 1800 }, () => 'a: b')));
    expect([[200], [431]]).toContainEqual(await one.answers(1));
  });

  it('a path that is too long', async () => {
    const one = await open();
    one.send(head('GET', `${cm}/${'x'.repeat(tooLong)}`));
    await one.end();
    expect(one.statuses).toEqual([431]);
  });

  it.each([
    'GET / HTTP/9.9\r\n\r\n',
    'GARBAGE\r\n\r\n',
    '\u0016\u0003\u0001',
    'GET\r\n\r\n',
    'G\u0000T / HTTP/1.1\r\n\r\n',
  ])('no HTTP at all: %j', async (text) => {
    const one = await open();
    one.send(text);
    one.socket.end();
    await one.end();
    expect([[400], [505]]).toContainEqual(one.statuses);
  });

  it('Expect: 100-continue is served, anything else expected is refused', async () => {
    const one = await open();
    const body = JSON.stringify({ metadata: { name: 'expected' } });
    one.send(head('POST', `${cm}?dryRun=All`, json, `Content-Length: ${body.length}`, 'Expect: 100-continue'));
    expect(await one.answers(1)).toEqual([100]);
    one.send(body);
    expect(await one.answers(2)).toEqual([100, 201]);
    const other = await open();
    other.send(head('GET', cm, 'Expect: miracles'));
    expect(await other.answers(1)).toEqual([417]);
  });

  it('an upgrade to what is not spoken is refused or passed over', async () => {
    const one = await open();
    one.send(
      head('GET', `${cm}?limit=1`, 'Connection: Upgrade, HTTP2-Settings', 'Upgrade: h2c', 'HTTP2-Settings: AAAA'),
    );
    const [status = 0] = await one.answers(1);
    expect([200, 400, 404, 426]).toContain(status);
    const other = await open();
    other.send(head('CONNECT', 'example.com:443'));
    await other.end();
    expect(other.statuses.filter((code) => code < 400)).toEqual([]);
  });
});

describe('clients that take their time', () => {
  it('keep nobody waiting: hundreds that send a byte now and then', async () => {
    const slow = await Promise.all(Array.from({ length: 150 }, () => open()));
    const request = head('GET', cm);
    for (let at = 0; at < 20; at += 1) {
      for (const one of slow) one.send(request[at] ?? '');
      const began = performance.now();
      expect((await server.send('GET', `${cm}?limit=1`)).status).toBe(200);
      expect(performance.now() - began).toBeLessThan(3000);
    }
  });

  const name = 'are cut off when their headers do not come';
  const test = patient ? it : it.skip;
  test(
    patient ? name : `${name} (only with TIMONEL_FUZZ_LONG=1: it takes a minute)`,
    async () => {
      const one = await open();
      one.send('GET / HTTP/1.1\r\nX-A: ');
      const dripping = setInterval(() => one.send('x'), 1000);
      try {
        await until(() => one.ended, { what: 'the end of the connection', timeoutMs: 75_000 });
      } finally {
        clearInterval(dripping);
      }
      expect([[408], []]).toContainEqual(one.statuses);
    },
    90_000,
  );
});
