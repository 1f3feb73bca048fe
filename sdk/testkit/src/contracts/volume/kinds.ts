/** The contract of `volume-kinds`: every kind of volume that pods declare themselves passes it. */
import { mkdir, mkdtemp, readdir, realpath, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { isAbsolute, join, sep } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { VolumeKind, VolumeNode } from '@timonel/sdk/contracts/volume';
import type { Volume } from '@timonel/sdk/kube';
import { mountTable } from '@timonel/sdk/linux';
import { testVolumeNode, volumeRequest } from '../../volume-requests.ts';

/** A kind under test, and a volume of it. */
export interface VolumeKindUnderTest {
  readonly kind: VolumeKind;
  /** The key with what the pod says of it. */
  readonly source: Readonly<Record<string, unknown>>;
  /** What it asks of its node. */
  readonly node?: Partial<VolumeNode>;
  /** A source that cannot be served. */
  readonly broken?: Readonly<Record<string, unknown>>;
  readonly close?: (() => Promise<void>) | undefined;
}

export function volumeKindContract(name: string, make: () => Promise<VolumeKindUnderTest>): void {
  describe(`contract of volume kinds: ${name}`, () => {
    let bed: VolumeKindUnderTest;
    let root: string;

    beforeEach(async () => {
      root = await realpath(await mkdtemp(join(tmpdir(), 'timonel-volume-kind-')));
      bed = await make();
    });
    afterEach(async () => {
      await bed?.kind.remove({ namespace: '', name: '', uid: 'all' }, root);
      await bed?.close?.();
      await rm(root, { recursive: true, force: true });
    });

    const request = (source: Readonly<Record<string, unknown>>, uid: string) => {
      const volume: Volume = { name: 'data', ...source };
      const asked = volumeRequest(volume, {
        directory: join(root, uid, 'data'),
        node: testVolumeNode(bed.node),
      });
      return { ...asked, pod: { ...asked.pod, metadata: { ...asked.pod.metadata, uid } } };
    };
    const prepare = async (uid: string, source = bed.source) => {
      await mkdir(join(root, uid), { recursive: true });
      return bed.kind.prepare(request(source, uid));
    };
    const remove = (uid: string) => bed.kind.remove({ namespace: 'default', name: 'web', uid }, join(root, uid));
    const mountsBelow = async (): Promise<string[]> =>
      (await mountTable()).flatMap(({ path }) => (path.startsWith(root + sep) ? [path] : []));

    it('has keys, always the same, and serves what has one of them', async () => {
      const keys = bed.kind.keys();
      expect(keys).not.toEqual([]);
      expect(bed.kind.keys()).toEqual(keys);
      expect(keys.filter((key) => key === 'name' || !/^[a-z][A-Za-z]*$/.test(key))).toEqual([]);
      expect(Object.keys(bed.source).some((key) => keys.includes(key))).toBe(true);
    });

    it('gives something that is there, the same each time it is asked', async () => {
      const prepared = await prepare('a');
      expect(isAbsolute(prepared.hostPath)).toBe(true);
      await stat(prepared.hostPath);
      const mounts = await mountsBelow();
      expect((await prepare('a')).hostPath).toBe(prepared.hostPath);
      expect(await mountsBelow()).toEqual(mounts);
    });

    it('says what a volume takes, or that it is not counted', async () => {
      await prepare('a');
      const usage = await bed.kind.usage(request(bed.source, 'a'));
      if (usage === undefined) return;
      expect(usage.usedBytes).toBeGreaterThanOrEqual(0);
      expect(usage.inodesUsed).toBeGreaterThanOrEqual(0);
    });

    it('leaves nothing mounted, and nothing but the directory of the volume', async () => {
      await prepare('a');
      await prepare('b');
      await remove('a');
      expect((await mountsBelow()).filter((path) => path.startsWith(join(root, 'a')))).toEqual([]);
      expect((await readdir(join(root, 'a'))).filter((each) => each !== 'data')).toEqual([]);
      const other = await prepare('b');
      await stat(other.hostPath);
      await remove('b');
      expect(await mountsBelow()).toEqual([]);
    });

    it('has nothing to undo for a pod that it does not know, or twice', async () => {
      await prepare('a');
      for (const uid of ['a', 'a', 'unknown']) await remove(uid);
    });

    it('makes a volume anew for whoever comes after its removal', async () => {
      await prepare('a');
      await remove('a');
      await rm(join(root, 'a'), { recursive: true, force: true });
      await stat((await prepare('a')).hostPath);
    });

    it('says why a volume cannot be had, and leaves nothing mounted then', async () => {
      if (bed.broken === undefined) return;
      await expect(prepare('a', bed.broken)).rejects.toMatchObject({
        name: 'VolumeError',
        reason: expect.stringMatching(/^[A-Z][A-Za-z]+$/),
      });
      await remove('a');
      expect(await mountsBelow()).toEqual([]);
    });
  });
}
