import { spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, statfs, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { PreparedVolume, VolumeKind } from '@timonel/sdk/contracts/volume';
import { mustRun } from '@timonel/sdk/command';
import { mountTable, unmountAll } from '@timonel/sdk/linux';
import { createRecordingLogger, manualEnv, testVolumeNode, volumeRequest } from '@timonel/testkit';
import { coreKinds } from '../core-kinds.ts';
import { MemoryFilesystems } from '../memory-filesystems.ts';
import { MemoryRoot, type MemoryRootParts } from './memory-root.ts';

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'timonel-memory-root-'));
  await mkdir(join(root, 'pods/uid-1/volumes'), { recursive: true });
});
afterEach(async () => {
  await unmountAll(root);
  await rm(root, { recursive: true, force: true });
});

let word = '';
const node = (memory = '8Gi') =>
  testVolumeNode({
    allocatable: { memory },
    configMap: async () => ({ metadata: {}, data: { a: '1' } }),
    secret: async () => ({ metadata: {}, data: { word: Buffer.from(word).toString('base64') } }),
  });
const onDisk = (uid: string): string => join(root, 'pods', uid, 'volumes/v');
const pod = { namespace: 'default', name: 'web' };
const secret = { secret: { secretName: 's' } };

interface Bed {
  readonly kind: VolumeKind;
  readonly memoryRoot: MemoryRoot;
  readonly log: ReturnType<typeof createRecordingLogger>;
  prepare(source?: Record<string, unknown>, uid?: string, memory?: string): Promise<PreparedVolume>;
}

/** As a node that starts on the same data. */
function start(host?: MemoryRootParts['host']): Bed {
  const log = createRecordingLogger();
  const memory = new MemoryFilesystems();
  const parts = { dataDir: join(root, 'volumes-core'), log, filesystems: memory };
  const memoryRoot = new MemoryRoot(host === undefined ? parts : { ...parts, host });
  const kind = coreKinds({ env: manualEnv(), memory, memoryRoot });
  const prepare: Bed['prepare'] = (source = secret, uid = 'uid-1', size = '8Gi') => {
    const asked = volumeRequest({ name: 'v', ...source }, { directory: onDisk(uid), node: node(size) });
    return kind.prepare({ ...asked, pod: { ...asked.pod, metadata: { ...asked.pod.metadata, uid } } });
  };
  return { kind, memoryRoot, log, prepare };
}

const mounted = async (): Promise<string[]> =>
  (await mountTable()).flatMap(({ path, type }) =>
    path.startsWith(root) ? [`${type} ${path.slice(root.length)}`] : [],
  );
const isEmptyOnDisk = async (uid = 'uid-1'): Promise<boolean> => (await readdir(join(onDisk(uid), '..'))).length === 0;

(process.getuid?.() === 0 ? describe : describe.skip)('files of Secrets in memory (needs root)', () => {
  it('lie in one file system for all pods, and programs among them run', async () => {
    word = 'hidden';
    const bed = start();
    const tokens = { projected: { sources: [{ serviceAccountToken: { path: 'token' } }] } };
    const fields = { downwardAPI: { items: [{ path: 'x', fieldRef: { fieldPath: 'metadata.name' } }] } };
    const ready = await Promise.all([bed.prepare(), bed.prepare(tokens, 'uid-2'), bed.prepare(fields, 'uid-3')]);
    expect(await mounted()).toEqual(['tmpfs /volumes-core/memory']);
    expect(await readFile(join(ready[0].hostPath, 'word'), 'utf8')).toBe('hidden');
    for (const { hostPath } of ready) expect((await statfs(hostPath)).type).toBe(0x01021994);
    expect(await isEmptyOnDisk()).toBe(true);
    const line = (await readFile('/proc/self/mountinfo', 'utf8')).split('\n').find((each) => each.includes(root));
    expect(line).toContain('nosuid,nodev');
    word = '#!/bin/sh\necho ran\n';
    const { hostPath } = await bed.prepare({ secret: { secretName: 's', defaultMode: 0o755 } }, 'uid-4');
    expect(spawnSync(join(hostPath, 'word'), { encoding: 'utf8' }).stdout).toBe('ran\n');
    expect(((await stat(join(root, 'volumes-core/memory'))).mode & 0o7777).toString(8)).toBe('700');
  });

  it('but not those of ConfigMaps', async () => {
    expect((await start().prepare({ configMap: { name: 'c' } })).hostPath).toBe(onDisk('uid-1'));
    expect(await mounted()).toEqual([]);
  });

  it('are found by whoever comes after a crash, and go with their pods and the last of them', async () => {
    const { hostPath } = await start().prepare();
    const next = start();
    word = 'changed';
    expect((await next.prepare()).hostPath).toBe(hostPath);
    expect(await readFile(join(hostPath, 'word'), 'utf8')).toBe('changed');
    expect(await mounted()).toHaveLength(1);
    await next.memoryRoot.close('shutdown');
    expect(await mounted()).toHaveLength(1);
    const last = start();
    await last.kind.remove({ ...pod, uid: '' }, join(root, 'pods'));
    await stat(join(hostPath, 'word'));
    await last.kind.remove({ ...pod, uid: 'uid-1' }, join(root, 'pods/uid-1/volumes'));
    expect(await readdir(join(root, 'volumes-core/memory'))).toEqual([]);
    await last.memoryRoot.close('swap');
    expect(await mounted()).toHaveLength(1);
    await last.memoryRoot.close('shutdown');
    expect(await mounted()).toEqual([]);
  });

  it('are filled in again after a boot, also while the node runs', async () => {
    word = 'again';
    const bed = start();
    const { hostPath } = await bed.prepare();
    await unmountAll(root);
    await bed.prepare();
    expect(await mounted()).toHaveLength(1);
    expect(await readFile(join(hostPath, 'word'), 'utf8')).toBe('again');
  });

  it('stay in the place where they are while their pod runs, whatever places there are by then', async () => {
    const places = [join(root, 'shared'), join(root, 'other')];
    for (const place of places) await mkdir(place);
    const { hostPath } = await start({ mayMount: false, places: places.slice(0, 1) }).prepare();
    expect((await start({ mayMount: true, places }).prepare()).hostPath).toBe(hostPath);
    expect((await start({ mayMount: false, places: places.toReversed() }).prepare()).hostPath).toBe(hostPath);
  });

  it('are not removed through what somebody mounted among them', async () => {
    const bed = start();
    const { hostPath } = await bed.prepare();
    const inner = join(hostPath, 'inner');
    await mkdir(inner);
    await mustRun('mount', ['-t', 'tmpfs', 'tmpfs', inner]);
    await writeFile(join(inner, 'data'), '');
    const remove = (): Promise<void> => bed.kind.remove({ ...pod, uid: 'uid-1' }, join(root, 'pods/uid-1/volumes'));
    await expect(remove()).rejects.toThrow(/inner is mounted still \(tmpfs of tmpfs\)/);
    await stat(join(inner, 'data'));
    await mustRun('umount', [inner]);
    await remove();
    await expect(stat(hostPath)).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('stay on the disk where an older node made them for a pod that runs', async () => {
    await mkdir(onDisk('uid-1'));
    await symlink('..x', join(onDisk('uid-1'), '..data'));
    expect((await start().prepare()).hostPath).toBe(onDisk('uid-1'));
  });

  it('do not fit: the former ones stay, nothing half-made takes room, and later they fit', async () => {
    const bed = start();
    word = 'small';
    // Half of it is the size.
    const { hostPath } = await bed.prepare(secret, 'uid-1', '1Mi');
    word = 'x'.repeat(600 << 10);
    await expect(bed.prepare(secret, 'uid-1', '1Mi')).rejects.toMatchObject({
      name: 'VolumeError',
      message: expect.stringContaining('no room for 614400 bytes of the volume'),
    });
    expect(await readFile(join(hostPath, 'word'), 'utf8')).toBe('small');
    word = 'y'.repeat(300 << 10);
    await bed.prepare(secret, 'uid-1', '1Mi');
    expect((await stat(join(hostPath, 'word'))).size).toBe(300 << 10);
  });

  it('count as memory', async () => {
    const bed = start();
    await bed.prepare();
    const asked = volumeRequest({ name: 'v', ...secret }, { directory: onDisk('uid-1') });
    expect(await bed.kind.usage(asked)).toMatchObject({ medium: 'memory' });
  });
});

describe('files of Secrets of a node that cannot mount', () => {
  it('lie in memory that the machine has, for the node alone, which is said once', async () => {
    word = 'shared';
    const bed = start({ mayMount: false, places: [root] });
    const { hostPath } = await bed.prepare();
    await bed.prepare(secret, 'uid-2');
    const [own = ''] = (await readdir(root)).filter((name) => name.startsWith('timonel-volumes-'));
    expect(hostPath).toBe(join(root, own, 'uid-1/v'));
    expect(((await stat(join(root, own))).mode & 0o7777).toString(8)).toBe('700');
    expect(bed.log.lines.filter(({ level }) => level === 'info')).toHaveLength(1);
    for (const uid of ['uid-1', 'uid-2']) await bed.kind.remove({ ...pod, uid }, join(root, 'pods', uid, 'volumes'));
    await bed.memoryRoot.close('shutdown');
    expect((await readdir(root)).toSorted()).toEqual(['pods']);
  });

  it('lie on the disk where there is none, or somebody else has its name, with a warning', async () => {
    const place = join(root, 'place');
    await mkdir(place);
    await start({ mayMount: false, places: [place] }).prepare();
    const [own = ''] = await readdir(place);
    await rm(join(place, own), { recursive: true });
    await writeFile(join(place, own), '');
    const bed = start({ mayMount: false, places: [place] });
    expect((await bed.prepare()).hostPath).toBe(onDisk('uid-1'));
    await bed.prepare(secret, 'uid-1');
    expect(bed.log.lines.filter(({ level }) => level === 'warn')).toHaveLength(1);
  });
});
