/** How images leave a service: to a registry, into an archive, and for good. */
import { access, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { PullProgress } from '@timonel/sdk/contracts/images';
import type { ImageRegistry } from '@timonel/sdk/contracts/registry';
import { dockerArchive, type ImageParts } from './archives.ts';
import { FakeRegistry } from './fake-registry.ts';
import type { ImagesUnderTest } from './index.ts';
import { writeTar } from './tar-writer.ts';

const base = writeTar([{ name: 'etc/motd', content: 'base' }]);
const upper = writeTar([{ name: 'etc/motd', content: 'upper' }]);
const app: ImageParts = { layers: [base, upper], config: { Cmd: ['app'] } };

export function pushContract(what: string, make: (registry?: ImageRegistry) => Promise<ImagesUnderTest>): void {
  describe(`images contract, pushes: ${what}`, () => {
    let bed: ImagesUnderTest;
    let registry: FakeRegistry;

    beforeEach(async () => {
      registry = new FakeRegistry();
      bed = await make(registry);
    });
    afterEach(() => bed?.close());

    const importOne = async (parts: ImageParts): Promise<string> => {
      const path = join(bed.scratchDir, 'one.tar');
      await writeFile(path, dockerArchive([parts]));
      return (await bed.images.importArchive(path))[0]?.id ?? '';
    };

    it('pushes what was pulled as it was, and nothing that the registry has', async () => {
      const digest = registry.add('app:1', app);
      await bed.images.ensure('registry.example/app:1', 'IfNotPresent');
      registry.calls.length = 0;
      expect(await bed.images.push('registry.example/app:1')).toEqual({ digest });
      expect(registry.calls.filter((call) => call.startsWith('push'))).toEqual([`push manifest ${digest}`]);
      registry.blobs.clear();
      registry.manifests.clear();
      expect(await bed.images.push('registry.example/app:1')).toEqual({ digest });
      expect(registry.calls.filter((call) => call.startsWith('push sha256'))).toHaveLength(3);
    });

    it('pushes an imported image, which comes back as the same', async () => {
      const id = await importOne({ ...app, references: ['registry.example/mine:1'] });
      const seen: PullProgress[] = [];
      const { digest } = await bed.images.push('registry.example/mine:1', {
        onProgress: (progress) => seen.push(progress),
      });
      expect(seen.map(({ phase }) => phase)).toContain('uploading');
      expect(seen.at(-1)).toMatchObject({ phase: 'done', layers: [{ state: 'done' }, { state: 'done' }] });
      // The digest is known now, also after the second push.
      expect((await bed.images.find(`registry.example/mine@${digest}`))?.id).toBe(id);
      expect((await bed.images.push('registry.example/mine:1')).digest).toBe(digest);
      expect((await bed.images.ensure('registry.example/mine:1', 'Always')).pulled).toBeUndefined();
      await bed.images.remove('registry.example/mine:1');
      const back = await bed.images.ensure('registry.example/mine:1', 'IfNotPresent');
      expect([back.id, back.config.cmd]).toEqual([id, ['app']]);
    });

    it('says why an image cannot be pushed', async () => {
      const push = (reference: string) => bed.images.push(reference);
      await expect(push('registry.example/gone:1')).rejects.toMatchObject({ reason: 'ErrImagePush' });
      await expect(push('registry.example/gone:1')).rejects.toThrow(/not on this node/);
      await expect(push(`registry.example/a@sha256:${'0'.repeat(64)}`)).rejects.toThrow(/give a tag/);
      await expect(push('Bad')).rejects.toMatchObject({ reason: 'InvalidImageName' });
      await importOne({ ...app, references: ['registry.example/mine:1'] });
      registry.isDown = true;
      await expect(push('registry.example/mine:1')).rejects.toMatchObject({ reason: 'RegistryUnavailable' });
    });

    it('exports images into one archive, which brings them back the same', async () => {
      const digest = registry.add('app:1', app);
      const pulled = await bed.images.ensure('registry.example/app:1', 'IfNotPresent');
      const id = await importOne({ layers: [base], references: ['two:1', 'two:2'] });
      const path = join(bed.scratchDir, 'out.tar');
      await bed.images.exportArchive(['registry.example/app:1', 'two:1', 'two:2'], path);
      await bed.images.remove('registry.example/app:1');
      for (const name of ['two:1', 'two:2']) await bed.images.remove(name);
      await bed.images.importArchive(path);
      expect((await bed.images.find('registry.example/app:1'))?.id).toBe(pulled.id);
      expect((await bed.images.find(`registry.example/app@${digest}`))?.id).toBe(pulled.id);
      expect((await bed.images.find('two:1'))?.id).toBe(id);
      expect((await bed.images.find('two:2'))?.id).toBe(id);
    });

    it('an export is all or nothing, and replaces nothing', async () => {
      await importOne({ layers: [base], references: ['one:1'] });
      const path = join(bed.scratchDir, 'out.tar');
      await expect(bed.images.exportArchive(['one:1', 'gone:1'], path)).rejects.toThrow(/gone:1.*not on this node/);
      await expect(bed.images.exportArchive([], path)).rejects.toThrow(/at least one/);
      await expect(bed.images.exportArchive(['one:1'], join(bed.scratchDir, 'absent/out.tar'))).rejects.toThrow(
        /cannot be written/,
      );
      await expect(access(path)).rejects.toMatchObject({ code: 'ENOENT' });
      await writeFile(path, 'mine');
      await expect(bed.images.exportArchive(['one:1'], path)).rejects.toThrow(/there already/);
      expect((await readdir(bed.scratchDir)).filter((each) => each.endsWith('.partial'))).toEqual([]);
    });

    it('prunes what no container uses, the longest unused first, until enough is free', async () => {
      const ids: string[] = [];
      for (const i of [1, 2, 3]) {
        const own = writeTar([{ name: `own-${i}`, content: Buffer.alloc(10_000, i) }]);
        ids.push(await importOne({ layers: [base, own], references: [`img:${i}`] }));
      }
      const [one = '', two = '', three = ''] = ids;
      await bed.images.ensure('img:1', 'IfNotPresent');
      // All are too young to go without being told so.
      expect((await bed.images.prune({ inUse: [] })).removed).toEqual([]);
      const planned = await bed.images.prune({ all: true, inUse: [three], dryRun: true });
      expect(planned.removed.map(({ id }) => id)).toEqual([two, one]);
      expect(await bed.images.list()).toHaveLength(3);
      const done = await bed.images.prune({ all: true, inUse: [three], bytes: 1 });
      expect(done.removed).toMatchObject([{ id: two, references: ['docker.io/library/img:2'] }]);
      expect(done.freedBytes).toBeGreaterThanOrEqual(10_000);
      expect((await bed.images.list()).map(({ id }) => id).sort()).toEqual([one, three].sort());
      expect((await bed.images.prune({ all: true, inUse: [], bytes: 0 })).removed).toEqual([]);
    });

    it('prunes images that lost their name without being told to', async () => {
      const old = await importOne({ layers: [base], references: ['web:1'] });
      await importOne({ layers: [upper], references: ['web:1'] });
      expect((await bed.images.prune({ inUse: [old] })).removed).toEqual([]);
      expect((await bed.images.prune({ inUse: [] })).removed).toMatchObject([{ id: old, references: [] }]);
      expect(await bed.images.list()).toHaveLength(1);
    });

    it('tells what images take and what is left', async () => {
      const before = await bed.images.usage();
      await importOne({ layers: [writeTar([{ name: 'f', content: Buffer.alloc(50_000) }])], references: ['web:1'] });
      const after = await bed.images.usage();
      expect(after.usedBytes - before.usedBytes).toBeGreaterThanOrEqual(50_000);
      expect(after.capacityBytes).toBeGreaterThan(after.availableBytes);
      await bed.images.remove('web:1');
      expect((await bed.images.usage()).usedBytes).toBe(before.usedBytes);
    });
  });
}
