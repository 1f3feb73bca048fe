/** The client of registries against Debian's docker-registry, beside Debian's skopeo. */
import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createRealEnv } from '@timonel/core/env';
import { openImageRegistry, type OpenImageRegistry } from '@timonel/plugin-registry-distribution';
import type { ImageReference, RegistryAccess } from '@timonel/sdk/contracts/registry';
import { createRecordingLogger } from '@timonel/testkit';
import {
  skopeo,
  skopeoCopy,
  startRegistry,
  writeLayout,
  type DockerRegistry,
  type WrittenLayout,
} from '../../support/registry/index.ts';

const anyone: RegistryAccess = { credentials: [], plainHttp: false, signal: undefined };

function open(config: Readonly<Record<string, unknown>> = {}): OpenImageRegistry {
  return openImageRegistry({ env: createRealEnv(), log: createRecordingLogger(), config });
}

function named(registry: string, repository: string, tag = 'latest'): ImageReference {
  return { registry, repository, tag, digest: '' };
}

async function collect(source: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of source) chunks.push(chunk);
  return Buffer.concat(chunks);
}

function digestOf(bytes: string | Uint8Array): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

/** Whatever the reference names, with all it consists of, from one registry to another. */
async function copyAll(client: OpenImageRegistry, from: ImageReference, to: ImageReference): Promise<void> {
  const { digest } = await client.resolve(from, anyone);
  await copyManifest(client, { ...from, tag: '', digest }, to);
}

async function copyManifest(client: OpenImageRegistry, from: ImageReference, to: ImageReference): Promise<void> {
  const manifest = await client.manifest(from, from.digest, anyone);
  const parts = JSON.parse(Buffer.from(manifest.bytes).toString()) as {
    manifests?: { digest: string }[];
    config?: { digest: string; size: number; mediaType: string };
    layers?: { digest: string; size: number; mediaType: string }[];
  };
  for (const { digest } of parts.manifests ?? []) {
    await copyManifest(client, { ...from, digest }, { ...to, tag: '', digest });
  }
  for (const blob of [...(parts.layers ?? []), ...(parts.config === undefined ? [] : [parts.config])]) {
    await client.pushBlob(to, blob, () => client.blob(from, blob, anyone), anyone);
  }
  await client.pushManifest(to, manifest, anyone);
}

describe('a real registry', () => {
  let registry: DockerRegistry;
  let directory: string;
  let single: WrittenLayout;
  let several: WrittenLayout;
  const client = open();

  beforeAll(async () => {
    registry = await startRegistry();
    directory = await mkdtemp(join(tmpdir(), 'timonel-registry-test-'));
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
    await skopeoCopy(`oci:${join(directory, 'single')}:v1`, `docker://${registry.host}/team/single:v1`);
    await skopeoCopy(`oci:${join(directory, 'several')}:v1`, `docker://${registry.host}/several:v1`, { all: true });
  });

  afterAll(async () => {
    client.close();
    await registry?.stop();
    await rm(directory, { recursive: true, force: true });
  });

  it('is read: an image of several layers that skopeo pushed', async () => {
    const reference = named(registry.host, 'team/single', 'v1');
    const found = await client.resolve(reference, anyone);
    expect(found).toEqual(single.root);
    const manifest = await client.manifest(reference, found.digest, anyone);
    const { layers } = JSON.parse(Buffer.from(manifest.bytes).toString()) as { layers: (typeof single.root)[] };
    expect(layers).toEqual(single.images[0]?.layers);
    const sizes = await Promise.all(
      layers.map(async (layer) => (await collect(client.blob(reference, layer, anyone))).length),
    );
    expect(sizes).toEqual(layers.map(({ size }) => size));
  });

  it('is written: what is pushed to another repository is what skopeo sees there', async () => {
    for (const [from, layout] of [
      ['team/single', single],
      ['several', several],
    ] as const) {
      await copyAll(client, named(registry.host, from, 'v1'), named(registry.host, `copied/${from}`, 'v2'));
      const raw = await skopeo('inspect', '--raw', '--tls-verify=false', `docker://${registry.host}/copied/${from}:v2`);
      const target = `dir:${join(directory, `copied-${from.replace('/', '-')}`)}`;
      await skopeoCopy(`docker://${registry.host}/copied/${from}:v2`, target, { all: true });
      expect(digestOf(raw)).toBe(layout.root.digest);
    }
  });
});
