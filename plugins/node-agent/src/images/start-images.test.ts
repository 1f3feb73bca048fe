import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { until } from '@timonel/testkit';
import { container, podWith } from '../plan/testing.ts';
import { Bench } from '../agent/testing/worker-bench.ts';

describe('a pull', () => {
  let dataDir: string;
  let bench: Bench;
  beforeEach(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'timonel-worker-'));
    bench = new Bench(dataDir, { containers: [container('app', { imagePullPolicy: 'Always' })] });
    bench.registryIsSlow = true;
    bench.worker.trigger();
    await until(() => bench.pulls.length > 0, { what: 'the pull' });
  });
  afterEach(async () => {
    await bench.worker.close();
    await rm(dataDir, { recursive: true, force: true });
  });

  it('keeps nobody from working on the pod, is not begun twice, and is followed by the start', async () => {
    bench.worker.trigger();
    await until(() => (bench.status?.podIP ?? '') !== '', { what: 'a status meanwhile' });
    expect(bench.status?.containerStatuses?.[0]?.state.waiting?.reason).toBe('ContainerCreating');
    bench.pulls[0]?.done();
    await bench.settle();
    expect(bench.starts).toHaveLength(1);
    expect(bench.pulls).toHaveLength(1);
  });

  it('ends when the pod is deleted', async () => {
    const deleted = { deletionTimestamp: '2026-01-01T00:00:00Z', deletionGracePeriodSeconds: 1 };
    bench.worker.setPod(podWith({}, deleted));
    await bench.settle();
    expect(bench.pulls[0]?.signal?.aborted).toBe(true);
    expect(bench.worker.memory.objectDeleted).toBe(true);
    bench.pulls[0]?.done();
    await bench.settle();
    expect(bench.starts).toEqual([]);
  });

  it('of the image of a volume comes before the start, and is not asked for again while another is waited for', async () => {
    await bench.worker.close();
    bench = new Bench(dataDir, {
      volumes: [{ name: 'data', image: { reference: 'data:1' } }],
      containers: [container('app', { volumeMounts: [{ name: 'data', mountPath: '/data' }] })],
    });
    bench.registryIsSlow = true;
    bench.layers = [dataDir];
    bench.imageIsThere = false;
    bench.worker.trigger();
    await until(() => bench.pulls.length === 2, { what: 'both pulls' });
    bench.imageIsThere = true;
    bench.pulls[0]?.done();
    await until(() => bench.events.some((text) => text.includes('already present')), { what: 'the first image' });
    bench.worker.trigger();
    expect(bench.starts).toEqual([]);
    bench.pulls[1]?.done();
    await bench.settle();
    expect(bench.starts).toHaveLength(1);
    expect(bench.pulls).toHaveLength(2);
    expect(bench.mounts).toContainEqual(expect.objectContaining({ hostPath: dataDir, readOnly: true }));
  });
});
