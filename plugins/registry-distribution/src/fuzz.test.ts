/** Whatever bytes a registry answers with, each call ends, with an error or with what was asked for. */
import { createServer, type AddressInfo, type Server } from 'node:net';
import { afterAll, beforeAll, describe, it } from '@jest/globals';
import fc from 'fast-check';
import type { OpenImageRegistry } from './index.ts';
import { as, Bed, blobOf, collect, digestOf, image, ociManifest } from './testing/fake-registry.ts';

const bytes = JSON.stringify({ schemaVersion: 2, mediaType: ociManifest, layers: [] });
const digest = digestOf(bytes);
const blob = blobOf(Buffer.from(bytes));

const status = fc.constantFrom(
  '200 OK',
  '206 Partial',
  '101 Switch',
  '100 Continue',
  '204 None',
  '301 Moved',
  '307 There',
  '401 Who',
  '404 No',
  '416 Range',
  '429 Wait',
  '500 Oops',
  '999 ?',
);
const line = fc.oneof(
  fc.constantFrom(
    `Content-Length: ${bytes.length}`,
    'Content-Length: 0',
    'Content-Length: -1',
    'Content-Length: 99999999999999999999',
    'Transfer-Encoding: chunked',
    'Content-Encoding: gzip',
    `Content-Type: ${ociManifest}`,
    `Docker-Content-Digest: ${digest}`,
    'Docker-Content-Digest: sha512:00',
    'Location: /v2/',
    'Location: http://[',
    'Retry-After: 0',
    'Retry-After: 99999999999',
    `Content-Range: bytes 0-${bytes.length - 1}/${bytes.length}`,
    'Content-Range: bytes */*',
    'WWW-Authenticate: Basic realm="x"',
    'WWW-Authenticate: Bearer realm="/token",service=x',
    'WWW-Authenticate: Bearer realm="file:///x"',
    'Connection: close',
    'Connection: upgrade',
    'Upgrade: h2c',
  ),
  fc.string({ maxLength: 40 }),
);
const body = fc.oneof(
  fc.constant(bytes),
  fc.constant(`${bytes.length.toString(16)}\r\n${bytes}\r\n0\r\n\r\n`),
  fc.string({ maxLength: 200 }),
  fc.json(),
);
const answer = fc.oneof(
  {
    weight: 6,
    arbitrary: fc
      .tuple(status, fc.array(line, { maxLength: 6 }), body)
      .map(([first, lines, rest]) => `HTTP/1.1 ${first}\r\n${lines.map((text) => `${text}\r\n`).join('')}\r\n${rest}`),
  },
  { weight: 1, arbitrary: fc.string({ maxLength: 100 }) },
);

const bed = new Bed();
let server: Server;
let host: string;
let answers: readonly string[] = [];
let nth = 0;

beforeAll(async () => {
  server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.on('data', () => {
      const text = answers[nth++ % Math.max(1, answers.length)] ?? '';
      if (text.length % 3 === 0) socket.end(text);
      else socket.write(text);
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve());
  });
  host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterAll(async () => {
  await bed.close();
  await new Promise((resolve) => void server.close(resolve));
});

async function tried(call: Promise<unknown>): Promise<unknown> {
  return call.catch((error: unknown) => error);
}

/** True: an error as the contract has it, or the right answer. */
async function fits(client: OpenImageRegistry): Promise<boolean> {
  const access = { ...as({ registry: host, username: 'u', password: 'p' }), plainHttp: true };
  const reference = image({ host });
  const isError = (value: unknown): boolean => (value as { name?: unknown }).name === 'ImageError';
  const found = await tried(client.resolve(reference, access));
  const manifest = await tried(client.manifest(reference, digest, access));
  const read = await tried(collect(client.blob(reference, blob, access)));
  const pushed = await tried(client.pushBlob(reference, blob, () => [Buffer.from(bytes)] as never, access));
  return (
    (isError(found) || /^sha256:[0-9a-f]{64}$/.test((found as { digest: string }).digest)) &&
    (isError(manifest) || Buffer.from((manifest as { bytes: Uint8Array }).bytes).toString() === bytes) &&
    (isError(read) || (read as Buffer).toString() === bytes) &&
    (pushed === undefined || isError(pushed))
  );
}

describe('a registry that answers with anything', () => {
  it('gets no more than errors of the contract', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(answer, { minLength: 1, maxLength: 4 }), async (next) => {
        [answers, nth] = [next, 0];
        const client = bed.client({ tries: 2, requestTimeoutMs: 20, stallTimeoutMs: 20 });
        try {
          return await fits(client);
        } finally {
          client.close();
        }
      }),
      { numRuns: 60 },
    );
  });
});
