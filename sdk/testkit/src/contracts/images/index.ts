/** The contract of `images`: every image service passes it. */
import { access, mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { ImageService } from '@timonel/sdk/contracts/images';
import type { ImageRegistry } from '@timonel/sdk/contracts/registry';
import { dockerArchive, ociArchive, thisArchitecture, type ImageParts } from './archives.ts';
import { pullContract } from './pull.ts';
import { pushContract } from './push.ts';
import { writeTar } from './tar-writer.ts';

export { dockerArchive, ociArchive, thisArchitecture, type ImageParts } from './archives.ts';
export { FakeRegistry, pieces, type ImageChanges } from './fake-registry.ts';
export { paxRecords, sha256Hex, writeTar, type TarMember } from './tar-writer.ts';

/** An empty image service under test. */
export interface ImagesUnderTest {
  readonly images: ImageService;
  /** A directory for the files of the test. */
  readonly scratchDir: string;
  /** Ends it and starts it anew upon the same data. */
  restart(): Promise<ImageService>;
  close(): Promise<void>;
}

const base = writeTar([
  { name: 'etc/', type: '5' },
  { name: 'etc/motd', content: 'base' },
]);
const upper = writeTar([{ name: 'etc/motd', content: 'upper' }]);
const config = {
  Entrypoint: ['/bin/app'],
  Cmd: ['--serve'],
  Env: ['A=1', 'PATH=/bin'],
  WorkingDir: '/srv',
  User: '1000:1000',
  StopSignal: 'SIGQUIT',
  ExposedPorts: { '80/tcp': {} },
  Labels: { maker: 'test' },
};

/** `make` gets the client of registries that the service shall use; without it there is none. */
export function imagesContract(name: string, make: (registry?: ImageRegistry) => Promise<ImagesUnderTest>): void {
  localContract(name, make);
  pullContract(name, make);
  pushContract(name, make);
}

function localContract(name: string, make: () => Promise<ImagesUnderTest>): void {
  describe(`images contract: ${name}`, () => {
    let bed: ImagesUnderTest;
    let files = 0;

    beforeEach(async () => {
      bed = await make();
    });
    afterEach(() => bed?.close());

    const archive = async (bytes: Uint8Array): Promise<string> => {
      const path = join(bed.scratchDir, `archive-${++files}.tar`);
      await writeFile(path, bytes);
      return path;
    };
    const importDocker = async (...images: readonly ImageParts[]) =>
      bed.images.importArchive(await archive(dockerArchive(images)));

    it('imports a docker-archive and tells what it holds', async () => {
      const [image] = await importDocker({ layers: [base, upper], config, references: ['web:1'] });
      expect(image?.references).toEqual(['docker.io/library/web:1']);
      expect(image?.id).toMatch(/^sha256:[0-9a-f]{64}$/);
      expect(image?.created).toBe('2026-01-02T03:04:05Z');
      expect(image?.config).toEqual({
        entrypoint: ['/bin/app'],
        cmd: ['--serve'],
        env: ['A=1', 'PATH=/bin'],
        workingDir: '/srv',
        user: '1000:1000',
        stopSignal: 'SIGQUIT',
        exposedPorts: ['80/tcp'],
        labels: { maker: 'test' },
      });
      const [top = '', bottom = ''] = image?.rootfs.layers ?? [];
      expect(image?.rootfs.imageId).toBe(image?.id);
      expect(await readFile(join(top, 'etc/motd'), 'utf8')).toBe('upper');
      expect(await readFile(join(bottom, 'etc/motd'), 'utf8')).toBe('base');
    });

    it('imports a gzipped archive, and an OCI layout, with the name that is asked for', async () => {
      const zipped = await archive(gzipSync(dockerArchive([{ layers: [base] }])));
      expect((await bed.images.importArchive(zipped, 'zip:2'))[0]?.references).toEqual(['docker.io/library/zip:2']);
      const oci = await archive(ociArchive([{ layers: [base, upper], config, references: ['shop.example/app:3'] }]));
      expect((await bed.images.importArchive(oci))[0]?.references).toEqual(['shop.example/app:3']);
      expect((await bed.images.find('shop.example/app:3'))?.config.cmd).toEqual(['--serve']);
    });

    it('picks this machine from an index of several architectures', async () => {
      const mine: ImageParts = { layers: [base], config: { Cmd: ['mine'] }, references: ['multi:1'] };
      const other: ImageParts = { layers: [upper], architecture: 's390x', references: ['multi:1'] };
      await bed.images.importArchive(await archive(ociArchive([other, mine], { index: true })));
      expect((await bed.images.find('multi:1'))?.config.cmd).toEqual(['mine']);
      const none = await archive(ociArchive([other], { index: true }));
      await expect(bed.images.importArchive(none)).rejects.toThrow(new RegExp(`linux/${thisArchitecture}.*s390x`));
    });

    it('finds by short, full and digest names, and nothing under others', async () => {
      const [image] = await importDocker({ layers: [base], references: ['web:latest'] });
      for (const reference of ['web', 'web:latest', 'docker.io/library/web', `web@${image?.id}`, image?.id ?? '']) {
        expect((await bed.images.find(reference))?.id).toBe(image?.id);
      }
      expect((await bed.images.find('web'))?.rootfs.reference).toBe('docker.io/library/web:latest');
      for (const absent of ['web:2', 'example.com/web', `other@${image?.id}`, `sha256:${'0'.repeat(64)}`]) {
        expect(await bed.images.find(absent)).toBeUndefined();
      }
    });

    it('ensure follows the pull policy', async () => {
      await importDocker({ layers: [base], references: ['web:1'] });
      for (const policy of ['Always', 'IfNotPresent', 'Never'] as const) {
        expect((await bed.images.ensure('web:1', policy)).references).toEqual(['docker.io/library/web:1']);
      }
      await expect(bed.images.ensure('gone:1', 'Never')).rejects.toMatchObject({ reason: 'ErrImageNeverPull' });
      for (const policy of ['Always', 'IfNotPresent'] as const) {
        await expect(bed.images.ensure('gone:1', policy)).rejects.toMatchObject({
          name: 'ImageError',
          reason: 'ErrImagePull',
        });
      }
    });

    it.each([
      '',
      'Upper',
      'a//b',
      'web:',
      'web:bad tag',
      'web@sha256:12',
      '-web',
      'web/',
      'http://web',
      `a${'b'.repeat(300)}`,
    ])('refuses the name %j', async (reference) => {
      const refusal = { name: 'ImageError', reason: 'InvalidImageName' };
      await expect(bed.images.find(reference)).rejects.toMatchObject(refusal);
      await expect(bed.images.ensure(reference, 'IfNotPresent')).rejects.toMatchObject(refusal);
    });

    it('keeps images over a restart', async () => {
      const [image] = await importDocker({ layers: [base, upper], config, references: ['web:1'] });
      const again = await bed.restart();
      expect(await again.find('web:1')).toEqual(image);
    });

    it('removes a reference, then the image with the layers that no other image uses', async () => {
      const [both] = await importDocker({ layers: [base, upper], references: ['two:1', 'two:2'] });
      await importDocker({ layers: [base], references: ['one:1'] });
      const [top = '', bottom = ''] = both?.rootfs.layers ?? [];
      expect(await bed.images.remove('two:1')).toBe(true);
      expect(await bed.images.remove('two:1')).toBe(false);
      await access(top);
      expect(await bed.images.remove('two:2')).toBe(true);
      await expect(access(top)).rejects.toMatchObject({ code: 'ENOENT' });
      await access(bottom);
      expect(await bed.images.remove('one')).toBe(false);
      expect(await bed.images.remove('one:1')).toBe(true);
      await expect(access(bottom)).rejects.toMatchObject({ code: 'ENOENT' });
      expect(await bed.images.list()).toEqual([]);
    });

    it('moves a reference to the newer image', async () => {
      const [old] = await importDocker({ layers: [base], references: ['web:1'] });
      const [next] = await importDocker({ layers: [upper], references: ['web:1'] });
      expect((await bed.images.find('web:1'))?.id).toBe(next?.id);
      expect((await bed.images.find(old?.id ?? ''))?.references).toEqual([]);
    });

    it.each([
      [
        'a layer with another digest',
        dockerArchive([{ layers: [base], diffIds: [`sha256:${'1'.repeat(64)}`], references: ['x:1'] }]),
      ],
      [
        'a second image that is damaged',
        dockerArchive([
          { layers: [base], references: ['x:1'] },
          { layers: [upper], diffIds: [`sha256:${'1'.repeat(64)}`] },
        ]),
      ],
      ['a blob with another digest', ociArchive([{ layers: [base], references: ['x:1'] }], { breakBlob: true })],
      ['a layer that is cut off', dockerArchive([{ layers: [base.subarray(0, 700)], references: ['x:1'] }])],
      ['a layer that is no tar', dockerArchive([{ layers: [Buffer.alloc(2048, 7)], references: ['x:1'] }])],
      ['no layers', dockerArchive([{ layers: [], references: ['x:1'] }])],
      ['an archive that is cut off', dockerArchive([{ layers: [base], references: ['x:1'] }]).subarray(0, 3000)],
      ['a gzip that is cut off', gzipSync(dockerArchive([{ layers: [base] }])).subarray(0, 100)],
      ['neither format', writeTar([{ name: 'readme', content: 'hello' }])],
      ['a manifest that is not JSON', writeTar([{ name: 'manifest.json', content: '[{' }])],
      ['a manifest of the wrong shape', writeTar([{ name: 'manifest.json', content: '[{"Config":1}]' }])],
      [
        'a manifest that names absent files',
        writeTar([{ name: 'manifest.json', content: '[{"Config":"a","Layers":[]}]' }]),
      ],
      ['no tar at all', Buffer.from('hello world')],
      [
        'a path that climbs out',
        dockerArchive([{ layers: [writeTar([{ name: '../escape', content: 'x' }])], references: ['x:1'] }]),
      ],
      [
        'an absolute path',
        dockerArchive([{ layers: [writeTar([{ name: '/escape', content: 'x' }])], references: ['x:1'] }]),
      ],
    ])('refuses %s as CorruptImage and keeps nothing', async (_what, bytes) => {
      await expect(bed.images.importArchive(await archive(bytes))).rejects.toMatchObject({
        name: 'ImageError',
        reason: 'CorruptImage',
      });
      expect(await bed.images.list()).toEqual([]);
    });

    it('says what is wrong with an archive that is not there, or none', async () => {
      await expect(bed.images.importArchive(join(bed.scratchDir, 'absent.tar'))).rejects.toThrow(/absent\.tar/);
      for (const path of [bed.scratchDir, '/dev/zero']) {
        await expect(bed.images.importArchive(path)).rejects.toThrow(/is no file/);
      }
    });

    it('builds from a directory', async () => {
      const root = join(bed.scratchDir, 'root');
      await mkdir(join(root, 'srv'), { recursive: true });
      await writeFile(join(root, 'srv/server.js'), 'listen()', { mode: 0o640 });
      await writeFile(join(root, 'srv/empty'), '');
      const image = await bed.images.buildFromDirectory(root, 'mine:1', {
        cmd: ['node', 'server.js'],
        workingDir: '/srv',
      });
      expect((await bed.images.find('mine:1'))?.id).toBe(image.id);
      expect(image.config).toMatchObject({ cmd: ['node', 'server.js'], workingDir: '/srv', entrypoint: [], user: '' });
      const file = join(image.rootfs.layers[0] ?? '', 'srv/server.js');
      expect(await readFile(file, 'utf8')).toBe('listen()');
      expect((await stat(file)).mode & 0o777).toBe(0o640);
      expect((await stat(join(image.rootfs.layers[0] ?? '', 'srv/empty'))).size).toBe(0);
      await expect(bed.images.buildFromDirectory(join(root, 'absent'), 'mine:2', {})).rejects.toThrow(/absent/);
    });

    it('takes several imports at once', async () => {
      const names = Array.from({ length: 6 }, (_, i) => `many:${i}`);
      await Promise.all(
        names.map((reference, i) =>
          importDocker({ layers: [base], config: { Cmd: [`${i}`] }, references: [reference] }),
        ),
      );
      expect((await bed.images.list()).flatMap(({ references }) => references).sort()).toEqual(
        names.map((reference) => `docker.io/library/${reference}`),
      );
    });
  });
}
