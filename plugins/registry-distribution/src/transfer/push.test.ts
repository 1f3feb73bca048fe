/** Uploads: what is sent, when not, and what becomes of refusals. */
import { buffer } from 'node:stream/consumers';
import { afterEach, describe, expect, it } from '@jest/globals';
import { anyone, as, Bed, blobOf, digestOf, failureOf, image } from '../testing/fake-registry.ts';
import { uploadStore } from '../testing/upload-store.ts';

const bed = new Bed();
afterEach(() => bed.close());

const layer = Buffer.alloc(100_000, 'layer');
const blob = blobOf(layer);

async function* pieces(bytes: Buffer = layer, size = 30_000): AsyncGenerator<Buffer, void, undefined> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

describe('a blob', () => {
  it('is sent whole, once', async () => {
    const { registry, blobs, calls } = await uploadStore(bed);
    const client = bed.client();
    await client.pushBlob(image(registry), blob, () => pieces(), anyone);
    await client.pushBlob(image(registry), blob, () => pieces(), anyone);
    expect(blobs.get(blob.digest)?.equals(layer)).toBe(true);
    expect(calls()).toEqual([
      'HEAD /v2/team/app/blobs/D',
      'POST /v2/team/app/blobs/uploads/',
      'PUT /up/1?_state=a%2Fb%3D&part=0&digest=D',
      'HEAD /v2/team/app/blobs/D',
    ]);
    expect(registry.requests[2]?.headers).toMatchObject({ 'content-length': '100000' });
    expect(await client.hasBlob(image(registry), blob.digest, anyone)).toBe(true);
    expect(await client.hasBlob(image(registry), digestOf('x'), anyone)).toBe(false);
  });

  it('is sent in chunks where that is configured', async () => {
    const { registry, blobs, calls } = await uploadStore(bed);
    await bed.client({ uploadChunkBytes: 45_000 }).pushBlob(image(registry), blob, () => pieces(), anyone);
    expect(blobs.get(blob.digest)?.equals(layer)).toBe(true);
    expect(calls().slice(2)).toEqual(
      [0, 1, 2]
        .map((at) => `PATCH /up/1?_state=a%2Fb%3D&part=${at}`)
        .concat('PUT /up/1?_state=a%2Fb%3D&part=3&digest=D'),
    );
    expect(registry.requests.slice(2, 5).map(({ headers }) => headers['content-range'])).toEqual([
      '0-44999',
      '45000-89999',
      '90000-99999',
    ]);
  });

  it('is taken from another repository of the registry where it was seen', async () => {
    const { registry, calls } = await uploadStore(bed);
    const client = bed.client();
    await client.pushBlob(image(registry), blob, () => pieces(), anyone);
    await client.pushBlob(image(registry, 'latest', 'else'), { ...blob }, () => pieces(), anyone);
    expect(calls().slice(3)).toEqual(['HEAD /v2/else/blobs/D']);
    const {
      registry: second,
      blobs,
      calls: made,
    } = await uploadStore(bed, (request, response) => {
      if (request.method !== 'HEAD' || !(request.url ?? '').includes('/else/')) return false;
      response.writeHead(404).end();
      return true;
    });
    await client.pushBlob(image(second), blob, () => pieces(), anyone);
    await client.pushBlob(image(second, 'latest', 'else'), blob, () => pieces(), anyone);
    expect(blobs.size).toBe(1);
    expect(made().slice(3)).toEqual(['HEAD /v2/else/blobs/D', 'POST /v2/else/blobs/uploads/?mount=D&from=team%2Fapp']);
  });

  it('is sent when it may not be taken from the other repository', async () => {
    const { registry, blobs, calls } = await uploadStore(bed, (request, response) => {
      const { method, url = '' } = request;
      if (!url.includes('/else/') || (method !== 'HEAD' && !url.includes('mount='))) return false;
      response.writeHead(method === 'HEAD' ? 404 : 403).end();
      return true;
    });
    const client = bed.client();
    await client.pushBlob(image(registry), blob, () => pieces(), anyone);
    blobs.clear();
    await client.pushBlob(image(registry, 'latest', 'else'), blob, () => pieces(), anyone);
    expect(blobs.size).toBe(1);
    expect(calls().slice(4)).toEqual([
      'POST /v2/else/blobs/uploads/?mount=D&from=team%2Fapp',
      'POST /v2/else/blobs/uploads/',
      'PUT /up/1?_state=a%2Fb%3D&part=0&digest=D',
    ]);
  });

  it.each(['reset', 500, 503, 429] as const)('is sent again from its beginning after %s', async (what) => {
    let times = 0;
    const { registry, blobs } = await uploadStore(bed, (request, response) => {
      if (request.method !== 'PUT' || times++ > 1) return false;
      if (what === 'reset') request.once('data', () => request.socket.resetAndDestroy());
      else request.resume().on('end', () => response.writeHead(what, { 'retry-after': '0' }).end());
      return true;
    });
    let begun = 0;
    const content = (): AsyncIterable<Uint8Array> => {
      begun += 1;
      return pieces();
    };
    await bed.client().pushBlob(image(registry), blob, content, anyone);
    expect(blobs.get(blob.digest)?.equals(layer)).toBe(true);
    expect(begun).toBe(3);
  });

  it('that arrived although the answer was lost is not sent again', async () => {
    const { registry, blobs, calls } = await uploadStore(bed, (request) => {
      if (request.method !== 'PUT') return false;
      void buffer(request).then((body) => {
        blobs.set(blob.digest, body);
        request.socket.resetAndDestroy();
      });
      return true;
    });
    await bed.client().pushBlob(image(registry), blob, () => pieces(), anyone);
    expect(calls().filter((call) => call.startsWith('PUT'))).toHaveLength(1);
  });

  it('is refused early, and the rest is not sent', async () => {
    const { registry } = await uploadStore(bed, (request, response) => {
      if (request.method !== 'PUT') return false;
      response.writeHead(413).end('<html>too large</html>');
      return true;
    });
    const client = bed.client({ connectionsPerHost: 1 });
    let sent = 0;
    const large = { ...blob, size: 1024 ** 3 };
    async function* much(): AsyncGenerator<Uint8Array, void, undefined> {
      for (; ; sent += layer.length) yield layer;
    }
    const { reason, message } = await failureOf(client.pushBlob(image(registry), large, much, anyone));
    expect(reason).toBe('ErrImagePush');
    expect(message).toMatch(/answered 413: .*set uploadChunkBytes/);
    expect(sent).toBeLessThan(100 * 1024 ** 2);
    // The connection that was to carry the rest is not waited for.
    expect(await client.hasBlob(image(registry), blob.digest, anyone)).toBe(false);
  });

  it.each([
    ['shorter', { ...blob, size: blob.size + 1 }, 'the content has 100000 bytes and was said to have 100001'],
    ['longer', { ...blob, size: blob.size - 1 }, 'the content has more than the 99999 bytes'],
    [
      'other',
      { ...blob, digest: digestOf('x') },
      'DIGEST_INVALID: provided digest did not match.*may be damaged: pull or build',
    ],
  ])('whose content is %s than said is refused, and the upload given up', async (_, descriptor, text) => {
    for (const config of [{}, { uploadChunkBytes: 40_000 }]) {
      const { registry, blobs, calls } = await uploadStore(bed);
      const { reason, message } = await failureOf(
        bed.client(config).pushBlob(image(registry), descriptor, () => pieces(), anyone),
      );
      expect(reason).toBe('ErrImagePush');
      expect(message).toMatch(new RegExp(text));
      expect(blobs.size).toBe(0);
      expect(calls().filter((call) => call.startsWith('PUT')).length).toBeLessThan(2);
      expect(calls()).toContainEqual(expect.stringMatching(/^DELETE \/up\/1/));
    }
  });

  it('that cannot be read is not tried again', async () => {
    const { registry, calls } = await uploadStore(bed);
    // oxlint-disable-next-line require-yield
    async function* broken(): AsyncGenerator<Uint8Array, void, undefined> {
      throw new Error('EIO: the disk');
    }
    const { message } = await failureOf(bed.client().pushBlob(image(registry), blob, broken, anyone));
    expect(message).toContain('the content cannot be read: EIO: the disk');
    expect(calls().filter((call) => call.startsWith('POST'))).toHaveLength(1);
  });

  it('whose content comes slowly is sent all the same', async () => {
    const { registry, blobs } = await uploadStore(bed);
    async function* slow(): AsyncGenerator<Uint8Array, void, undefined> {
      for await (const piece of pieces()) {
        await new Promise((resolve) => void setTimeout(resolve, 60));
        yield piece;
      }
    }
    await bed.client({ stallTimeoutMs: 20, requestTimeoutMs: 40 }).pushBlob(image(registry), blob, slow, anyone);
    expect(blobs.get(blob.digest)?.equals(layer)).toBe(true);
    expect(registry.requests.filter(({ method }) => method === 'PUT')).toHaveLength(1);
  });

  it('that a registry stops taking is given up after some tries', async () => {
    const { registry } = await uploadStore(bed, (request) => {
      if (request.method !== 'PUT') return false;
      request.pause();
      return true;
    });
    const much = { ...blob, size: 1024 ** 3 };
    async function* endless(): AsyncGenerator<Uint8Array, void, undefined> {
      for (;;) yield layer;
    }
    const { reason, message } = await failureOf(
      bed.client({ tries: 2 }).pushBlob(image(registry), much, endless, anyone),
    );
    expect(reason).toBe('RegistryUnavailable');
    expect(message).toContain('nothing more was taken within 100 ms');
  });

  it('is pushed by whoever may, though the registry asks only then', async () => {
    const { registry, blobs } = await uploadStore(bed, (request, response) => {
      const right = `Basic ${Buffer.from('w:p').toString('base64')}`;
      if (request.method === 'HEAD' || request.headers.authorization === right) return false;
      request.resume();
      response.writeHead(401, { 'www-authenticate': 'Basic realm="r"' }).end();
      return true;
    });
    const { host } = registry;
    await bed
      .client()
      .pushBlob(
        image(registry),
        blob,
        () => pieces(),
        as({ registry: host, username: 'r', password: 'p' }, { registry: host, username: 'w', password: 'p' }),
      );
    expect(blobs.size).toBe(1);
  });

  it('goes to a storage host that the registry names, without credentials', async () => {
    const stored: Buffer[] = [];
    let demanding = false;
    const storage = await bed.registry((request, response) => {
      void buffer(request).then((body) => {
        stored.push(body);
        response.writeHead(demanding ? 401 : 201, { 'www-authenticate': 'Basic realm="give"' }).end();
      });
    });
    const { registry } = await uploadStore(bed, (request, response) => {
      if (request.headers.authorization === undefined) {
        response.writeHead(401, { 'www-authenticate': 'Basic realm="r"' }).end();
      } else if (request.method === 'POST')
        response.writeHead(202, { location: `http://${storage.host}/x?sig=1` }).end();
      else return false;
      return true;
    });
    const access = as({ registry: registry.host, username: 'u', password: 'p' });
    await bed.client().pushBlob(image(registry), blob, () => pieces(), access);
    expect(stored[0]?.equals(layer)).toBe(true);
    demanding = true;
    const { message } = await failureOf(bed.client().pushBlob(image(registry), blob, () => pieces(), access));
    expect(message).toContain(`${storage.host} answered 401`);
    expect(storage.requests.every(({ headers }) => headers.authorization === undefined)).toBe(true);
  });

  it('goes on with a new token where the one it began with expires', async () => {
    let issued = 0;
    const realm = await bed.registry((_, response) => response.end(`{"token":"t${++issued}"}`));
    const { registry, blobs } = await uploadStore(bed, (request, response) => {
      const expired = request.method === 'PUT' ? 't1' : '';
      const token = request.headers.authorization?.slice('Bearer '.length) ?? expired;
      if (token !== '' && token !== expired) return false;
      request.resume().on('end', () => {
        response.writeHead(401, { 'www-authenticate': `Bearer realm="http://${realm.host}/"` }).end();
      });
      return true;
    });
    await bed
      .client()
      .pushBlob(image(registry), blob, () => pieces(), as({ registry: registry.host, username: 'u', password: 'p' }));
    expect(blobs.get(blob.digest)?.equals(layer)).toBe(true);
    expect(issued).toBe(2);
  });

  it('of which a chunk is refused is not sent as somebody else', async () => {
    const seen = new Set<string | undefined>();
    const { registry } = await uploadStore(bed, (request, response) => {
      if (request.method === 'DELETE') return false;
      if (request.method === 'PATCH') seen.add(request.headers.authorization);
      if (request.method !== 'PATCH' && request.headers.authorization !== undefined) return false;
      request.resume().on('end', () => response.writeHead(401, { 'www-authenticate': 'Basic' }).end());
      return true;
    });
    const users = ['one', 'two'].map((username) => ({ registry: registry.host, username, password: 'p' }));
    const push = bed.client({ uploadChunkBytes: 45_000 }).pushBlob(image(registry), blob, () => pieces(), as(...users));
    expect(await failureOf(push)).toMatchObject({
      reason: 'ErrImagePush',
      message: expect.stringContaining('answered 401'),
    });
    expect([...seen]).toEqual([`Basic ${Buffer.from('one:p').toString('base64')}`]);
  });
});
