import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { container, podWith } from '../plan/testing.ts';
import { Bench } from './testing/worker-bench.ts';

describe('pod worker on a manual clock', () => {
  let dataDir: string;
  let bench: Bench;
  beforeEach(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'timonel-worker-'));
    bench = new Bench(dataDir);
  });
  afterEach(async () => {
    await bench.worker.close();
    await rm(dataDir, { recursive: true, force: true });
  });
  const begin = async (): Promise<void> => {
    bench.worker.trigger();
    await bench.settle();
  };

  it('restarts a crashing container after 0, 10, 20, 40, 80 seconds, and at once again after ten quiet minutes', async () => {
    await begin();
    for (let crashes = 0; crashes < 5; crashes += 1) {
      const before = bench.starts.length;
      bench.crash();
      await bench.settle();
      for (let second = 0; second < 100 && bench.starts.length === before; second += 1) await bench.pass(1);
    }
    expect(bench.starts).toEqual([0, 0, 10, 30, 70, 150]);
    await bench.pass(1);
    expect(bench.status?.containerStatuses?.[0]).toMatchObject({ restartCount: 5, ready: true });
    // Of five ended tries one is kept.
    expect(bench.containers.size).toBe(2);
    await bench.env.advance(601_000);
    bench.crash();
    await bench.settle();
    expect(bench.starts).toHaveLength(7);
  });

  it('tries an absent image again with growing delays, and starts when it is there', async () => {
    bench.imageIsThere = false;
    await begin();
    const reason = (): string | undefined => bench.status?.containerStatuses?.[0]?.state.waiting?.reason;
    expect(reason()).toBe('ErrImagePull');
    await bench.pass(5);
    expect(reason()).toBe('ImagePullBackOff');
    await bench.pass(10);
    bench.imageIsThere = true;
    await bench.pass(14);
    expect(bench.starts).toEqual([]);
    await bench.pass(3);
    expect(bench.starts).toEqual([30]);
    expect(bench.status?.phase).toBe('Running');
  });

  it('waits for a volume as a container that is about to be made, and is tried again when it may be there', async () => {
    const containers = [container('app', { volumeMounts: [{ name: 'v', mountPath: '/v' }] })];
    bench = new Bench(dataDir, { containers, volumes: [{ name: 'v', nfs: {} }] });
    const tries = (): number => bench.events.filter((event) => event.startsWith('Warning FailedMount')).length;
    await begin();
    const message = 'MountVolume.SetUp failed for volume "v" : kind nfs is not supported by this node';
    expect(bench.status?.containerStatuses?.[0]?.state).toMatchObject({
      waiting: { reason: 'ContainerCreating', message: expect.stringContaining(message) },
    });
    await bench.pass(60);
    expect(tries()).toBe(7);
    bench.worker.retryVolumes();
    await bench.settle();
    expect(tries()).toBe(8);
  });

  it('goes on without the API, and reports when it is back', async () => {
    await begin();
    bench.apiIsAway = true;
    bench.crash();
    await bench.settle();
    expect(bench.starts).toEqual([0, 0]);
    expect(bench.status?.containerStatuses?.[0]?.restartCount).toBe(0);
    await bench.pass(30);
    bench.apiIsAway = false;
    await bench.pass(11);
    expect(bench.status?.containerStatuses?.[0]).toMatchObject({ restartCount: 1, ready: true });
  });

  it('does one thing at a time, also when the runtime tells of an event while it is asked', async () => {
    await begin();
    const runtime = bench.runtime();
    const made: string[] = [];
    let tells = true;
    bench.runtime = () => ({
      ...runtime,
      containerStatus: (id) => {
        if (tells) bench.worker.trigger();
        tells = false;
        return runtime.containerStatus?.(id) ?? Promise.resolve(undefined);
      },
      createContainer: (config) => {
        made.push(config.id);
        return runtime.createContainer?.(config) ?? Promise.reject(new Error('no container'));
      },
    });
    bench.crash();
    await bench.settle();
    expect(made).toHaveLength(1);
  });

  it('tries a failed sandbox again', async () => {
    bench.sandboxFails = true;
    await begin();
    await bench.pass(5);
    bench.sandboxFails = false;
    await bench.pass(10);
    expect(bench.status?.phase).toBe('Running');
  });

  it('writes nothing while nothing changes', async () => {
    await begin();
    const writes = bench.written.length;
    for (let index = 0; index < 10; index += 1) {
      bench.worker.trigger();
      await bench.pass(1);
    }
    expect(bench.written).toHaveLength(writes);
  });

  it('keeps trying to delete the object until the API answers, and tells it first what the pod came to', async () => {
    await begin();
    bench.apiIsAway = true;
    const deleted = { deletionTimestamp: '2026-01-01T00:00:00Z', deletionGracePeriodSeconds: 1 };
    bench.worker.setPod(podWith({ containers: [container('app')] }, deleted));
    await bench.settle();
    await bench.pass(28);
    expect(bench.worker.sandboxes.size).toBe(0);
    expect(bench.worker.memory.objectDeleted).toBe(false);
    bench.apiIsAway = false;
    await bench.pass(2);
    expect(bench.worker.memory.objectDeleted).toBe(true);
    expect(bench.status?.containerStatuses?.[0]?.state.terminated).toMatchObject({ exitCode: 0 });
    expect(bench.deletions).toEqual([bench.written.length]);
  });
});
