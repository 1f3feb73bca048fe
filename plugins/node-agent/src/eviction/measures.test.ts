import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createRecordingLogger } from '@timonel/testkit';
import { exited, podWith, running } from '../plan/testing.ts';
import { measureNode } from './measure-node.ts';
import { PodMeasures } from './measure-pods.ts';
import { nodeMemory } from './node-memory.ts';
import { ephemeralStorage } from './pod-use.ts';
import { amountText, bytesText } from './quantity-text.ts';

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'timonel-measures-'));
});
afterEach(() => rm(root, { recursive: true, force: true }));

async function files(entries: Record<string, string | number>): Promise<void> {
  for (const [path, content] of Object.entries(entries)) {
    await mkdir(join(root, path, '..'), { recursive: true });
    await writeFile(join(root, path), typeof content === 'number' ? Buffer.alloc(content, 1) : content);
  }
}

const meminfo = 'MemTotal: 1000 kB\nMemFree: 200 kB\nInactive(file): 300 kB\n';

describe('the memory of a node', () => {
  const read = () => nodeMemory(join(root, 'proc'), join(root, 'cgroup'));

  it('is that of the machine where no control group limits it', async () => {
    await files({ 'proc/meminfo': meminfo });
    expect(await read()).toEqual({ capacityBytes: 1_024_000, workingSetBytes: 512_000 });
    await files({ 'cgroup/memory/memory.limit_in_bytes': '9223372036854771712\n' });
    expect(await read()).toMatchObject({ capacityBytes: 1_024_000 });
    await files({ 'cgroup/memory.max': 'max\n' });
    expect(await read()).toMatchObject({ capacityBytes: 1_024_000 });
  });

  it('is that of the group that all of the node is in', async () => {
    await files({
      'proc/meminfo': meminfo,
      'cgroup/memory/memory.limit_in_bytes': '500000\n',
      'cgroup/memory/memory.usage_in_bytes': '400000\n',
      'cgroup/memory/memory.stat': 'inactive_file 1\ntotal_inactive_file 100000\n',
    });
    expect(await read()).toEqual({ capacityBytes: 500_000, workingSetBytes: 300_000 });
    await files({
      'cgroup/memory.max': '600000\n',
      'cgroup/memory.current': '50000\n',
      'cgroup/memory.stat': 'anon 1\ninactive_file 60000\n',
    });
    expect(await read()).toEqual({ capacityBytes: 600_000, workingSetBytes: 0 });
  });

  it('is not known where nothing can be read', async () => {
    expect(await read()).toBeUndefined();
  });
});

describe('the signals of this machine', () => {
  it('are all there, with what is available no more than there is', async () => {
    const { observations, ownImages } = await measureNode({ data: root, images: root });
    expect([...observations.keys()].toSorted()).toEqual([
      'imagefs.available',
      'imagefs.inodesFree',
      'memory.available',
      'nodefs.available',
      'nodefs.inodesFree',
      'pid.available',
    ]);
    for (const { available, capacity } of observations.values()) {
      expect(available).toBeLessThanOrEqual(capacity);
      expect(available).toBeGreaterThan(0);
    }
    expect(ownImages).toBe(false);
    expect((await measureNode({ data: root, images: '/proc' })).ownImages).toBe(true);
  });
});

describe('what a pod takes', () => {
  it('is what its containers write, log and keep in volumes, and the memory of those that run', async () => {
    await files({
      'logs/default_web_uid-1/app/0.log': 20_480,
      'logs/default_web_uid-1/app/1.log': 20_480,
      'upper-0/old': 8192,
      'upper-1/new': 8192,
    });
    const pod = podWith();
    const volume = { usedBytes: 40_960, inodesUsed: 2 };
    const usage = async () =>
      (['disk', 'memory', 'own'] as const).map((medium) => ({ ...volume, name: medium, medium }));
    const statuses = [
      exited('app', 1, 0, { writableLayer: join(root, 'upper-0') }),
      running('app', 1, { writableLayer: join(root, 'upper-1') }),
    ];
    const containers = new Map(statuses.map((status) => [status.id, status]));
    const log = createRecordingLogger();
    const stats = () =>
      Promise.resolve([
        { id: 'app-1', cpuUsageNanos: 0, memoryUsageBytes: 9, memoryWorkingSetBytes: 7, pids: 3 },
        { id: 'foreign', cpuUsageNanos: 0, memoryUsageBytes: 9, memoryWorkingSetBytes: 7, pids: 3 },
      ]);
    const silent = { stats: () => Promise.reject(new Error('gone')) };
    const clock = { monotonic: () => 0 };
    const measures = new PodMeasures({
      dataDir: root,
      clock,
      log,
      volumes: { usage },
      runtimes: () => [{ stats }, silent],
    });
    const measured = { pod: () => pod, containers };
    const use = await measures.use(measured, await measures.stats(), true);
    expect(use).toMatchObject({ memoryBytes: 7, pids: 3 });
    const { bytes = 0, inodes } = use === undefined ? {} : ephemeralStorage(use);
    const expected = 40_960 + 2 * 20_480 + 2 * 8192;
    expect(bytes).toBeGreaterThanOrEqual(expected);
    expect(bytes).toBeLessThan(expected + 40_960);
    expect(inodes).toBe(9);
    const idle = { pod: () => pod, containers: new Map<string, never>() };
    expect(await measures.use(idle, new Map(), false)).toBeUndefined();
  });
});

describe('amounts in messages', () => {
  it('are written as Kubernetes prints them', () => {
    expect([104_857_600, 92_807_168, 92_807_169, 0, 1024, 1.9].map(bytesText)).toEqual([
      '100Mi',
      '90632Ki',
      '92807169',
      '0',
      '1Ki',
      '1',
    ]);
    expect([amountText('inodes', 12_000), amountText('pids', 1234), amountText('memory', 2048)]).toEqual([
      '12k',
      '1234',
      '2Ki',
    ]);
  });
});
