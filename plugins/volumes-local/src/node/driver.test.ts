import { readdirSync, statSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readdir, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { VolumeMountRequest } from '@timonel/sdk/contracts/volume';
import type { PersistentVolumeSpec } from '@timonel/sdk/kube';
import { volumeMountRequest } from '@timonel/testkit';
import { volumesContract } from '@timonel/testkit/contracts/volume';
import { makeDirectory, removeDirectory } from './directories.ts';
import { localDriver } from './driver.ts';

volumesContract('volumes-local', async () => {
  const scratch = await mkdtemp(join(tmpdir(), 'timonel-driver-'));
  let made = 0;
  return {
    driver: localDriver(),
    async volume() {
      made += 1;
      const path = join(scratch, String(made));
      await makeDirectory(path);
      return { metadata: { name: `v${made}` }, spec: { local: { path } } };
    },
    broken: async () => ({ metadata: { name: 'broken' }, spec: { local: { path: join(scratch, 'absent') } } }),
    close: () => rm(scratch, { recursive: true, force: true }),
  };
});

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'timonel-driver-'));
});
afterEach(() => rm(root, { recursive: true, force: true }));

/** Some block device of this machine: it is not opened. */
const device = readdirSync('/dev')
  .map((name) => join('/dev', name))
  .find((path) => statSync(path, { throwIfNoEntry: false })?.isBlockDevice() === true);
const driver = localDriver();
afterEach(() => driver.unmount({ namespace: 'x', name: 'p', uid: 'u' }));

function mount(spec: PersistentVolumeSpec, fsGroup?: number, changes: Partial<VolumeMountRequest> = {}) {
  const volume = { metadata: { name: 'v' }, spec };
  return driver.mount(volumeMountRequest({ volume, fsGroup, ...changes }));
}

describe('mounting a directory of this node', () => {
  it('gives it as it is; one that is gone is not made anew, since its data is lost', async () => {
    expect(await mount({ local: { path: root } })).toEqual({ hostPath: root });
    await expect(mount({ local: { path: join(root, 'gone') } })).rejects.toMatchObject({
      name: 'VolumeError',
      reason: 'FailedMount',
    });
    expect(await readdir(root)).toEqual([]);
    await expect(mount({ local: { path: 'relative' } })).rejects.toThrow('must be absolute');
  });

  it('makes the directory of a hostPath volume where its type lets it', async () => {
    expect(await mount({ hostPath: { path: join(root, 'new') } })).toEqual({ hostPath: join(root, 'new') });
    await expect(mount({ hostPath: { path: join(root, 'other'), type: 'Directory' } })).rejects.toThrow(
      'does not exist',
    );
  });

  it('supports no other kinds', () => {
    expect(driver.supports({ metadata: {}, spec: { csi: { driver: 'x' } } })).toBe(false);
    expect(driver.supports({ metadata: {}, spec: { local: { path: '/' } } })).toBe(true);
  });

  const group = process.getgid?.() ?? 0;
  const fileMode = async (): Promise<number> => (await stat(join(root, 'v/sub/file'))).mode & 0o777;
  const next = { pod: { namespace: 'x', name: 'next', uid: 'next' } };

  it('gives the files to the group of the pod, once for each pod, and follows no link', async () => {
    await mkdir(join(root, 'v', 'sub'), { recursive: true });
    await mkdir(join(root, 'outside'), { mode: 0o700 });
    await writeFile(join(root, 'v', 'sub', 'file'), 'x', { mode: 0o400 });
    await symlink(join(root, 'outside'), join(root, 'v', 'link'));
    const local = { local: { path: join(root, 'v') } };
    await mount(local, group);
    expect((await stat(join(root, 'v'))).mode & 0o2770).toBe(0o2770);
    expect(await fileMode()).toBe(0o660);
    expect((await stat(join(root, 'outside'))).mode & 0o777).toBe(0o700);
    await chmod(join(root, 'v', 'sub', 'file'), 0o600);
    await mount(local, group);
    expect(await fileMode()).toBe(0o600);
    await mount(local, group, { ...next, fsGroupChangePolicy: 'OnRootMismatch' });
    expect(await fileMode()).toBe(0o600);
    await mount(local, group, { ...next, readOnly: true });
    expect(await fileMode()).toBe(0o600);
    await driver.unmount(next.pod);
    await mount(local, group, next);
    expect(await fileMode()).toBe(0o660);
    await driver.unmount(next.pod);
  });

  it('leaves the files of a hostPath to those whose they are', async () => {
    await mkdir(join(root, 'v/sub'), { recursive: true });
    await writeFile(join(root, 'v/sub/file'), 'x', { mode: 0o600 });
    await mount({ hostPath: { path: join(root, 'v') } }, group);
    expect(await fileMode()).toBe(0o600);
  });

  it('tells devices from directories', async () => {
    await expect(mount({ local: { path: root }, volumeMode: 'Block' })).rejects.toThrow(
      `volume v: ${root} is no block device, which volumeMode Block asks for`,
    );
  });

  (device === undefined ? it.skip : it)('gives devices as they are (needs a block device)', async () => {
    const path = device ?? '';
    expect(await mount({ local: { path }, volumeMode: 'Block' })).toEqual({ hostPath: path });
    await expect(mount({ local: { path } })).rejects.toThrow('is a block device: give the volume volumeMode');
  });
});

describe('directories of volumes', () => {
  it('can be written by everybody, and go with all that is in them', async () => {
    const path = join(root, 'pvc-1');
    await makeDirectory(path);
    expect((await stat(path)).mode & 0o777).toBe(0o777);
    await writeFile(join(path, 'file'), 'x');
    await removeDirectory(root, path);
    await removeDirectory(root, path);
    expect(await readdir(root)).toEqual([]);
  });

  it.each(['../etc', '.', 'pvc-1/..', 'a/b'])('are only removed right in their place: not %s', async (path) => {
    await expect(removeDirectory(root, join(root, path))).rejects.toThrow('left alone');
  });

  it.each(['..', '.', 'pvc-1/../..', './pvc-1'])('are not removed by a path with steps in it: %s', async (path) => {
    const inner = join(root, 'inner');
    await makeDirectory(join(inner, 'pvc-1'));
    await expect(removeDirectory(inner, `${inner}/${path}`)).rejects.toThrow('left alone');
    expect(await readdir(inner)).toEqual(['pvc-1']);
  });
});
