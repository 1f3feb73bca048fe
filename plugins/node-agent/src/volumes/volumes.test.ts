import { mkdir, mkdtemp, readFile, readdir, rename, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { VolumeMount } from '@timonel/sdk/kube';
import { container, podWith } from '../plan/testing.ts';
import { volumeMounts } from './mounts.ts';
import { writePayload } from './payload.ts';
import { OpenParts } from './sub-path.ts';

const facts = { nodeName: 'n', nodeAddress: '192.0.2.1', podAddresses: ['10.1.0.2'], allocatable: {} };
const file = (path: string, text: string, mode = 0o644) => ({ path, data: Buffer.from(text), mode });

describe('volumes', () => {
  let root: string;
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'timonel-volumes-'));
  });
  afterEach(() => rm(root, { recursive: true, force: true }));

  const sources = {
    configMap: async (_namespace: string, name: string) =>
      name === 'c' ? { metadata: {}, data: { a: '1' }, binaryData: { b: 'AAE=' } } : undefined,
    secret: async () => undefined,
  };
  const mount = (
    volume: Record<string, unknown>,
    changes: Partial<VolumeMount> = {},
    runtime: { name: string; recursiveReadOnlyMounts?: boolean } = { name: 'x' },
  ) => {
    const pod = podWith({ volumes: [{ name: 'v', ...volume }] });
    const app = container('app', { volumeMounts: [{ name: 'v', mountPath: '/v', ...changes }] });
    return volumeMounts(app, root, new Map([['NAME', 'web']]), { pod, facts, sources, runtime });
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
    const given = mount({ emptyDir: {} }, changes, { name: 'x', recursiveReadOnlyMounts });
    if (typeof expected === 'string') await expect(given).rejects.toThrow(expected);
    else expect((await given)[0]?.recursiveReadOnly).toBe(expected);
  });

  it('swaps a payload as a whole, and leaves what did not change', async () => {
    const directory = join(root, 'payload');
    await writePayload(directory, [file('a', '1'), file('dir/b', '2', 0o600)], 'one', undefined);
    expect(await readFile(join(directory, 'dir/b'), 'utf8')).toBe('2');
    expect((await stat(join(directory, 'dir/b'))).mode & 0o777).toBe(0o600);
    await writePayload(directory, [file('a', '3')], 'two', undefined);
    expect(await readFile(join(directory, 'a'), 'utf8')).toBe('3');
    expect((await readdir(directory)).sort()).toEqual(['..data', '..two', 'a']);
  });

  it('gives ConfigMaps with binary data and modes', async () => {
    const [given] = await mount({ configMap: { name: 'c', defaultMode: 0o400 } });
    expect(await readFile(join(given?.hostPath ?? '', 'b'))).toEqual(Buffer.from([0, 1]));
    expect((await stat(join(given?.hostPath ?? '', 'a'))).mode & 0o777).toBe(0o400);
  });

  it('gives projected volumes of several sources, and empty ones for absent optional sources', async () => {
    const downwardAPI = { items: [{ path: 'name', fieldRef: { fieldPath: 'metadata.name' } }] };
    const optional = { secret: { name: 'none', optional: true } };
    const [given] = await mount({ projected: { sources: [{ configMap: { name: 'c' } }, { downwardAPI }, optional] } });
    expect((await readdir(given?.hostPath ?? '')).filter((name) => !name.startsWith('..')).sort()).toEqual([
      'a',
      'b',
      'name',
    ]);
  });

  it('lets everybody write into an emptyDir, and resolves subPathExpr', async () => {
    const [given] = await mount({ emptyDir: {} }, { subPathExpr: 'logs/$(NAME)' });
    expect(given?.hostPath).toMatch(/\/v\/logs\/web$/);
    expect((await stat(join(root, 'v'))).mode & 0o777).toBe(0o777);
  });

  it('gives the volume of a claim, read-only where the pod says so', async () => {
    const pod = podWith({ volumes: [{ name: 'v', persistentVolumeClaim: { claimName: 'c', readOnly: true } }] });
    const app = container('app', { volumeMounts: [{ name: 'v', mountPath: '/v', subPath: 'part' }] });
    const claims = { mount: async () => ({ hostPath: root, readOnly: true }) };
    const [given] = await volumeMounts(app, root, new Map(), { pod, facts, sources, claims });
    expect(given).toMatchObject({ hostPath: expect.stringMatching(/\/part$/), readOnly: true });
  });

  it.each([
    [
      'a missing key',
      { configMap: { name: 'c', items: [{ key: 'x', path: 'x' }] } },
      {},
      "couldn't find key x in ConfigMap default/c",
    ],
    ['an absent secret', { secret: { secretName: 's' } }, {}, 'secret "s" not found'],
    [
      'a path that leaves',
      { configMap: { name: 'c', items: [{ key: 'a', path: '../x' }] } },
      {},
      'must not contain ".."',
    ],
    ['a subPath that leaves', { emptyDir: {} }, { subPath: '../x' }, 'must not contain ".."'],
    ['an unknown name in subPathExpr', { emptyDir: {} }, { subPathExpr: '$(NONE)' }, 'missing value for "NONE"'],
    ['a kind of its own', { flocker: {} }, {}, 'kind flocker is not supported'],
    ['a memory medium', { emptyDir: { medium: 'Memory' } }, {}, 'medium "Memory" is not supported'],
  ])('refuses %s', async (_what, volume, changes, message) => {
    await expect(mount(volume, changes)).rejects.toMatchObject({
      name: 'ConfigError',
      message: expect.stringContaining(message),
    });
  });

  it('mounts the directory that it looked at, also when a link is put in its place before it is mounted', async () => {
    await mkdir(join(root, 'v/part'), { recursive: true });
    await mkdir(join(root, 'outside'));
    await writeFile(join(root, 'v/part/mine'), '');
    await writeFile(join(root, 'outside/secret'), '');
    const pod = podWith({ volumes: [{ name: 'v', emptyDir: {} }] });
    const app = container('app', { volumeMounts: [{ name: 'v', mountPath: '/v', subPath: 'part' }] });
    const parts = new OpenParts();
    const [given] = await volumeMounts(app, root, new Map(), { pod, facts, sources, parts });
    await rename(join(root, 'v/part'), join(root, 'v/elsewhere'));
    await symlink(join(root, 'outside'), join(root, 'v/part'));
    expect(await readdir(given?.hostPath ?? '')).toEqual(['mine']);
    await parts.close();
    await expect(readdir(given?.hostPath ?? '')).rejects.toThrow('ENOENT');
  });

  it('follows links within the volume, and makes what is beyond them', async () => {
    await mkdir(join(root, 'v/real'), { recursive: true });
    await symlink('real', join(root, 'v/link'));
    const [given] = await mount({ emptyDir: {} }, { subPath: 'link/made/deep' });
    expect(given?.hostPath).toMatch(/\/v\/real\/made\/deep$/);
    expect(await readdir(join(root, 'v/real/made'))).toEqual(['deep']);
  });

  it('refuses a link that leads out of the volume', async () => {
    await mkdir(join(root, 'v'));
    await mkdir(join(root, 'outside'));
    await symlink(join(root, 'outside'), join(root, 'v', 'out'));
    for (const subPath of ['out', 'out/made']) {
      await expect(mount({ emptyDir: {} }, { subPath })).rejects.toThrow('leads out of the volume');
    }
    expect(await readdir(join(root, 'outside'))).toEqual([]);
  });
});
