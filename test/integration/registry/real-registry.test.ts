/** The client of registries against Debian's docker-registry, beside Debian's skopeo. */
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  skopeo,
  skopeoCopy,
  startRegistry,
  writeLayout,
  type DockerRegistry,
  type LayoutDescriptor,
  type WrittenLayout,
} from '../../support/registry/index.ts';
import { anyone, collect, copyImage, digestOf, named, openClient } from './bed.ts';

describe('a real registry', () => {
  let registry: DockerRegistry;
  let other: DockerRegistry;
  let directory: string;
  let single: WrittenLayout;
  let several: WrittenLayout;
  const client = openClient();

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'timonel-registry-test-'));
    registry = await startRegistry();
    other = await startRegistry();
    single = await writeLayout(join(directory, 'single'), 'v1', [
      {
        platform: 'linux/amd64',
        layers: [{ 'bin/one': randomBytes(2_000_000) }, { 'bin/two': 'two' }, { 'bin/three': 'three' }],
        config: { Cmd: ['/bin/one'] },
      },
    ]);
    several = await writeLayout(join(directory, 'several'), 'v1', [
      { platform: 'linux/amd64', layers: [{ arch: 'amd64' }] },
      { platform: 'linux/arm64/v8', layers: [{ arch: 'arm64' }] },
    ]);
    const fill = (name: string, tag: string, options = {}): Promise<void> =>
      skopeoCopy(`oci:${join(directory, name)}:v1`, `docker://${registry.host}/team/${name}:${tag}`, options);
    // docker-registry answers 500 when two write the same blobs into one repository at once.
    const fillTags = async (name: string, options = {}): Promise<void> => {
      await fill(name, 'v1', options);
      await fill(name, 'docker', { ...options, format: 'v2s2' });
    };
    await Promise.all([fillTags('single'), fillTags('several', { all: true })]);
  });

  afterAll(async () => {
    client.close();
    await Promise.all([registry?.stop(), other?.stop()]);
    await rm(directory, { recursive: true, force: true });
  });

  it('is read: an image of several layers that skopeo pushed', async () => {
    const reference = named(registry.host, 'team/single', 'v1');
    const found = await client.resolve(reference, anyone);
    expect(found).toEqual(single.root);
    const manifest = await client.manifest(reference, found.digest, anyone);
    const { layers } = JSON.parse(Buffer.from(manifest.bytes).toString()) as { layers: LayoutDescriptor[] };
    expect(layers).toEqual(single.images[0]?.layers);
    const read = await Promise.all(layers.map((layer) => collect(client.blob(reference, layer, anyone))));
    expect(read.map(digestOf)).toEqual(layers.map(({ digest }) => digest));
    const [first] = layers;
    if (first === undefined) throw new Error('there are layers');
    const rest = await collect(client.blob(reference, first, anyone, 1_000_000));
    expect(rest.equals(read[0]?.subarray(1_000_000) ?? rest)).toBe(true);
  });

  it.each([
    ['several', 'v1', 'application/vnd.oci.image.index.v1+json'],
    ['several', 'docker', 'application/vnd.docker.distribution.manifest.list.v2+json'],
    ['single', 'v1', 'application/vnd.oci.image.manifest.v1+json'],
    ['single', 'docker', 'application/vnd.docker.distribution.manifest.v2+json'],
  ])('is written: %s:%s, pushed to another registry, is what skopeo reads there', async (name, tag, mediaType) => {
    const from = named(registry.host, `team/${name}`, tag);
    const root = await client.resolve(from, anyone);
    expect(root.mediaType).toBe(mediaType);
    await copyImage(client, { reference: from }, { reference: named(other.host, `copied/${name}`, tag) });
    const source = `docker://${other.host}/copied/${name}:${tag}`;
    expect(digestOf(await skopeo('inspect', '--raw', '--tls-verify=false', source))).toBe(root.digest);
    // Reads and checks every layer.
    await skopeoCopy(source, `dir:${join(directory, `copied-${name}-${tag}`)}`, { all: true });
  });

  it('gives blobs from one repository to another', async () => {
    const layer = single.images[0]?.layers[0];
    if (layer === undefined) throw new Error('there are layers');
    const from = named(registry.host, 'team/single');
    await collect(client.blob(from, layer, anyone));
    const none = (): AsyncIterable<Uint8Array> => {
      throw new Error('the content was asked for');
    };
    const to = named(registry.host, 'mounted');
    expect(await client.hasBlob(to, layer.digest, anyone)).toBe(false);
    await client.pushBlob(to, layer, none, anyone);
    expect(await client.hasBlob(to, layer.digest, anyone)).toBe(true);
  });

  it('takes blobs in chunks', async () => {
    const chunked = openClient({ uploadChunkBytes: 700_000 });
    try {
      const layer = single.images[0]?.layers[0];
      if (layer === undefined) throw new Error('there are layers');
      const from = named(registry.host, 'team/single');
      await chunked.pushBlob(named(other.host, 'chunked'), layer, () => chunked.blob(from, layer, anyone), anyone);
      expect(await chunked.hasBlob(named(other.host, 'chunked'), layer.digest, anyone)).toBe(true);
    } finally {
      chunked.close();
    }
  });

  it('refuses a damaged blob, and keeps nothing of it', async () => {
    const [layer] = several.images[0]?.layers ?? [];
    if (layer === undefined) throw new Error('there are layers');
    const damaged = async function* (): AsyncGenerator<Uint8Array, void, undefined> {
      yield Buffer.alloc(layer.size, 'x');
    };
    // One that knows no other repository that has it.
    const fresh = openClient();
    const push = fresh.pushBlob(named(other.host, 'damaged'), layer, damaged, anyone);
    await expect(push).rejects.toMatchObject({
      reason: 'ErrImagePush',
      message: expect.stringMatching(/answered 400 \(DIGEST_INVALID: .*may be damaged/),
    });
    expect(await fresh.hasBlob(named(other.host, 'damaged'), layer.digest, anyone)).toBe(false);
    fresh.close();
  });

  it('says what is not there', async () => {
    await expect(client.resolve(named(registry.host, 'team/single', 'v9'), anyone)).rejects.toMatchObject({
      reason: 'ErrImagePull',
      message: expect.stringMatching(/answered 404 \(MANIFEST_UNKNOWN: manifest unknown\): check the name and the tag/),
    });
    const [blob] = single.images[0]?.layers ?? [];
    if (blob === undefined) throw new Error('there are layers');
    await expect(collect(client.blob(named(registry.host, 'absent'), blob, anyone))).rejects.toMatchObject({
      message: expect.stringContaining('answered 404'),
    });
  });

  it('is found again after it was away', async () => {
    const reference = named(other.host, 'copied/single', 'v1');
    await client.resolve(reference, anyone);
    await other.halt();
    const quick = openClient({ tries: 1 });
    await expect(quick.resolve(reference, anyone)).rejects.toMatchObject({
      reason: 'RegistryUnavailable',
      message: expect.stringMatching(/no connection to .*: check that the registry runs and the port is right/),
    });
    quick.close();
    await other.run();
    expect(await client.resolve(reference, anyone)).toMatchObject({ digest: single.root.digest });
  });
});
