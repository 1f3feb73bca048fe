/** Connections that break: the result is whole, or an error. */
import { getMaxListeners } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { afterAll, afterEach, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { anyone, Bed, blobOf, collect, failureOf, image } from '../testing/fake-registry.ts';

const layer = Buffer.from(Array.from({ length: 40_000 }, (_, at) => (at * 7919 + (at >> 8)) % 251));
const blob = blobOf(layer);

interface Plan {
  /** After how many bytes of each answer it breaks; undefined: after the last. */
  readonly breaks: readonly (number | undefined)[];
  readonly how: 'reset' | 'end';
  readonly framing: 'length' | 'chunks' | 'until closed';
  readonly ranges: 'yes' | 'ignored' | 'shorter' | 'wrong';
}

function answer(plan: Plan, nth: number, request: IncomingMessage, response: ServerResponse): void {
  const [, from = ''] = /^bytes=(\d+)-/.exec(request.headers.range ?? '') ?? [];
  const ranged = from !== '' && plan.ranges !== 'ignored';
  const start = ranged ? Number(from) : 0;
  const first = ranged && plan.ranges === 'wrong' ? start + 1 : start;
  const end = ranged && plan.ranges === 'shorter' ? Math.min(layer.length, start + 10_000) : layer.length;
  const body = layer.subarray(first, end);
  const breakAt = plan.breaks[nth];
  const sent = breakAt === undefined ? body : body.subarray(0, breakAt);
  if (plan.framing === 'until closed') {
    response.shouldKeepAlive = false;
    response.useChunkedEncodingByDefault = false;
  }
  response.writeHead(ranged ? 206 : 200, {
    ...(plan.framing === 'length' ? { 'content-length': body.length } : {}),
    ...(ranged ? { 'content-range': `bytes ${first}-${end - 1}/${layer.length}` } : {}),
  });
  if (breakAt === undefined) response.end(sent);
  else if (plan.how === 'reset') response.write(sent, () => response.socket?.resetAndDestroy());
  else response.write(sent, () => response.socket?.end());
}

const plans: fc.Arbitrary<Plan> = fc.record({
  breaks: fc.array(fc.option(fc.nat(layer.length), { nil: undefined }), { maxLength: 5 }),
  how: fc.constantFrom('reset', 'end'),
  framing: fc.constantFrom('length', 'chunks', 'until closed'),
  ranges: fc.constantFrom('yes', 'ignored', 'shorter', 'wrong'),
});

const bed = new Bed();
afterAll(() => bed.close());

describe('transfers', () => {
  it('that break anywhere are whole in the end, or fail', async () => {
    let plan: Plan = { breaks: [], how: 'end', framing: 'length', ranges: 'yes' };
    let nth = 0;
    const registry = await bed.registry((request, response) => answer(plan, nth++, request, response));
    const client = bed.client({ tries: 8 });
    await fc.assert(
      fc.asyncProperty(plans, async (next) => {
        [plan, nth] = [next, 0];
        const got = await collect(client.blob(image(registry), blob, anyone)).catch((error: unknown) => error);
        if (Buffer.isBuffer(got)) return got.equals(layer);
        // Only a registry that answers for other bytes than it was asked for is given up, with these tries.
        return (got as { name?: string }).name === 'ImageError' && next.ranges === 'wrong';
      }),
      { numRuns: 150 },
    );
  });

  it('go on where they were, with a request for the rest', async () => {
    const registry = await bed.registry((request, response) => {
      answer(
        { breaks: [10_000, 0], how: 'reset', framing: 'length', ranges: 'yes' },
        registry.requests.length - 1,
        request,
        response,
      );
    });
    expect((await collect(bed.client().blob(image(registry), blob, anyone))).equals(layer)).toBe(true);
    const ranges = registry.requests.map(({ headers }) => headers.range);
    expect(ranges[0]).toBeUndefined();
    expect(ranges[1]).toMatch(/^bytes=\d+-39999$/);
    expect(ranges[2]).toBe(ranges[1]);
  });

  it('that were begun before go on there, and are not begun when there is nothing left', async () => {
    const registry = await bed.registry((request, response) => {
      answer({ breaks: [], how: 'reset', framing: 'length', ranges: 'yes' }, 0, request, response);
    });
    const client = bed.client();
    expect(await collect(client.blob(image(registry), blob, anyone, 39_990))).toEqual(layer.subarray(39_990));
    expect(await collect(client.blob(image(registry), blob, anyone, 40_000))).toHaveLength(0);
    expect(registry.requests).toHaveLength(1);
  });

  it.each(['bytes 39989-39999/40000', 'bytes 39990-39999/40001', 'bytes */40000', '', 'pages 39990-39999/40000'])(
    'that go on with %j where another part was asked for are refused',
    async (range) => {
      const registry = await bed.registry((_, response) => {
        response.writeHead(206, range === '' ? {} : { 'content-range': range }).end(layer.subarray(39_990));
      });
      const { reason, message } = await failureOf(collect(bed.client().blob(image(registry), blob, anyone, 39_990)));
      expect(reason).toBe('ErrImagePull');
      expect(message).toContain('where it was asked for what follows byte 39990 of 40000');
    },
  );

  it('that bring one byte a time end after the tries that were allowed', async () => {
    const registry = await bed.registry((request, response) => {
      answer(
        { breaks: Array(100).fill(1), how: 'reset', framing: 'length', ranges: 'yes' },
        registry.requests.length - 1,
        request,
        response,
      );
    });
    const { reason, message } = await failureOf(collect(bed.client({ tries: 4 }).blob(image(registry), blob, anyone)));
    expect(reason).toBe('RegistryUnavailable');
    expect(message).toContain('broke off');
    expect(registry.requests).toHaveLength(4);
  });

  it('are tried again later when the registry asks so, unless it asks to wait too long', async () => {
    let wait = '0';
    const registry = await bed.registry((_, response) => {
      if (registry.requests.length === 1 || wait !== '0')
        response
          .writeHead(429, { 'retry-after': wait })
          .end('{"errors":[{"code":"TOOMANYREQUESTS","message":"slow down"}]}');
      else response.end(layer);
    });
    expect((await collect(bed.client().blob(image(registry), blob, anyone))).equals(layer)).toBe(true);
    expect(registry.requests).toHaveLength(2);
    wait = 'Fri, 31 Dec 9999 23:59:59 GMT';
    const { reason, message } = await failureOf(collect(bed.client().blob(image(registry), blob, anyone)));
    expect(reason).toBe('RegistryUnavailable');
    expect(message).toMatch(/answered 429 \(TOOMANYREQUESTS: slow down\), and asks to wait \d+ s: it limits how often/);
    expect(registry.requests).toHaveLength(3);
  });
});

describe('many transfers', () => {
  it('at a time wait for each other, under one signal', async () => {
    const registry = await bed.registry((_, response) => response.end(layer));
    const client = bed.client({ connectionsPerHost: 3 });
    const access = { ...anyone, signal: new AbortController().signal };
    const all = Array.from({ length: 40 }, () => collect(client.blob(image(registry), blob, access)));
    expect((await Promise.all(all)).every((got) => got.equals(layer))).toBe(true);
    expect(new Set(registry.requests.map(({ port }) => port)).size).toBeLessThan(4);
    // Else Node warns of more than ten listeners.
    expect(getMaxListeners(access.signal)).toBe(Number.POSITIVE_INFINITY);
  });
});

describe('a signal', () => {
  const open = new Bed();
  afterEach(() => open.close());

  it.each(['head', 'body', 'token', 'pause'])('ends what waits for %s', async (stage) => {
    const controller = new AbortController();
    const reason = new Error('enough');
    const abort = (): void => void setImmediate(() => controller.abort(reason));
    const registry = await open.registry((request, response) => {
      if (stage === 'body') response.write('a');
      else if (stage === 'pause') response.writeHead(503).end();
      else if (stage === 'token' && request.url?.startsWith('/token') !== true) {
        response.writeHead(401, { 'www-authenticate': `Bearer realm="http://${registry.host}/token"` }).end();
        return;
      }
      abort();
    });
    const access = { ...anyone, signal: controller.signal };
    const client = open.client({
      backoffMs: 60_000,
      backoffMaxMs: 60_000,
      stallTimeoutMs: 60_000,
      requestTimeoutMs: 60_000,
    });
    await expect(collect(client.blob(image(registry), blob, access))).rejects.toBe(reason);
    await expect(client.resolve(image(registry), access)).rejects.toBe(reason);
  });

  it('ends nothing when the reader stops reading; the connection goes', async () => {
    const closed = new Promise<void>((resolve) => {
      void open
        .registry((_, response) => {
          response.on('close', () => resolve());
          response.write(layer.subarray(0, 100));
        })
        .then(async (registry) => {
          for await (const _ of open.client().blob(image(registry), blob, anyone)) break;
        });
    });
    await closed;
  });

  it('is not needed to end a pause between tries: closing the client does', async () => {
    const client = open.client({ backoffMs: 3_600_000, backoffMaxMs: 3_600_000 });
    const registry = await open.registry((_, response) => {
      response.writeHead(503).end();
      setTimeout(() => client.close(), 20);
    });
    const calls = [
      collect(client.blob(image(registry), blob, anyone)),
      client.resolve(image(registry), anyone),
      client.pushBlob(image(registry), blob, () => [layer] as never, anyone),
    ];
    for (const call of await Promise.allSettled(calls)) {
      expect(call).toMatchObject({
        reason: { reason: 'RegistryUnavailable', message: expect.stringContaining('closed') },
      });
    }
  });

  it('is not needed to end what is under way: closing the client does', async () => {
    const client = open.client();
    const registry = await open.registry((_, response) => {
      response.write(layer.subarray(0, 100));
      setImmediate(() => client.close());
    });
    const { message } = await failureOf(collect(client.blob(image(registry), blob, anyone)));
    expect(message).toMatch(/closed|broke off/);
    expect((await failureOf(client.resolve(image(registry), anyone))).message).toContain(
      'the client of registries is closed',
    );
  });
});
