import { chmod, mkdir, mkdtemp, readdir, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { PersistentVolumeSpec } from '@timonel/sdk/kube';
import { volumeMountRequest } from '@timonel/testkit';
import { volumesContract } from '@timonel/testkit/contracts/volume';
import { makeDirectory, removeDirectory } from './directories.ts';
import { localDriver } from './driver.ts';

volumesContract('volumes-local', async () => {
  const scratch = await mkdtemp(join(tmpdir(), 'timonel-driver-'));
  let made = 0;
  return {
    driver: localDriver,
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

function mount(spec: PersistentVolumeSpec, fsGroup?: number) {
  const volume = { metadata: { name: 'v' }, spec };
  return localDriver.mount(volumeMountRequest({ volume, fsGroup }));
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
    expect(localDriver.supports({ metadata: {}, spec: { csi: { driver: 'x' } } })).toBe(false);
    expect(localDriver.supports({ metadata: {}, spec: { local: { path: '/' } } })).toBe(true);
  });

  it('gives the files to the group of the pod, once, and follows no link', async () => {
    await mkdir(join(root, 'v', 'sub'), { recursive: true });
    await mkdir(join(root, 'outside'), { mode: 0o700 });
    await writeFile(join(root, 'v', 'sub', 'file'), 'x', { mode: 0o600 });
    await symlink(join(root, 'outside'), join(root, 'v', 'link'));
    const group = process.getgid?.() ?? 0;
    await mount({ local: { path: join(root, 'v') } }, group);
    expect((await stat(join(root, 'v'))).mode & 0o2070).toBe(0o2070);
    expect((await stat(join(root, 'v', 'sub', 'file'))).mode & 0o777).toBe(0o660);
    expect((await stat(join(root, 'outside'))).mode & 0o777).toBe(0o700);
    await chmod(join(root, 'v', 'sub', 'file'), 0o600);
    await mount({ local: { path: join(root, 'v') } }, group);
    expect((await stat(join(root, 'v', 'sub', 'file'))).mode & 0o777).toBe(0o600);
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
