import { mkdir, mkdtemp, readFile, rm, stat, statfs, writeFile } from 'node:fs/promises';
import { release, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { VolumeKind } from '@timonel/sdk/contracts/volume';
import type { PodSpec } from '@timonel/sdk/kube';
import { mountTable } from '@timonel/sdk/linux';
import { manualEnv, testVolumeNode, volumeRequest } from '@timonel/testkit';
import { coreKinds } from './core-kinds.ts';
import { memorySize } from './empty-dir.ts';

const [major = 0, minor = 0] = release().split('.').map(Number);
const hasNoSwap = process.platform === 'linux' && major * 100 + minor >= 604;
let root: string;
let kind: VolumeKind;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'timonel-empty-dir-'));
  kind = coreKinds(manualEnv());
});
afterEach(async () => {
  await kind.remove({ namespace: '', name: '', uid: '' }, root);
  await rm(root, { recursive: true, force: true });
});

const mib = 2 ** 20;
const limited = (memory?: string) => (memory === undefined ? {} : { resources: { limits: { memory } } });
const container = (name: string, memory?: string) => ({ name, image: 'web:1', ...limited(memory) });

function request(emptyDir: object, spec: Partial<PodSpec> = {}) {
  const asked = volumeRequest({ name: 'v', emptyDir }, { directory: join(root, 'v') });
  return { ...asked, pod: { ...asked.pod, spec: { ...asked.pod.spec, ...spec } } };
}

const groupOfPod = { securityContext: { fsGroup: 1234 } };
const modeOf = async (path: string): Promise<string> => ((await stat(path)).mode & 0o7777).toString(8);

describe('emptyDir on the disk', () => {
  it('lets everybody write, whatever the umask is', async () => {
    const umask = process.umask(0o077);
    try {
      await kind.prepare(request({}));
    } finally {
      process.umask(umask);
    }
    expect(await modeOf(join(root, 'v'))).toBe('777');
  });

  (process.getuid?.() === 0 ? it : it.skip)('belongs to the group of the pod (needs root)', async () => {
    await kind.prepare(request({}, groupOfPod));
    expect(await modeOf(join(root, 'v'))).toBe('2777');
    expect((await stat(join(root, 'v'))).gid).toBe(1234);
  });

  it('keeps what is in it, and is whole after a crash at its making', async () => {
    await mkdir(join(root, 'v.making'));
    await kind.prepare(request({}));
    await writeFile(join(root, 'v/file'), 'kept');
    await kind.prepare(request({}));
    expect((await stat(join(root, 'v/file'))).size).toBe(4);
  });

  it('is measured, against its limit', async () => {
    const asked = request({ sizeLimit: '1Mi' });
    await kind.prepare(asked);
    await writeFile(join(root, 'v/file'), Buffer.alloc(64 * 1024, 1));
    expect(await kind.usage(asked)).toMatchObject({ medium: 'disk', limitBytes: mib, inodesUsed: 2 });
    expect((await kind.usage(asked))?.usedBytes).toBeGreaterThanOrEqual(64 * 1024);
  });

  it.each(['HugePages', 'HugePages-2Mi', 'Ram'])('of medium %s is refused', async (medium) => {
    await expect(kind.prepare(request({ medium }))).rejects.toThrow(`emptyDir medium "${medium}" is not supported`);
  });
});

describe('emptyDir in memory', () => {
  const node = testVolumeNode({ allocatable: { memory: '100Mi' } });
  it.each([
    ['its limit', { sizeLimit: '8Mi' }, { containers: [container('a', '32Mi')] }, 8],
    ['what its containers have together', {}, { containers: [container('a', '32Mi'), container('b', '16Mi')] }, 48],
    ['less than its limit', { sizeLimit: '80Mi' }, { containers: [container('a', '32Mi')] }, 32],
    [
      'what the node has, where one container has no bound',
      {},
      { containers: [container('a', '32Mi'), container('b')] },
      100,
    ],
    ['what the node has for a limit of zero', { sizeLimit: '0' }, {}, 100],
    ['the limit of the pod', {}, { containers: [container('a')], ...limited('24Mi') }, 24],
    [
      'what an init container has that has more',
      {},
      { containers: [container('a', '8Mi')], initContainers: [container('b', '64Mi')] },
      64,
    ],
    [
      'what sidecars have too',
      {},
      { containers: [container('a', '8Mi')], initContainers: [{ ...container('b', '4Mi'), restartPolicy: 'Always' }] },
      12,
    ],
  ])('is as large as %s', (_what, emptyDir, spec, expected) => {
    expect(memorySize({ ...request({ medium: 'Memory', ...emptyDir }, spec), node })).toBe(expected * mib);
  });

  const asRoot = process.getuid?.() === 0 ? it : it.skip;

  asRoot(
    'is mounted once, with its size, mode and group, and unmounted by whoever comes after a crash (needs root)',
    async () => {
      const asked = request({ medium: 'Memory', sizeLimit: '1Mi' }, groupOfPod);
      await kind.prepare(asked);
      await kind.prepare(asked);
      const { bsize, blocks } = await statfs(join(root, 'v'));
      expect(bsize * blocks).toBe(mib);
      expect(await modeOf(join(root, 'v'))).toBe('2777');
      expect((await stat(join(root, 'v'))).gid).toBe(1234);
      await expect(writeFile(join(root, 'v/large'), Buffer.alloc(2 * mib))).rejects.toThrow('ENOSPC');
      const mounted = (await mountTable()).filter(({ path }) => path === join(root, 'v'));
      expect(mounted).toMatchObject([{ type: 'tmpfs' }]);
      await coreKinds(manualEnv()).remove({ namespace: '', name: '', uid: '' }, root);
      expect((await mountTable()).filter(({ path }) => path === join(root, 'v'))).toEqual([]);
    },
  );

  (hasNoSwap ? asRoot : it.skip)('is kept out of swap (needs root, and Linux 6.4)', async () => {
    await kind.prepare(request({ medium: 'Memory' }));
    const table = await readFile('/proc/self/mountinfo', 'utf8');
    expect(table.split('\n').find((line) => line.includes(join(root, 'v')))).toContain('noswap');
  });

  asRoot('says why it cannot be mounted (needs root)', async () => {
    const asked = request({ medium: 'Memory' }, { securityContext: { fsGroup: -5 } });
    await expect(kind.prepare(asked)).rejects.toMatchObject({
      name: 'VolumeError',
      message: expect.stringContaining('emptyDir in memory cannot be mounted: '),
    });
  });

  asRoot('is measured by the kernel, which keeps its size (needs root)', async () => {
    const asked = request({ medium: 'Memory', sizeLimit: '1Mi' });
    await kind.prepare(asked);
    await writeFile(join(root, 'v/file'), Buffer.alloc(64 * 1024, 1));
    const usage = await kind.usage(asked);
    expect(usage).toMatchObject({ medium: 'memory', capacityBytes: mib, usedBytes: 64 * 1024, inodesUsed: 2 });
    expect(usage).not.toHaveProperty('limitBytes');
  });
});
