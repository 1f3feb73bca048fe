/** The contracts of volumes. That of `volumes`: every driver that mounts volumes on a node passes it. */
import { readFile, stat, writeFile } from 'node:fs/promises';
import { isAbsolute, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { MountedVolume, VolumeDriver, VolumeMountRequest } from '@timonel/sdk/contracts/volume';
import type { PersistentVolume } from '@timonel/sdk/kube';
import { volumeMountRequest } from '../../volume-requests.ts';

export * from './kinds.ts';

/** A driver under test, and volumes of its kind. */
export interface VolumesUnderTest {
  readonly driver: VolumeDriver;
  /** Empty, and usable on this machine. */
  volume(): Promise<PersistentVolume>;
  /** Of its kind, with nothing behind it. */
  broken(): Promise<PersistentVolume>;
  close(): Promise<void>;
}

export function volumesContract(name: string, make: () => Promise<VolumesUnderTest>): void {
  describe(`volumes contract: ${name}`, () => {
    let bed: VolumesUnderTest;

    beforeEach(async () => {
      bed = await make();
    });
    afterEach(() => bed?.close());

    const pod = (uid: string) => ({ namespace: 'x', name: `pod-${uid}`, uid });
    const mount = (
      volume: PersistentVolume,
      uid: string,
      more: Partial<VolumeMountRequest> = {},
    ): Promise<MountedVolume> => bed.driver.mount(volumeMountRequest({ pod: pod(uid), volume, ...more }));

    it('supports its own volumes and says so of no others', async () => {
      expect(bed.driver.supports(await bed.volume())).toBe(true);
      expect(bed.driver.supports({ metadata: { name: 'other' }, spec: { nobodysKind: {} } })).toBe(false);
      expect(bed.driver.supports({ metadata: { name: 'empty' } })).toBe(false);
    });

    it('gives a directory, the same each time it is asked', async () => {
      const volume = await bed.volume();
      const { hostPath } = await mount(volume, 'a');
      expect(isAbsolute(hostPath)).toBe(true);
      expect((await stat(hostPath)).isDirectory()).toBe(true);
      await writeFile(join(hostPath, 'file'), 'kept');
      expect(await mount(volume, 'a')).toMatchObject({ hostPath });
      expect(await readFile(join(hostPath, 'file'), 'utf8')).toBe('kept');
    });

    it('keeps what is in the volume for the next pod, and shows it to pods that use it at once', async () => {
      const volume = await bed.volume();
      const first = await mount(volume, 'a');
      await writeFile(join(first.hostPath, 'file'), 'of a');
      const second = await mount(volume, 'b');
      expect(await readFile(join(second.hostPath, 'file'), 'utf8')).toBe('of a');
      await bed.driver.unmount(pod('a'));
      expect(await readFile(join(second.hostPath, 'file'), 'utf8')).toBe('of a');
      await bed.driver.unmount(pod('b'));
      const third = await mount(volume, 'c', { readOnly: true });
      expect(await readFile(join(third.hostPath, 'file'), 'utf8')).toBe('of a');
      await bed.driver.unmount(pod('c'));
    });

    it('gives the files to the group of the pod', async () => {
      const gid = process.getgid?.() ?? 0;
      const { hostPath } = await mount(await bed.volume(), 'a', { fsGroup: gid });
      expect((await stat(hostPath)).gid).toBe(gid);
      expect((await stat(hostPath)).mode & 0o070).toBe(0o070);
    });

    it('has nothing to undo for a pod that it does not know, or twice', async () => {
      await mount(await bed.volume(), 'a');
      for (const uid of ['a', 'a', 'unknown']) await bed.driver.unmount(pod(uid));
    });

    it('says why a volume cannot be used', async () => {
      await expect(mount(await bed.broken(), 'a')).rejects.toMatchObject({
        name: 'VolumeError',
        reason: expect.stringMatching(/^[A-Z][A-Za-z]+$/),
      });
    });
  });
}
