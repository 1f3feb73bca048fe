/** Where a registry may send the client, and what the client takes along. */
import { afterEach, describe, expect, it } from '@jest/globals';
import { guardFor } from './hosts/guarded-lookup.ts';
import { checkedTarget, mayCarrySecrets } from './hosts/target.ts';
import { anyone, as, Bed, blobOf, collect, failureOf, image, type FakeRegistry } from './testing/fake-registry.ts';

const bed = new Bed();
afterEach(() => bed.close());

const layer = Buffer.from('a layer');
const blob = blobOf(layer);

/** Demands a password, and then sends whoever asks for blobs elsewhere. */
function guarded(location: (host: string) => string): Promise<FakeRegistry> {
  return bed.registry((request, response) => {
    if (request.headers.authorization === undefined) {
      response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end();
    } else response.writeHead(307, { location: location(request.headers.host ?? '') }).end();
  });
}

describe('redirects', () => {
  it('to a storage host are followed without credentials', async () => {
    const storage = await bed.registry((_, response) => response.end(layer));
    const registry = await guarded(() => `http://${storage.host}/storage/x?signature=%41`);
    const access = as({ registry: registry.host, username: 'u', password: 'p' });
    expect(await collect(bed.client().blob(image(registry), blob, access))).toEqual(layer);
    expect(registry.requests.map(({ headers }) => headers.authorization)).toEqual([undefined, 'Basic dTpw']);
    expect(storage.requests).toHaveLength(1);
    expect(storage.requests[0]?.url).toBe('/storage/x?signature=%41');
    expect(storage.requests[0]?.headers.authorization).toBeUndefined();
  });

  it('to a storage host that demands credentials end there', async () => {
    const storage = await bed.registry((_, response) =>
      response
        .writeHead(401, { 'www-authenticate': 'Basic realm="give"' })
        .end('{"errors":[{"message":"inner secret"}]}'),
    );
    const registry = await guarded(() => `http://${storage.host}/storage`);
    const access = as({ registry: registry.host, username: 'u', password: 'p' });
    const { message } = await failureOf(collect(bed.client().blob(image(registry), blob, access)));
    expect(message).toContain(`${storage.host} answered 401`);
    expect(message).not.toContain('inner secret');
    expect(storage.requests.map(({ headers }) => headers.authorization)).not.toContain('Basic dTpw');
  });

  it('back to the registry over another host do not get the credentials again', async () => {
    const back: { host: string } = { host: '' };
    const storage = await bed.registry((_, response) =>
      response.writeHead(302, { location: `http://${back.host}/other` }).end(),
    );
    const registry = await bed.registry((request, response) => {
      if (request.url === '/other') response.end(layer);
      else if (request.headers.authorization === undefined)
        response.writeHead(401, { 'www-authenticate': 'Basic' }).end();
      else response.writeHead(302, { location: `http://${storage.host}/` }).end();
    });
    back.host = registry.host;
    const access = as({ registry: registry.host, username: 'u', password: 'p' });
    expect(await collect(bed.client().blob(image(registry), blob, access))).toEqual(layer);
    expect(registry.requests.at(-1)).toMatchObject({ url: '/other' });
    expect(registry.requests.at(-1)?.headers.authorization).toBeUndefined();
  });

  it('that go round in circles end', async () => {
    const registry = await bed.registry((request, response) =>
      response.writeHead(302, { location: `${request.url}x` }).end(),
    );
    const { reason, message } = await failureOf(collect(bed.client().blob(image(registry), blob, anyone)));
    expect(reason).toBe('ErrImagePull');
    expect(message).toContain('redirects more than 5 times');
    expect(registry.requests).toHaveLength(6);
  });

  it.each([
    ['file:///etc/passwd', 'neither HTTPS nor HTTP'],
    ['ftp://127.0.0.1/x', 'neither HTTPS nor HTTP'],
    ['data:text/plain,x', 'neither HTTPS nor HTTP'],
    ['http://user:pass@127.0.0.1/x', 'with a password'],
    ['http://[', 'without a usable address'],
    ['', 'without a usable address'],
  ])('to %j are not followed', async (location, text) => {
    const registry = await bed.registry((_, response) => response.writeHead(302, { location }).end());
    expect((await failureOf(collect(bed.client().blob(image(registry), blob, anyone)))).message).toContain(text);
  });

  it('of what is sent are not followed', async () => {
    const registry = await bed.registry((request, response) => {
      if (request.method === 'HEAD') response.writeHead(404).end();
      else response.writeHead(307, { location: '/elsewhere' }).end();
    });
    const push = bed.client().pushBlob(image(registry), blob, () => [layer] as never, anyone);
    expect(await failureOf(push)).toMatchObject({
      reason: 'ErrImagePush',
      message: expect.stringContaining('answered 307'),
    });
  });
});

describe('checkedTarget', () => {
  const target = (from: string, to: string, plain: readonly string[] = []): string => {
    try {
      return checkedTarget(new URL(from), to, 'a redirect', new Set(plain)).href;
    } catch (error) {
      return (error as Error).message;
    }
  };

  it.each([
    ['https://r.example/v2/', 'https://cdn.example/b', 'https://cdn.example/b'],
    ['https://r.example/v2/x', '../y?z', 'https://r.example/y?z'],
    ['https://r.example/', 'http://r.example/x', 'https://r.example/x'],
    ['http://127.0.0.1:5000/', 'http://10.0.0.1/x', 'http://10.0.0.1/x'],
    ['http://127.0.0.1:5000/', 'http://[::1]:9000/x', 'http://[::1]:9000/x'],
  ])('from %s to %s leads to %s', (from, to, found) => expect(target(from, to)).toBe(found));

  it.each([
    'http://127.0.0.1/',
    'https://localhost:6443/',
    'http://2130706433/',
    'http://0x7f.1/',
    'http://[::1]/',
    'http://[::ffff:127.0.0.1]/',
    'http://169.254.169.254/latest',
    'http://0/',
    'http://[fe80::1]/',
    'http://a.localhost./',
  ])('from a registry elsewhere to %s is refused', (to) =>
    expect(target('https://r.example/', to)).toMatch(/an address of this node: it is not followed/),
  );

  it('to plain HTTP elsewhere is refused, unless it was asked for', () => {
    expect(target('https://r.example/', 'http://cdn.example/b')).toContain('which is plain HTTP');
    expect(target('https://r.example/', 'http://cdn.example/b', ['cdn.example'])).toBe('http://cdn.example/b');
  });
});

describe('mayCarrySecrets', () => {
  it.each([
    ['https://r.example/', true],
    ['http://127.0.0.1:5000/', true],
    ['http://r.example/', false],
    ['http://r.example:5000/', true],
    ['http://10.0.0.1/', false],
    ['http://127.0.0.1.example.com/', false],
  ])('to %s: %s', (url, may) => expect(mayCarrySecrets(new URL(url), new Set(['r.example:5000']))).toBe(may));
});

describe('guardFor', () => {
  const registry = new URL('https://r.example/');

  it('watches the names that a registry elsewhere gives', async () => {
    const named = new URL('https://localhost:6443/');
    for (const all of [true, false]) {
      const error = await new Promise((resolve) => guardFor(registry, named)?.('localhost', { all }, resolve));
      expect(error).toMatchObject({ kind: 'untrusted', message: expect.stringContaining('an address of this node') });
    }
    const found = await new Promise((resolve) =>
      guardFor(registry, named)?.('192.0.2.1', {}, (...answer) => resolve(answer)),
    );
    expect(found).toEqual([null, '192.0.2.1', 4]);
  });

  it('leaves alone the name of the registry itself, and what a registry on this node says', () => {
    expect(guardFor(registry, new URL('https://r.example/other'))).toBeUndefined();
    expect(guardFor(new URL('http://127.0.0.1:5000/'), new URL('http://storage.example/'))).toBeUndefined();
  });
});
