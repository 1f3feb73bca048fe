import { once } from 'node:events';
import { describe, expect, it } from '@jest/globals';
import { manualEnv, until } from '@timonel/testkit';
import fc from 'fast-check';
import { dictionary } from './dictionary.ts';
import { controlFrame, dataFrame, FrameReader, frameTypes, numbersFrame, type Frame } from './frames.ts';
import { HeaderBlocks, parseHeaders } from './header-block.ts';
import { SpdySession } from './session.ts';
import type { SpdyStream } from './stream.ts';
import { duplexPair } from './testing/duplex-pair.ts';

const headersOf = (fields: Record<string, string>): Map<string, string> => new Map(Object.entries(fields));

it('the dictionary is that of SPDY/3', async () => {
  const { deflateSync } = await import('node:zlib');
  expect(dictionary.length).toBe(1423);
  // A zlib stream names its dictionary by the checksum.
  expect(deflateSync(Buffer.from('x'), { dictionary }).subarray(2, 6).toString('hex')).toBe('e3c6a7c2');
});

describe('header blocks', () => {
  it('come back as they were, one after another', async () => {
    const [one, other] = [new HeaderBlocks(), new HeaderBlocks()];
    for (const fields of [{ streamtype: 'error' }, {}, { streamtype: 'data', port: '80', requestid: '0', ä: 'ö' }]) {
      const block = await one.encode(headersOf(fields));
      expect(Object.fromEntries(await other.decode(block))).toEqual(fields);
    }
    one.end();
    other.end();
  });

  it('of any bytes are parsed or refused', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        try {
          parseHeaders(Buffer.from(bytes));
        } catch (error) {
          expect(String(error)).toContain('header block');
        }
      }),
    );
  });

  it('that grow beyond all bounds are refused, and so is all that follows', async () => {
    const blocks = new HeaderBlocks();
    const many = await blocks.encode(headersOf({ name: 'x'.repeat(60_000) }));
    expect(many.length).toBeLessThan(2000);
    const bomb = new HeaderBlocks();
    const bytes = await bomb.encode(headersOf({ name: 'x'.repeat(10_000_000) }).set('', '')).catch(() => undefined);
    expect(bytes).toBeDefined();
    const victim = new HeaderBlocks();
    await expect(victim.decode(bytes ?? Buffer.alloc(0))).rejects.toThrow('a header block is too large');
    await expect(victim.decode(many)).rejects.toThrow();
    for (const one of [blocks, bomb, victim]) one.end();
  });

  it('that are no zlib are refused', async () => {
    const blocks = new HeaderBlocks();
    await expect(blocks.decode(Buffer.from('no zlib at all'))).rejects.toThrow();
    blocks.end();
  });
});

describe('frames', () => {
  const bytes = Buffer.concat([
    numbersFrame(frameTypes.ping, [7]),
    dataFrame(3, Buffer.from('some data'), true),
    dataFrame(5, Buffer.alloc(0), false),
    controlFrame(frameTypes.settings, 0, Buffer.alloc(12)),
  ]);
  const shown = (frames: Frame[]): unknown[] =>
    frames.map((frame) => (frame.kind === 'data' ? frame.stream : frame.type));

  it('are found wherever the bytes are cut', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: bytes.length }), { maxLength: 8 }), (cuts) => {
        const reader = new FrameReader();
        const edges = [0, ...new Set(cuts), bytes.length].sort((a, b) => a - b);
        const frames = edges.flatMap((edge, index) => reader.add(bytes.subarray(edge, edges[index + 1] ?? edge)));
        expect(shown(frames)).toEqual([frameTypes.ping, 3, 5, frameTypes.settings]);
      }),
    );
  });

  it('of another version, and too long ones, are refused', () => {
    expect(() => new FrameReader().add(Buffer.from('8002000600000004', 'hex').fill(0, 8))).not.toThrow();
    expect(() => new FrameReader().add(Buffer.from('800200060000000000', 'hex'))).toThrow('not of SPDY/3');
    expect(() => new FrameReader().add(Buffer.from('0000000300ffffff', 'hex'))).toThrow('is too long');
  });
});

class Client {
  readonly frames: Frame[] = [];
  readonly streams: SpdyStream[] = [];
  readonly session: SpdySession;
  readonly env = manualEnv();
  readonly #blocks = new HeaderBlocks();
  readonly #end;

  constructor(streams = 10) {
    const [near, far] = duplexPair();
    this.#end = near;
    const reader = new FrameReader();
    near.on('data', (chunk: Buffer) => this.frames.push(...reader.add(chunk)));
    near.on('error', () => undefined);
    const onStream = (stream: SpdyStream): void => void this.streams.push(stream);
    this.session = new SpdySession(far, { streams, onStream, timers: this.env.timers, idleMs: 100_000 });
  }

  write(bytes: Buffer): void {
    this.#end.write(bytes);
  }

  async open(id: number, fields: Record<string, string> = {}, flags = 0): Promise<void> {
    const head = Buffer.alloc(10);
    head.writeUInt32BE(id);
    const block = await this.#blocks.encode(headersOf(fields));
    this.write(controlFrame(frameTypes.synStream, flags, Buffer.concat([head, block])));
  }

  async stream(index: number): Promise<SpdyStream> {
    await until(() => this.streams.length > index, { what: `stream ${index}` });
    const found = this.streams[index];
    if (found === undefined) throw new Error('the stream is gone');
    return found;
  }

  types(): (number | string)[] {
    return this.frames.map((frame) => (frame.kind === 'data' ? 'data' : frame.type));
  }

  stop(): void {
    this.#end.destroy();
    this.#blocks.end();
  }
}

describe('a session', () => {
  it('opens streams with their headers, and carries both directions to their ends', async () => {
    const client = new Client();
    await client.open(1, { StreamType: 'stdin', port: '80' });
    const stream = await client.stream(0);
    expect(Object.fromEntries(stream.headers)).toEqual({ streamtype: 'stdin', port: '80' });
    client.write(dataFrame(1, Buffer.from('in'), false));
    client.write(dataFrame(1, Buffer.alloc(0), true));
    const chunks: Buffer[] = [];
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    await once(stream, 'end');
    expect(Buffer.concat(chunks).toString()).toBe('in');
    stream.end(Buffer.alloc(70_000, 'o'));
    await until(() => client.frames.some((frame) => frame.kind === 'data' && frame.fin), { what: 'the end' });
    const sent = client.frames.flatMap((frame) => (frame.kind === 'data' ? [frame.data.length] : []));
    expect([sent, client.types()[0]]).toEqual([[32_768, 32_768, 4464, 0], frameTypes.synReply]);
    client.stop();
    await client.session.closed;
  });

  it('answers pings of the client, and passes over what it does not need', async () => {
    const client = new Client();
    client.write(controlFrame(frameTypes.settings, 0, Buffer.alloc(12)));
    client.write(numbersFrame(frameTypes.windowUpdate, [1, 100]));
    client.write(dataFrame(99, Buffer.from('to nobody'), false));
    client.write(numbersFrame(frameTypes.ping, [3]));
    await until(() => client.frames.length === 1, { what: 'the answer' });
    expect(client.frames[0]).toMatchObject({ type: frameTypes.ping, body: Buffer.from([0, 0, 0, 3]) });
    client.stop();
  });

  it('refuses more streams than it may have, and takes others when some have ended', async () => {
    const client = new Client(1);
    await client.open(1);
    const first = await client.stream(0);
    await client.open(3);
    await until(() => client.types().includes(frameTypes.rstStream), { what: 'the refusal' });
    first.destroy();
    await client.open(5);
    expect((await client.stream(1)).id).toBe(5);
    client.stop();
  });

  it('stops reading when a stream is not read, says that it lives, and goes on afterwards', async () => {
    const client = new Client();
    await client.open(1);
    const stream = await client.stream(0);
    for (let index = 0; index < 40; index += 1) client.write(dataFrame(1, Buffer.alloc(32_768), false));
    client.write(numbersFrame(frameTypes.ping, [1]));
    await until(() => stream.readableLength >= 256 * 1024, { what: 'the stream to be full' });
    expect(stream.readableLength).toBeLessThan(400 * 1024);
    await client.env.advance(11_000);
    expect(client.types()).toEqual([frameTypes.synReply, frameTypes.ping]);
    expect(client.frames[1]).toMatchObject({ body: Buffer.from([0, 0, 0, 2]) });
    client.stop();
  });

  it.each<[string, Buffer]>([
    ['no SPDY', Buffer.from('GET / HTTP/1.1\r\n\r\n')],
    ['a frame that is too short', controlFrame(frameTypes.synStream, 0, Buffer.alloc(2))],
    [
      'a block that is none',
      controlFrame(frameTypes.synStream, 0, Buffer.concat([Buffer.from([0, 0, 0, 1]), Buffer.alloc(20, 255)])),
    ],
  ])('ends with %s', async (_name, bytes) => {
    const client = new Client();
    client.write(bytes);
    await client.session.closed;
    client.stop();
  });

  it('ends when the client goes, with all its streams', async () => {
    const client = new Client();
    await client.open(1);
    const stream = await client.stream(0);
    client.stop();
    await client.session.closed;
    expect(stream.destroyed).toBe(true);
  });

  it('survives any frames', async () => {
    const frame = fc.oneof(
      fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes)),
      fc
        .tuple(fc.integer({ min: 0, max: 10 }), fc.uint8Array({ maxLength: 40 }))
        .map(([type, body]) => controlFrame(type, 0, Buffer.from(body))),
      fc
        .tuple(fc.integer({ min: 0, max: 9 }), fc.uint8Array({ maxLength: 40 }), fc.boolean())
        .map(([id, data, fin]) => dataFrame(id, Buffer.from(data), fin)),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(frame, { maxLength: 10 }), async (frames) => {
        const client = new Client();
        for (const bytes of frames) client.write(bytes);
        client.session.end();
        client.stop();
        await client.session.closed;
      }),
      { numRuns: 100 },
    );
  });
});

describe("a client's session", () => {
  const pair = (streams = 10): { client: SpdySession; server: SpdySession; served: SpdyStream[] } => {
    const [near, far] = duplexPair();
    const { timers } = manualEnv();
    const served: SpdyStream[] = [];
    const server = new SpdySession(far, {
      streams,
      onStream: (stream) => void served.push(stream),
      timers,
      idleMs: 1000,
    });
    const client = new SpdySession(near, { streams: 10, timers, idleMs: 1000 });
    return { client, server, served };
  };
  const text = async (stream: SpdyStream | undefined): Promise<string> => {
    const chunks: Buffer[] = [];
    for await (const chunk of (stream ?? []) as AsyncIterable<Buffer>) chunks.push(chunk);
    return Buffer.concat(chunks).toString();
  };

  it('opens streams with their headers, each direction of which ends on its own', async () => {
    const { client, served } = pair();
    const fields = ['error', 'stdin', 'stdout'].map((name) => headersOf({ streamtype: name }));
    const [, stdin, stdout] = await Promise.all(fields.map((each) => client.open(each)));
    expect(served.map(({ headers }) => headers.get('streamtype'))).toEqual(['error', 'stdin', 'stdout']);
    stdin?.end('to the server');
    expect(await text(served[1])).toBe('to the server');
    served[2]?.end('and back');
    expect(await text(stdout)).toBe('and back');
    client.destroy();
    await client.closed;
  });

  it('says so when a stream is refused, or the server goes', async () => {
    const { client, server } = pair(1);
    await client.open(headersOf({}));
    await expect(client.open(headersOf({}))).rejects.toThrow('the server refused a stream');
    server.destroy();
    await client.closed;
    await expect(client.open(headersOf({}))).rejects.toThrow('closed');
  });

  it('ends when the server opens a stream', async () => {
    const [near, far] = duplexPair();
    const client = new SpdySession(near, { streams: 10, timers: manualEnv().timers, idleMs: 1000 });
    const blocks = new HeaderBlocks();
    const head = Buffer.alloc(10);
    head.writeUInt32BE(2);
    far
      .resume()
      .write(controlFrame(frameTypes.synStream, 0, Buffer.concat([head, await blocks.encode(headersOf({}))])));
    await client.closed;
    blocks.end();
  });
});
