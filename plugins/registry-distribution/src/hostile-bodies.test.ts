/** Registries that send what was not asked for, too much of it, or too little. */
import type { ServerResponse } from 'node:http';
import { gzipSync } from 'node:zlib';
import { afterEach, describe, expect, it } from '@jest/globals';
import { until } from '@timonel/testkit';
import { anyone, Bed, blobOf, collect, digestOf, failureOf, image, ociManifest } from './testing/fake-registry.ts';

const bed = new Bed();
afterEach(() => bed.close());

const layer = Buffer.alloc(300_000, 'layer');
const blob = blobOf(layer);
const filler = Buffer.alloc(64 * 1024, 'x');

/** Writes without end; counts what was taken. */
function endless(response: ServerResponse, taken: { bytes: number }): void {
  const more = (): void => {
    if (response.destroyed) return;
    taken.bytes += filler.length;
    if (response.write(filler)) setImmediate(more);
  };
  response.on('drain', more);
  more();
}

describe('blobs', () => {
  it('that do not end are cut off where the descriptor ends', async () => {
    const taken = { bytes: 0 };
    const registry = await bed.registry((_, response) => endless(response, taken));
    const small = { ...blob, size: 1000 };
    const { reason, message } = await failureOf(collect(bed.client().blob(image(registry), small, anyone)));
    expect(reason).toBe('ErrImagePull');
    expect(message).toContain('sent more than the 1000 bytes');
    expect(registry.requests).toHaveLength(1);
    expect(taken.bytes).toBeLessThan(50 * 1024 * 1024);
  });

  it.each([layer.length - 1, layer.length + 1, 10 * 1024 ** 3])(
    'announced with another size, %i, are not begun',
    async (size) => {
      const registry = await bed.registry((_, response) => {
        response.writeHead(200, { 'content-length': size }).write('layer');
      });
      const { message } = await failureOf(collect(bed.client().blob(image(registry), blob, anyone)));
      expect(message).toContain(`announces ${size} bytes for ${blob.digest}, which has ${blob.size}`);
      expect(registry.requests).toHaveLength(1);
    },
  );

  it('of another digest end with an error, also when their size is right', async () => {
    const registry = await bed.registry((_, response) => response.end(Buffer.alloc(layer.length, 'other')));
    const { reason, message } = await failureOf(collect(bed.client().blob(image(registry), blob, anyone)));
    expect(reason).toBe('ErrImagePull');
    expect(message).toMatch(/the bytes are those of sha256:[0-9a-f]{64}, not of sha256:/);
  });

  it('that come drop by drop are given up after some tries', async () => {
    const registry = await bed.registry((_, response) => {
      response.writeHead(200);
      const drip = setInterval(() => response.write('x'), 5);
      response.on('close', () => clearInterval(drip));
    });
    const { reason, message } = await failureOf(
      collect(bed.client({ minBytesPerSecond: 10_000, stallTimeoutMs: 400 }).blob(image(registry), blob, anyone)),
    );
    expect(reason).toBe('RegistryUnavailable');
    expect(message).toMatch(/sent \d+ bytes in \d+ ms: check the network/);
    expect(registry.requests).toHaveLength(3);
  });

  it('that stop coming are given up after some tries', async () => {
    const registry = await bed.registry((_, response) => {
      response.writeHead(200).write('x');
    });
    const { reason, message } = await failureOf(collect(bed.client().blob(image(registry), blob, anyone)));
    expect(reason).toBe('RegistryUnavailable');
    expect(message).toContain('sent nothing for 100 ms');
    expect(registry.requests).toHaveLength(3);
  });

  it('are not unpacked when the body is encoded', async () => {
    const registry = await bed.registry((_, response) => {
      response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync(layer));
    });
    const { message } = await failureOf(collect(bed.client().blob(image(registry), blob, anyone)));
    expect(message).toContain('Content-Encoding gzip, which was not asked for');
    expect(registry.requests[0]?.headers['accept-encoding']).toBe('identity');
  });

  it('of a slow reader are not counted as slow', async () => {
    const registry = await bed.registry((_, response) => response.end(layer));
    const client = bed.client({ stallTimeoutMs: 20, minBytesPerSecond: 1_000_000 });
    let bytes = 0;
    for await (const piece of client.blob(image(registry), blob, anyone)) {
      if (bytes === 0) await new Promise((resolve) => void setTimeout(resolve, 60));
      bytes += piece.length;
    }
    expect(bytes).toBe(layer.length);
    expect(registry.requests).toHaveLength(1);
  });
});

describe('manifests', () => {
  const bytes = JSON.stringify({ schemaVersion: 2, mediaType: ociManifest, layers: [] });

  it.each(['with its length', 'in chunks'])('of ten gigabytes, sent %s, are refused', async (way) => {
    const taken = { bytes: 0 };
    const registry = await bed.registry((request, response) => {
      const length = way === 'in chunks' ? {} : { 'content-length': 10 * 1024 ** 3 };
      response.writeHead(200, { 'content-type': ociManifest, ...length });
      if (request.method === 'HEAD') response.end();
      else endless(response, taken);
    });
    for (const call of [
      () => bed.client().resolve(image(registry), anyone),
      () => bed.client().manifest(image(registry), digestOf('x'), anyone),
    ]) {
      const { reason, message } = await failureOf(call());
      expect(reason).toBe('ErrImagePull');
      expect(message).toContain('larger than 4194304 bytes');
    }
    expect(taken.bytes).toBeLessThan(50 * 1024 * 1024);
  });

  it('of another digest are refused', async () => {
    const registry = await bed.registry((_, response) =>
      response.writeHead(200, { 'content-type': ociManifest }).end(bytes),
    );
    const { message } = await failureOf(bed.client().manifest(image(registry), digestOf('other'), anyone));
    expect(message).toContain(`has ${digestOf(bytes)} where ${digestOf('other')} was asked for`);
  });

  it('whose digest is another than the one asked for are refused from the head alone', async () => {
    const registry = await bed.registry((_, response) => {
      const headers = { 'content-type': ociManifest, 'docker-content-digest': digestOf('y'), 'content-length': 5 };
      response.writeHead(200, headers).end();
    });
    const reference = { ...image(registry), digest: digestOf('x') };
    expect((await failureOf(bed.client().resolve(reference, anyone))).message).toContain('was asked for');
  });

  it.each([
    ['<html>', 'text/html', 'is not JSON'],
    ['[]', ociManifest, 'is not a JSON object'],
    ['{}', 'text/html', 'text/html is neither a manifest nor an index'],
    ['{}', '', 'something without a type is neither'],
    [JSON.stringify({ mediaType: 'text/\u001b[31mred' }), '', 'text/ [31mred is neither'],
    [bytes, 'application/vnd.oci.image.index.v1+json', 'one of them is wrong'],
    ['{"layers":[],"manifests":[]}', ociManifest, 'it is ambiguous'],
    ['{"schemaVersion":1}', 'application/json', 'schema 1'],
    [bytes, 'application/vnd.docker.distribution.manifest.v1+prettyjws', 'schema 1'],
  ])('%j of type %j are refused', async (body, type, text) => {
    const registry = await bed.registry((_, response) => {
      response.writeHead(200, type === '' ? {} : { 'content-type': type }).end(body);
    });
    expect((await failureOf(bed.client().manifest(image(registry), digestOf(body), anyone))).message).toContain(text);
    expect((await failureOf(bed.client().resolve(image(registry), anyone))).message).toContain(text);
  });

  it('of ten thousand levels are read', async () => {
    const body = `{"mediaType":"${ociManifest}","x":${'['.repeat(10_000)}${']'.repeat(10_000)}}`;
    const registry = await bed.registry((_, response) => response.end(body));
    const { mediaType } = await bed.client().manifest(image(registry), digestOf(body), anyone);
    expect(mediaType).toBe(ociManifest);
  });

  it('are fetched where a registry does not tell their digest, or knows no HEAD', async () => {
    for (const status of [200, 405]) {
      const registry = await bed.registry((request, response) => {
        response.writeHead(request.method === 'HEAD' ? status : 200, {
          'content-type': `${ociManifest}; charset=utf-8`,
        });
        response.end(request.method === 'HEAD' ? undefined : bytes);
      });
      const found = await bed.client().resolve(image(registry), anyone);
      expect(found).toMatchObject({ digest: digestOf(bytes), mediaType: ociManifest, size: bytes.length });
    }
  });
});

describe('answers', () => {
  it('that nobody reads cost no connection when they are small, and end one when they do not end', async () => {
    let length: number | undefined = 100;
    const bytes = JSON.stringify({ mediaType: ociManifest });
    const registry = await bed.registry((request, response) => {
      if (request.url === '/end') response.writeHead(200, { 'content-type': ociManifest }).end(bytes);
      else {
        response.writeHead(307, { location: '/end', ...(length === undefined ? {} : { 'content-length': length }) });
        setImmediate(() => (length === undefined ? response.write('x') : response.end('x'.repeat(100))));
      }
    });
    const client = bed.client();
    for (let round = 0; round < 5; round++) await client.manifest(image(registry), digestOf(bytes), anyone);
    const ports = new Set(registry.requests.map(({ port }) => port));
    expect(ports.size).toBeLessThan(4);
    length = undefined;
    for (let round = 0; round < 5; round++) await client.manifest(image(registry), digestOf(bytes), anyone);
    await until(async () => (await registry.connections()) <= 4, { what: 'connections to be closed' });
  });

  it('that are no HTTP are refused', async () => {
    const registry = await bed.registry((_, response) => void response.socket?.end('SSH-2.0-OpenSSH_9\r\n'));
    expect((await failureOf(bed.client().resolve(image(registry), anyone))).message).toContain(
      'does not answer in HTTP',
    );
  });

  it('whose head never comes are given up', async () => {
    const registry = await bed.registry(() => undefined);
    const { reason, message } = await failureOf(bed.client({ requestTimeoutMs: 50 }).resolve(image(registry), anyone));
    expect(reason).toBe('RegistryUnavailable');
    expect(message).toContain('no answer within 50 ms');
  });

  it('with a head without end are refused', async () => {
    const registry = await bed.registry((_, { socket }) => {
      socket?.write('HTTP/1.1 200 OK\r\n');
      const more = (): void => {
        if (socket?.destroyed === false) socket.write(`X: ${'x'.repeat(8000)}\r\n`, () => setImmediate(more));
      };
      socket?.on('error', () => undefined);
      more();
    });
    expect((await failureOf(bed.client().resolve(image(registry), anyone))).message).toContain(
      'does not answer in HTTP',
    );
  });

  it('of refusals are shown in one short line, whatever they hold', async () => {
    const errors = [
      { code: 'MANIFEST_UNKNOWN', message: `no\n\u001b[2Jsuch\u202e${'!'.repeat(100_000)}` },
      null,
      { code: 7 },
    ];
    const bodies = [
      JSON.stringify({ errors: errors.slice(0, 2) }).slice(0, 50_000),
      JSON.stringify({ errors: [{ ...errors[0], message: 'no\n\u001b[2Jsuch\u202e' }, ...errors.slice(1)] }),
      '{"errors":',
      'null',
    ];
    for (const body of bodies) {
      const registry = await bed.registry((_, response) => response.writeHead(404).end(body));
      const { message } = await failureOf(bed.client().resolve(image(registry), anyone));
      expect(message).toMatch(/answered 404( \(MANIFEST_UNKNOWN: no \[2Jsuch \))?: check the name and the tag/);
      expect(message.length).toBeLessThan(500);
    }
  });
});
