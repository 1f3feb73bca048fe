/** Mirrors: tried in their order, passed by when they are of no help. */
import { afterEach, describe, expect, it } from '@jest/globals';
import {
  anyone,
  as,
  Bed,
  blobOf,
  collect,
  digestOf,
  failureOf,
  image,
  ociManifest,
  type FakeRegistry,
  type Handler,
} from './testing/fake-registry.ts';

const bed = new Bed();
afterEach(() => bed.close());

const layer = Buffer.alloc(50_000, 'layer');
const blob = blobOf(layer);
const bytes = JSON.stringify({ mediaType: ociManifest, layers: [] });

const good: Handler = (request, response) => {
  if (request.url?.includes('/blobs/') === true) response.end(layer);
  else response.writeHead(200, { 'content-type': ociManifest, 'docker-content-digest': digestOf(bytes) }).end(bytes);
};
const failing: Handler = (_, response) => response.writeHead(500).end();

function mirrored(registry: FakeRegistry, ...endpoints: readonly string[]): Readonly<Record<string, unknown>> {
  return { mirrors: [{ registry: registry.host, endpoints }], tries: 1 };
}

describe('mirrors', () => {
  it('are asked first, below their path and with the name of the registry; not the registry', async () => {
    const [registry, mirror] = [await bed.registry(good), await bed.registry(good)];
    const client = bed.client(mirrored(registry, `http://${mirror.host}/hub/`));
    await client.resolve(image(registry, 'v1'), anyone);
    await client.manifest(image(registry, 'v1'), digestOf(bytes), anyone);
    expect((await collect(client.blob(image(registry), blob, anyone))).equals(layer)).toBe(true);
    const ns = `ns=${encodeURIComponent(registry.host)}`;
    expect(mirror.requests.map(({ url }) => url)).toEqual([
      `/v2/hub/team/app/manifests/v1?${ns}`,
      `/v2/hub/team/app/manifests/v1?${ns}`,
      `/v2/hub/team/app/manifests/${digestOf(bytes)}?${ns}`,
      `/v2/hub/team/app/blobs/${blob.digest}?${ns}`,
    ]);
    expect(registry.requests).toHaveLength(0);
  });

  it('that fail leave it to the next, and to the registry', async () => {
    const registry = await bed.registry(good);
    const mirrors = [await bed.registry(failing), await bed.registry((_, response) => response.writeHead(404).end())];
    const client = bed.client(mirrored(registry, ...mirrors.map(({ host }) => `http://${host}`)));
    expect(await client.resolve(image(registry), anyone)).toMatchObject({ digest: digestOf(bytes) });
    expect(mirrors.map(({ requests }) => requests.length)).toEqual([1, 2]);
    expect(bed.log.lines.filter(({ message }) => message === 'a mirror was of no help')).toHaveLength(2);
  });

  it('for all registries are asked after those for one', async () => {
    const order: string[] = [];
    const noting =
      (name: string): Handler =>
      (_, response) => {
        order.push(name);
        response.writeHead(500).end();
      };
    const [registry, one, all] = [
      await bed.registry(noting('own')),
      await bed.registry(noting('one')),
      await bed.registry(noting('all')),
    ];
    const client = bed.client({
      tries: 1,
      mirrors: [
        { registry: '*', endpoints: [`http://${all.host}`] },
        { registry: registry.host, endpoints: [`http://${one.host}`] },
      ],
    });
    const { reason, message } = await failureOf(client.resolve(image(registry), anyone));
    expect(order).toEqual(['one', 'all', 'own']);
    expect(reason).toBe('RegistryUnavailable');
    expect(message).toMatch(
      /answered 500.* \(its mirrors were of no help: 127.0.0.1:\d+ answered 500; 127.0.0.1:\d+ answered 500\)/,
    );
  });

  it('that break in the middle of a blob leave the rest to the registry', async () => {
    const registry = await bed.registry((request, response) => {
      const [, from = '0'] = /^bytes=(\d+)-/.exec(request.headers.range ?? '') ?? [];
      const headers = { 'content-range': `bytes ${from}-${layer.length - 1}/${layer.length}` };
      response.writeHead(from === '0' ? 200 : 206, headers).end(layer.subarray(Number(from)));
    });
    const mirror = await bed.registry((_, response) => {
      response.write(layer.subarray(0, 20_000), () => setImmediate(() => response.destroy()));
    });
    const client = bed.client(mirrored(registry, `http://${mirror.host}`));
    expect((await collect(client.blob(image(registry), blob, anyone))).equals(layer)).toBe(true);
    expect(registry.requests.map(({ headers }) => headers.range)).toEqual(['bytes=20000-49999']);
  });

  it('that cannot be reached are passed by for a while', async () => {
    const registry = await bed.registry(good);
    const gone = await bed.registry(good);
    await gone.close();
    const client = bed.client(mirrored(registry, `http://${gone.host}`));
    for (let round = 0; round < 3; round++) await client.resolve(image(registry), anyone);
    expect(bed.log.lines.filter(({ fields }) => fields['mirror'] === gone.host)).toHaveLength(1);
  });

  it('that have wrong bytes for a blob are passed by for it the next time', async () => {
    const registry = await bed.registry(good);
    const mirror = await bed.registry((_, response) => response.end(Buffer.alloc(layer.length, 'wrong')));
    const client = bed.client(mirrored(registry, `http://${mirror.host}`));
    expect((await failureOf(collect(client.blob(image(registry), blob, anyone)))).message).toContain(
      'the bytes are those of',
    );
    expect((await collect(client.blob(image(registry), blob, anyone))).equals(layer)).toBe(true);
    expect(mirror.requests).toHaveLength(1);
  });

  it('get no credentials of the registry, and their own ones', async () => {
    const demanding: Handler = (request, response) => {
      if (request.headers.authorization === undefined)
        response.writeHead(401, { 'www-authenticate': 'Basic realm="m"' }).end();
      else good(request, response);
    };
    const [registry, mirror] = [await bed.registry(demanding), await bed.registry(demanding)];
    const client = bed.client(mirrored(registry, `http://${mirror.host}`));
    const own = { registry: registry.host, username: 'own', password: 'p' };
    await client.resolve(image(registry), as(own));
    expect(mirror.requests.map(({ headers }) => headers.authorization)).toEqual([undefined, undefined]);
    await client.resolve(image(registry), as(own, { registry: mirror.host, username: 'mirror', password: 'p' }));
    expect(mirror.requests.at(-1)?.headers.authorization).toBe(`Basic ${Buffer.from('mirror:p').toString('base64')}`);
  });

  it('are not pushed to', async () => {
    const registry = await bed.registry((_, response) => response.writeHead(201).end());
    const mirror = await bed.registry(good);
    const client = bed.client(mirrored(registry, `http://${mirror.host}`));
    await client.pushManifest(
      image(registry),
      { mediaType: ociManifest, digest: digestOf(bytes), size: bytes.length, bytes: Buffer.from(bytes) },
      anyone,
    );
    await client.hasBlob(image(registry), blob.digest, anyone).catch(() => undefined);
    expect(mirror.requests).toHaveLength(0);
  });
});
