import { afterEach, describe, expect, it } from '@jest/globals';
import { anyone, Bed, digestOf, failureOf, image, ociManifest } from '../testing/fake-registry.ts';

const bed = new Bed();
afterEach(() => bed.close());

describe('a manifest', () => {
  const bytes = Buffer.from(JSON.stringify({ mediaType: ociManifest, layers: [] }));
  const manifest = { mediaType: ociManifest, digest: digestOf(bytes), size: bytes.length, bytes };

  it('is sent under its tag, or its digest', async () => {
    const registry = await bed.registry((_, response) =>
      response.writeHead(201, { 'docker-content-digest': manifest.digest }).end(),
    );
    const client = bed.client();
    await client.pushManifest(image(registry, 'v1'), manifest, anyone);
    await client.pushManifest({ ...image(registry), tag: '', digest: manifest.digest }, manifest, anyone);
    expect(registry.requests.map(({ method, url, headers }) => [method, url, headers['content-type']])).toEqual([
      ['PUT', '/v2/team/app/manifests/v1', ociManifest],
      ['PUT', `/v2/team/app/manifests/${manifest.digest}`, ociManifest],
    ]);
  });

  it.each([
    [
      400,
      '{"errors":[{"code":"MANIFEST_INVALID","message":"bad"},{"code":"MANIFEST_BLOB_UNKNOWN","message":"no blob"}]}',
      'ErrImagePush',
      'answered 400 \\(MANIFEST_INVALID: bad; MANIFEST_BLOB_UNKNOWN: no blob\\)',
    ],
    [403, '', 'ErrImagePush', 'answered 403: these credentials lack the right'],
    [404, '', 'ErrImagePush', 'answered 404: check the name'],
    [500, '', 'RegistryUnavailable', 'answered 500: try later'],
  ])('that is answered with %i %s fails with what the registry said', async (status, body, reason, text) => {
    const registry = await bed.registry((_, response) => response.writeHead(status).end(body));
    const failure = await failureOf(bed.client().pushManifest(image(registry), manifest, anyone));
    expect(failure.reason).toBe(reason);
    expect(failure.message).toMatch(new RegExp(text));
    expect(registry.requests).toHaveLength(status === 500 ? 3 : 1);
  });

  it('that the registry stored as another, or whose digest is wrong, fails', async () => {
    const registry = await bed.registry((_, response) =>
      response.writeHead(201, { 'docker-content-digest': digestOf('x') }).end(),
    );
    expect((await failureOf(bed.client().pushManifest(image(registry), manifest, anyone))).message).toContain(
      `has ${digestOf('x')} where`,
    );
    const wrong = { ...manifest, digest: digestOf('y') };
    expect((await failureOf(bed.client().pushManifest(image(registry), wrong, anyone))).message).toContain(
      'are others than its digest says',
    );
  });
});
