import { mkdir, mkdtemp, readdir, rename, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { VolumeMount } from '@timonel/sdk/kube';
import { container, podWith } from '../plan/testing.ts';
import { volumeDevices, volumeMounts, type MountContext } from './mounts.ts';
import type { ReadyVolume } from './served-volumes.ts';
import { OpenParts } from './sub-path.ts';

describe('mounts of volumes', () => {
  let root: string;
  let volume: string;
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'timonel-volumes-'));
    volume = join(root, 'v');
    await mkdir(volume);
  });
  afterEach(() => rm(root, { recursive: true, force: true }));

  const mount = (
    changes: Partial<VolumeMount> = {},
    prepared: Partial<ReadyVolume> = {},
    more: Partial<MountContext> = {},
  ) => {
    const pod = podWith({ volumes: [{ name: 'v', emptyDir: {} }] });
    const app = container('app', { volumeMounts: [{ name: 'v', mountPath: '/v', ...changes }] });
    const prepare = async () => ({ hostPath: volume, ...prepared });
    return volumeMounts(app, new Map([['NAME', 'web']]), { pod, prepare, ...more });
  };

  it.each<[Partial<VolumeMount>, boolean, boolean | string | undefined]>([
    [{ readOnly: true }, true, undefined],
    [{ readOnly: true, recursiveReadOnly: 'Disabled' }, true, false],
    [{ readOnly: true, recursiveReadOnly: 'IfPossible' }, true, true],
    [{ readOnly: true, recursiveReadOnly: 'IfPossible' }, false, false],
    [{ readOnly: true, recursiveReadOnly: 'Enabled' }, true, true],
    [{ readOnly: true, recursiveReadOnly: 'Enabled' }, false, 'runtime "x" cannot do it on this node'],
    [{ recursiveReadOnly: 'Enabled' }, true, 'it needs readOnly: true and no propagation'],
  ])('mounts %j read-only all the way down (able: %s): %s', async (changes, recursiveReadOnlyMounts, expected) => {
    const given = mount(changes, {}, { runtime: { name: 'x', recursiveReadOnlyMounts } });
    if (typeof expected === 'string') await expect(given).rejects.toThrow(expected);
    else expect((await given)[0]?.recursiveReadOnly).toBe(expected);
  });

  it('makes a volume ready once for each container, however often it mounts it', async () => {
    const pod = podWith({ volumes: [{ name: 'v', emptyDir: {} }] });
    const volumeMount = { name: 'v', mountPath: '/v' };
    const app = container('app', { volumeMounts: [volumeMount, { ...volumeMount, mountPath: 'w', readOnly: true }] });
    const asked: string[] = [];
    const prepare: MountContext['prepare'] = async ({ name }) => (
      asked.push(name),
      { hostPath: volume, isDevice: false }
    );
    const given = await volumeMounts(app, new Map(), { pod, prepare });
    expect(given.map(({ containerPath, readOnly }) => [containerPath, readOnly])).toEqual([
      ['/v', false],
      ['/w', true],
    ]);
    expect(asked).toEqual(['v']);
  });

  it('gives devices to those who ask for devices, and files to those who ask for files', async () => {
    const pod = podWith({ volumes: [{ name: 'v', persistentVolumeClaim: { claimName: 'c' } }] });
    const app = container('app', { volumeDevices: [{ name: 'v', devicePath: '/dev/data' }] });
    const given = (prepared: Partial<ReadyVolume>) =>
      volumeDevices(app, { pod, prepare: async () => ({ hostPath: '/dev/sdb', isDevice: true, ...prepared }) });
    const device = { hostPath: '/dev/sdb', containerPath: '/dev/data', permissions: 'mrw' };
    expect(await given({})).toEqual([device]);
    expect(await given({ readOnly: true })).toEqual([{ ...device, permissions: 'r' }]);
    await expect(given({ isDevice: false })).rejects.toThrow('it belongs into volumeMounts');
    await expect(mount({}, { isDevice: true })).rejects.toThrow('it belongs into volumeDevices');
  });

  it('makes the part that subPathExpr names', async () => {
    const [given] = await mount({ subPathExpr: 'logs/$(NAME)' });
    expect(given?.hostPath).toBe(join(volume, 'logs/web'));
    expect((await stat(join(volume, 'logs/web'))).isDirectory()).toBe(true);
  });

  it('mounts what nobody writes to read-only, and makes no parts in it', async () => {
    await mkdir(join(volume, 'part'));
    const given = await mount({ subPath: 'part' }, { readOnly: true });
    expect(given).toMatchObject([{ hostPath: join(volume, 'part'), readOnly: true }]);
    await expect(mount({ subPath: 'absent' }, { readOnly: true })).rejects.toThrow(
      'subPath "absent" is not in volume "v", which nobody writes to',
    );
    expect(await readdir(volume)).toEqual(['part']);
  });

  it.each([
    ['a subPath that leaves', { subPath: '../x' }, 'must not contain ".."'],
    ['an unknown name in subPathExpr', { subPathExpr: '$(NONE)' }, 'missing value for "NONE"'],
    ['a volume that the pod does not have', { name: 'other' }, 'container app mounts unknown volume "other"'],
  ])('refuses %s', async (_what, changes, message) => {
    await expect(mount(changes)).rejects.toMatchObject({
      name: 'ConfigError',
      message: expect.stringContaining(message),
    });
  });

  it('mounts the directory that it looked at, also when a link is put in its place before it is mounted', async () => {
    await mkdir(join(root, 'v/part'));
    await mkdir(join(root, 'outside'));
    await writeFile(join(root, 'v/part/mine'), '');
    await writeFile(join(root, 'outside/secret'), '');
    const parts = new OpenParts();
    const [given] = await mount({ subPath: 'part' }, {}, { parts });
    await rename(join(root, 'v/part'), join(root, 'v/elsewhere'));
    await symlink(join(root, 'outside'), join(root, 'v/part'));
    expect(await readdir(given?.hostPath ?? '')).toEqual(['mine']);
    await parts.close();
    await expect(readdir(given?.hostPath ?? '')).rejects.toThrow('ENOENT');
  });

  it('follows links within the volume, and makes what is beyond them', async () => {
    await mkdir(join(root, 'v/real'));
    await symlink('real', join(root, 'v/link'));
    const [given] = await mount({ subPath: 'link/made/deep' });
    expect(given?.hostPath).toMatch(/\/v\/real\/made\/deep$/);
    expect(await readdir(join(root, 'v/real/made'))).toEqual(['deep']);
  });

  it('refuses a link that leads out of the volume', async () => {
    await mkdir(join(root, 'outside'));
    await symlink(join(root, 'outside'), join(root, 'v', 'out'));
    for (const subPath of ['out', 'out/made']) {
      await expect(mount({ subPath })).rejects.toThrow('leads out of the volume');
    }
    expect(await readdir(join(root, 'outside'))).toEqual([]);
  });
});
