/** What an image service does with a registry that answers, that lies, and that breaks off. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { EnsuredImage, PullProgress } from '@timonel/sdk/contracts/images';
import type { ImageRegistry } from '@timonel/sdk/contracts/registry';
import { thisArchitecture, type ImageParts } from './archives.ts';
import { FakeRegistry, pieces, type ImageChanges } from './fake-registry.ts';
import type { ImagesUnderTest } from './index.ts';
import { sha256Hex, writeTar } from './tar-writer.ts';

const base = writeTar([{ name: 'etc/motd', content: 'base' }]);
const upper = writeTar([{ name: 'etc/motd', content: 'upper' }]);
const app: ImageParts = { layers: [base, upper], config: { Cmd: ['app'] } };
/** So large that a part of it is worth to be kept. */
const big = writeTar([{ name: 'noise', content: noise(400_000) }]);
const name = 'registry.example/app:1';

/** Bytes that do not compress. */
function noise(length: number): Buffer {
  const parts: Buffer[] = [];
  for (let i = 0; i * 32 < length; i++) parts.push(Buffer.from(sha256Hex(Buffer.from([i, i >> 8, i >> 16])), 'hex'));
  return Buffer.concat(parts).subarray(0, length);
}

export function pullContract(what: string, make: (registry?: ImageRegistry) => Promise<ImagesUnderTest>): void {
  describe(`images contract, pulls: ${what}`, () => {
    let bed: ImagesUnderTest;
    let registry: FakeRegistry;

    beforeEach(async () => {
      registry = new FakeRegistry();
      bed = await make(registry);
    });
    afterEach(() => bed?.close());

    const motd = async (image: EnsuredImage | undefined): Promise<string> =>
      readFile(join(image?.rootfs.layers[0] ?? '', 'etc/motd'), 'utf8');

    it('pulls what is absent, tells how it goes on, and then has it', async () => {
      const digest = registry.add('app:1', app);
      const seen: PullProgress[] = [];
      const image = await bed.images.ensure(name, 'IfNotPresent', { onProgress: (progress) => seen.push(progress) });
      expect(image.references).toEqual([name]);
      expect(image.config.cmd).toEqual(['app']);
      expect(image.digests).toEqual([digest]);
      expect(await motd(image)).toBe('upper');
      const sizes = [...registry.blobs.values()].map(({ length }) => length);
      // The configuration is not counted.
      expect(image.pulled?.bytes).toBe(sizes.reduce((a, b) => a + b, 0) - Math.max(...sizes));
      const phases = seen.map(({ phase }) => phase);
      expect([...new Set(phases)]).toEqual(['resolving', 'downloading', 'unpacking', 'done']);
      expect(seen.at(-1)?.layers.map(({ state }) => state)).toEqual(['done', 'done']);
      registry.calls.length = 0;
      expect((await bed.images.ensure(name, 'IfNotPresent')).pulled).toBeUndefined();
      expect(registry.calls).toEqual([]);
      const again = await bed.restart();
      expect((await again.find(name))?.id).toBe(image.id);
    });

    it('Always asks for the digest alone, and fetches only the layers that are new', async () => {
      registry.add('app:1', app);
      await bed.images.ensure(name, 'Always');
      registry.calls.length = 0;
      expect((await bed.images.ensure(name, 'Always')).pulled).toBeUndefined();
      expect(registry.calls).toEqual(['resolve app:1']);
      const newer = writeTar([{ name: 'etc/motd', content: 'newer' }]);
      registry.add('app:1', { ...app, layers: [base, upper, newer] });
      registry.calls.length = 0;
      const image = await bed.images.ensure(name, 'Always');
      expect(await motd(image)).toBe('newer');
      expect(registry.calls.filter((call) => call.startsWith('blob'))).toHaveLength(2);
      expect((await bed.images.list()).map(({ references }) => references)).toEqual([[], [name]]);
    });

    it('gives an image that is here a second name without fetching it', async () => {
      registry.add('app:1', app);
      registry.add('app:2', app);
      const first = await bed.images.ensure(name, 'IfNotPresent');
      registry.calls.length = 0;
      const second = await bed.images.ensure('registry.example/app:2', 'IfNotPresent');
      expect([second.id, second.pulled]).toEqual([first.id, undefined]);
      expect(registry.calls).toEqual(['resolve app:2']);
      expect([...second.references].sort()).toEqual([name, 'registry.example/app:2']);
    });

    it('Always fails when the registry cannot be reached, IfNotPresent does not ask', async () => {
      registry.add('app:1', app);
      await bed.images.ensure(name, 'IfNotPresent');
      registry.isDown = true;
      await expect(bed.images.ensure(name, 'Always')).rejects.toMatchObject({ reason: 'RegistryUnavailable' });
      expect((await bed.images.ensure(name, 'IfNotPresent')).pulled).toBeUndefined();
      await expect(bed.images.ensure('registry.example/app:2', 'Never')).rejects.toMatchObject({
        reason: 'ErrImageNeverPull',
      });
    });

    it('pulls by digest and finds it again by digest', async () => {
      const digest = registry.add('app:1', app);
      const reference = `registry.example/app@${digest}`;
      const image = await bed.images.ensure(reference, 'IfNotPresent');
      expect(image.references).toEqual([reference]);
      expect((await bed.images.find(`registry.example/app:9@${digest}`))?.id).toBe(image.id);
      expect(await bed.images.find('registry.example/app:1')).toBeUndefined();
    });

    it('chooses from an index by os, architecture and variant', async () => {
      const one = (architecture: string, variant?: string): ImageParts => ({
        layers: [base],
        architecture,
        ...(variant === undefined ? {} : { variant }),
        config: { Cmd: [`${architecture}${variant ?? ''}`] },
      });
      const parts = [one('arm', 'v6'), one('arm', 'v7'), one('arm64', 'v8'), one('s390x'), one(thisArchitecture)];
      const digest = registry.add('app:1', parts);
      const image = await bed.images.ensure(name, 'IfNotPresent');
      expect(image.config.cmd).toEqual([thisArchitecture]);
      expect(image.digests?.[0]).toBe(digest);
      const commands: string[] = [];
      for (const platform of ['linux/arm', 'linux/arm/v6', 'linux/arm64', 'linux/s390x']) {
        commands.push(...(await bed.images.ensure(name, 'Always', { platform })).config.cmd);
      }
      expect(commands).toEqual(['armv7', 'armv6', 'arm64v8', 's390x']);
      // What is here is for another machine.
      const mine = await bed.images.ensure(name, 'IfNotPresent', { platform: `linux/${thisArchitecture}` });
      expect(mine.config.cmd).toEqual([thisArchitecture]);
      await expect(bed.images.ensure(name, 'Always', { platform: 'linux/riscv64' })).rejects.toThrow(
        /no image for linux\/riscv64, only for linux\/arm\/v6, linux\/arm\/v7, linux\/arm64\/v8, linux\/s390x/,
      );
      await expect(bed.images.ensure(name, 'Always', { platform: 'riscv' })).rejects.toThrow(
        /not a platform.*linux\/arm64/,
      );
    });

    it('callers at the same time share one pull; one that gives up leaves it to the others', async () => {
      registry.add('app:1', { layers: [big] });
      let letGo: () => void = () => undefined;
      const gate = new Promise<void>((resolve) => (letGo = resolve));
      registry.sendBlob = async function* (_digest, offset, bytes) {
        await gate;
        yield* pieces(bytes.subarray(offset));
      };
      const seen = [0, 0, 0];
      const impatient = new AbortController();
      const pulls = seen.map((_none, i) =>
        bed.images.ensure(name, 'IfNotPresent', {
          onProgress: () => {
            seen[i] = (seen[i] ?? 0) + 1;
            if (i === 1) throw new Error('a watcher that fails');
          },
          ...(i === 0 ? { signal: impatient.signal } : {}),
        }),
      );
      await Promise.resolve();
      impatient.abort();
      await expect(pulls[0]).rejects.toMatchObject({ name: 'AbortError' });
      letGo();
      const [second, third] = await Promise.all(pulls.slice(1));
      expect(second?.id).toBe(third?.id);
      expect(Math.min(...seen.slice(1))).toBeGreaterThan(1);
      expect(registry.calls.filter((call) => call.startsWith('resolve'))).toHaveLength(1);
    });

    it('ends the pull when nobody waits for it any more', async () => {
      registry.add('app:1', { layers: [big] });
      const controller = new AbortController();
      const ended = new Promise<void>((resolve) => {
        registry.sendBlob = async function* (_digest, offset, bytes, { signal }) {
          if (bytes.length < 100_000) return yield* pieces(bytes.subarray(offset));
          try {
            controller.abort();
            await new Promise((_done, fail) => signal?.addEventListener('abort', () => fail(signal.reason as Error)));
          } finally {
            resolve();
          }
        };
      });
      await expect(bed.images.ensure(name, 'Always', { signal: controller.signal })).rejects.toMatchObject({
        name: 'AbortError',
      });
      await ended;
      expect(await bed.images.list()).toEqual([]);
    });

    it('goes on where a broken transfer stopped', async () => {
      registry.add('app:1', { layers: [base, big] });
      registry.sendBlob = async function* (_digest, offset, bytes) {
        const isBig = bytes.length > 100_000;
        yield* pieces(bytes.subarray(offset, isBig ? 200_000 : undefined));
        if (isBig) throw new Error('the connection was lost');
      };
      await expect(bed.images.ensure(name, 'IfNotPresent')).rejects.toMatchObject({ reason: 'ErrImagePull' });
      expect(await bed.images.list()).toEqual([]);
      registry.sendBlob = undefined;
      registry.calls.length = 0;
      const image = await (await bed.restart()).ensure(name, 'IfNotPresent');
      expect(registry.calls.filter((call) => call.endsWith(' from 200000'))).toHaveLength(1);
      expect(image.pulled?.bytes).toBeLessThan(300_000);
      expect((await readFile(join(image.rootfs.layers[0] ?? '', 'noise'))).equals(noise(400_000))).toBe(true);
    });

    it('fetches a layer that an image has twice once', async () => {
      const empty = writeTar([{ name: 'd/', type: '5' }]);
      registry.add('app:1', { layers: [empty, base, empty] });
      const image = await bed.images.ensure(name, 'IfNotPresent');
      expect(image.rootfs.layers).toHaveLength(3);
      expect(registry.calls.filter((call) => call.startsWith('blob'))).toHaveLength(3);
    });

    const withLayers = (change: (layer: Record<string, unknown>) => Record<string, unknown>): ImageChanges => ({
      manifest: (manifest) => ({
        ...manifest,
        layers: (manifest['layers'] as Record<string, unknown>[]).map(change),
      }),
    });
    const zeros = `sha256:${'0'.repeat(64)}`;
    it.each<[string, ImageParts, ImageChanges, RegExp]>([
      [
        'a foreign layer',
        app,
        withLayers((layer) => ({
          ...layer,
          mediaType: 'application/vnd.oci.image.layer.nondistributable.v1.tar+gzip',
        })),
        /foreign layer/,
      ],
      [
        'an encrypted layer',
        app,
        withLayers((layer) => ({ ...layer, mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip+encrypted' })),
        /encrypted layer/,
      ],
      [
        'a layer of an unknown kind',
        app,
        withLayers((layer) => ({ ...layer, mediaType: 'text/plain' })),
        /unknown kind/,
      ],
      ['a layer whose size is none', app, withLayers((layer) => ({ ...layer, size: -1 })), /size/],
      [
        'layers beyond all bounds',
        app,
        withLayers((layer) => ({ ...layer, size: 2 ** 50 })),
        /more than the \d+ allowed/,
      ],
      ['a digest that would be a path', app, withLayers((layer) => ({ ...layer, digest: 'sha256:../../x' })), /digest/],
      [
        'an artifact',
        app,
        {
          manifest: (all) => ({
            ...all,
            config: { ...(all['config'] as object), mediaType: 'application/vnd.cncf.helm.config.v1+json' },
          }),
        },
        /no container image.*helm/,
      ],
      ['an index that is a manifest too', app, { manifest: (all) => ({ ...all, manifests: [] }) }, /at once/],
      [
        'a manifest that says to be an index',
        app,
        { manifest: (all) => ({ ...all, mediaType: 'application/vnd.oci.image.index.v1+json' }) },
        /says to be/,
      ],
      ['schema 1', app, { manifest: (all) => ({ ...all, schemaVersion: 1, fsLayers: [] }) }, /schema 1/],
      ['a manifest of no known kind', app, { manifestType: 'application/json' }, /which is no image/],
      [
        'a manifest without layers',
        app,
        { manifest: (all) => ({ ...all, layers: [] }) },
        /names 2 layers, the manifest 0/,
      ],
      [
        'a layer that is not what the configuration says',
        { ...app, diffIds: [zeros, zeros] },
        {},
        /configuration says/,
      ],
      ['another machine', { ...app, architecture: 's390x' }, {}, /made for linux\/s390x, not for linux/],
      ['a layer that is no gzip', app, { compress: () => Buffer.from('not a layer at all') }, /layer sha256/],
    ])('refuses %s, says why and keeps nothing', async (_what, parts, changes, why) => {
      registry.add('app:1', parts, changes);
      const attempt = bed.images.ensure(name, 'IfNotPresent');
      await expect(attempt).rejects.toMatchObject({ name: 'ImageError', reason: 'ErrImagePull' });
      await expect(attempt).rejects.toThrow(why);
      expect(await bed.images.list()).toEqual([]);
    });

    it.each<[string, (bytes: Buffer) => Buffer]>([
      ['other bytes', (bytes) => Buffer.from(bytes.map((byte, i) => (i === 20 ? byte ^ 1 : byte)))],
      ['too many bytes', (bytes) => Buffer.concat([bytes, bytes])],
      ['too few bytes', (bytes) => bytes.subarray(0, -1)],
    ])('refuses a blob that comes with %s', async (_what, change) => {
      registry.add('app:1', { layers: [big] });
      for (const isConfig of [true, false]) {
        registry.sendBlob = async function* (_digest, offset, bytes) {
          yield* pieces((bytes.length < 1000 === isConfig ? change(bytes) : bytes).subarray(offset));
        };
        await expect(bed.images.ensure(name, 'IfNotPresent')).rejects.toMatchObject({ reason: 'ErrImagePull' });
        expect(await bed.images.list()).toEqual([]);
      }
      registry.sendBlob = undefined;
      // What was refused is not taken for a good beginning.
      const again = await bed.images.ensure(name, 'IfNotPresent').catch(() => bed.images.ensure(name, 'IfNotPresent'));
      expect(again.references).toEqual([name]);
    });

    it('refuses a manifest that is not the one of its digest', async () => {
      const digest = registry.add('app:1', app);
      const other = registry.manifests.get(registry.add('app:2', { layers: [base] }));
      if (other !== undefined) registry.manifests.set(digest, { ...other, digest });
      await expect(bed.images.ensure(name, 'Always')).rejects.toThrow(/another manifest/);
    });

    it('a stream without end is cut off at the size that was promised', async () => {
      registry.add('app:1', { layers: [base] });
      let sent = 0;
      registry.sendBlob = async function* (_digest, _offset, bytes) {
        if (bytes.length > 1000) return yield bytes;
        for (;;) {
          sent += 65_536;
          yield Buffer.alloc(65_536);
        }
      };
      await expect(bed.images.ensure(name, 'IfNotPresent')).rejects.toMatchObject({ reason: 'ErrImagePull' });
      expect(sent).toBeLessThan(3_000_000);
    });
  });
}
