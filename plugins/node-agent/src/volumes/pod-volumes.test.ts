import { describe, expect, it } from '@jest/globals';
import { VolumeError, type PreparedVolume, type VolumeKind, type VolumeRequest } from '@timonel/sdk/contracts/volume';
import type { Pod } from '@timonel/sdk/kube';
import { manualEnv } from '@timonel/testkit';
import { podWith } from '../plan/testing.ts';
import type { PodVolumes } from './pod-volumes.ts';
import { testFacts, testVolumes } from './testing/test-volumes.ts';

/** A kind `made` that reads ConfigMap `c` and can be told to fail, or to wait. */
class Bench {
  readonly env = manualEnv();
  readonly asked: VolumeRequest[] = [];
  readonly told: string[] = [];
  readonly pods = new Map<string, Pod>();
  readonly volumes: PodVolumes;
  prepared: Partial<PreparedVolume> = { follows: true };
  failure: string | undefined;
  version = '1';
  gate: Promise<void> = Promise.resolve();

  constructor() {
    const kind: VolumeKind = {
      keys: () => ['made', 'image'],
      prepare: (request) => this.#prepare(request),
      remove: async ({ uid }, directory) => void this.told.push(`removed ${uid} ${directory}`),
      usage: async ({ volume }) => {
        if (volume.name === 'broken') throw new Error('cannot be measured');
        return { usedBytes: 5, inodesUsed: 1, medium: 'disk' };
      },
    };
    this.volumes = testVolumes({
      env: this.env,
      directory: '/data',
      kinds: [kind],
      pods: this.pods,
      sources: { configMap: async () => ({ metadata: { resourceVersion: this.version } }) },
      parts: {
        retry: (uid) => void this.told.push(`retry ${uid}`),
        failed: (_pod, message) => void this.told.push(message),
        forgotten: (uid) => void this.told.push(`forgotten ${uid}`),
      },
    });
  }

  pod(metadata: Pod['metadata'] = {}, names: readonly string[] = ['v'], key = 'made'): Pod {
    const pod = podWith({ volumes: names.map((name) => ({ name, [key]: {} })) }, metadata);
    this.pods.set('uid-1', pod);
    return pod;
  }

  prepare(pod: Pod, name = 'v'): Promise<PreparedVolume> {
    const volume = pod.spec.volumes?.find((entry) => entry.name === name) ?? { name };
    return this.volumes.prepare({ pod, volume, facts: testFacts });
  }

  /** Lets what was begun come to its end. */
  async settle(): Promise<void> {
    for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
  }

  async #prepare(request: VolumeRequest): Promise<PreparedVolume> {
    this.asked.push(request);
    await request.node.configMap('default', 'c');
    await this.gate;
    if (this.failure !== undefined) throw new VolumeError(this.failure);
    return { hostPath: request.directory, ...this.prepared };
  }
}

const key = 'configmaps/default/c';
const mounted = new Set(['v']);

describe('volumes of a pod', () => {
  it('are prepared in a place of their own, one after the other', async () => {
    const bench = new Bench();
    const pod = bench.pod({}, ['v', 'w']);
    let open = (): void => undefined;
    bench.gate = new Promise((resolve) => (open = resolve));
    const both = Promise.all([bench.prepare(pod, 'v'), bench.prepare(pod, 'w')]);
    await bench.settle();
    expect(bench.asked.map(({ volume }) => volume.name)).toEqual(['v']);
    open();
    expect((await both).map(({ hostPath }) => hostPath)).toEqual([
      '/data/pods/uid-1/volumes/v',
      '/data/pods/uid-1/volumes/w',
    ]);
  });

  it.each([
    ['that fails', { name: 'v', made: {} }, 'MountVolume.SetUp failed for volume "v" : the reason'],
    [
      'of an unknown kind',
      { name: 'v', nfs: {} },
      'kind nfs is not supported by this node, which knows made, image, persistentVolumeClaim, ephemeral',
    ],
  ])('say which one it is %s', async (_what, volume, message) => {
    const bench = new Bench();
    bench.failure = 'the reason';
    const prepared = bench.volumes.prepare({ pod: bench.pod(), volume, facts: testFacts });
    await expect(prepared).rejects.toMatchObject({ name: 'VolumeError', message: expect.stringContaining(message) });
  });

  it('that take long keep no worker: the next try finds them done', async () => {
    const bench = new Bench();
    const pod = bench.pod();
    let open = (): void => undefined;
    bench.gate = new Promise((resolve) => (open = resolve));
    const slow = expect(bench.prepare(pod)).rejects.toThrow('MountVolume.SetUp of volume "v" takes more than 20 s');
    await bench.settle();
    await bench.env.advance(20_000);
    await slow;
    open();
    await bench.prepare(pod);
    expect(bench.asked).toHaveLength(2);
  });

  it('say what they are made of, also those that do not follow it, until the pod goes', async () => {
    const bench = new Bench();
    bench.prepared = {};
    await bench.prepare(bench.pod());
    expect([...bench.volumes.asked()]).toEqual([key]);
    await bench.volumes.remove({ namespace: 'default', name: 'web', uid: 'uid-1' });
    expect([...bench.volumes.asked()]).toEqual([]);
  });

  it('say what those take that are ready', async () => {
    const bench = new Bench();
    const pod = bench.pod({}, ['v', 'broken', 'unused']);
    await bench.prepare(pod, 'v');
    await bench.prepare(pod, 'broken');
    expect(await bench.volumes.usage('uid-1')).toEqual([{ name: 'v', usedBytes: 5, inodesUsed: 1, medium: 'disk' }]);
    expect(await bench.volumes.usage('uid-2')).toEqual([]);
  });
});

describe('volumes of a pod that runs', () => {
  it('are made anew when an object is another that they were made of, and not of the same', async () => {
    const bench = new Bench();
    await bench.prepare(bench.pod());
    bench.volumes.changed(key, '1');
    bench.volumes.changed('configmaps/default/other', '2');
    await bench.settle();
    expect(bench.asked).toHaveLength(1);
    bench.version = '2';
    bench.volumes.changed(key, '2');
    await bench.settle();
    bench.volumes.changed(key, '2');
    await bench.settle();
    expect(bench.asked).toHaveLength(2);
    bench.volumes.changed(key, undefined);
    await bench.settle();
    expect(bench.asked).toHaveLength(3);
  });

  it('follow nothing when they say so', async () => {
    const bench = new Bench();
    bench.prepared = {};
    await bench.prepare(bench.pod());
    bench.volumes.changed(key, '2');
    bench.volumes.follow(bench.pod({ labels: { a: 'b' } }), mounted);
    await bench.settle();
    expect(bench.asked).toHaveLength(1);
  });

  it('follow labels, annotations and resources of the pod, and not its status', async () => {
    const bench = new Bench();
    const pod = bench.pod({ labels: { a: '1' }, resourceVersion: '1' });
    await bench.prepare(pod);
    bench.volumes.follow(bench.pod({ labels: { a: '1' }, resourceVersion: '2' }), mounted);
    await bench.settle();
    expect(bench.asked).toHaveLength(1);
    for (const metadata of [{ labels: { a: '2' } }, { annotations: { a: '2' } }, { generation: 2 }]) {
      const before = bench.asked.length;
      const changed = bench.pod(metadata);
      bench.volumes.follow(changed, mounted);
      await bench.settle();
      expect(bench.asked.slice(before).map((request) => request.pod)).toEqual([changed]);
    }
  });

  it('are taken over from an agent that is gone; those of images stay as they are', async () => {
    const bench = new Bench();
    bench.volumes.follow(bench.pod({}, ['v', 'unused']), mounted);
    await bench.settle();
    expect(bench.asked.map(({ volume }) => volume.name)).toEqual(['v']);
    bench.volumes.changed(key, '2');
    await bench.settle();
    expect(bench.asked).toHaveLength(2);
    const images = new Bench();
    images.volumes.follow(images.pod({}, ['v'], 'image'), mounted);
    await images.settle();
    expect(images.asked).toEqual([]);
  });

  it('are made anew after the time that they say', async () => {
    const bench = new Bench();
    bench.prepared = { refreshAfterMs: 60_000 };
    await bench.prepare(bench.pod());
    await bench.env.advance(59_999);
    expect(bench.asked).toHaveLength(1);
    await bench.env.advance(1);
    await bench.settle();
    expect(bench.asked).toHaveLength(2);
  });

  it('are tried again when that fails, later each time, and told of once', async () => {
    const bench = new Bench();
    await bench.prepare(bench.pod());
    bench.failure = 'configmap "c" not found';
    bench.volumes.changed(key, undefined);
    await bench.settle();
    for (const delayMs of [1000, 2000, 4000]) {
      const before = bench.asked.length;
      await bench.env.advance(delayMs - 1);
      expect(bench.asked).toHaveLength(before);
      await bench.env.advance(1);
      await bench.settle();
      expect(bench.asked).toHaveLength(before + 1);
    }
    expect(bench.told).toEqual(['MountVolume.SetUp failed for volume "v" : configmap "c" not found']);
    bench.failure = undefined;
    bench.volumes.changed(key, '3');
    await bench.settle();
    const { length } = bench.asked;
    await bench.env.advance(600_000);
    expect(bench.asked).toHaveLength(length);
  });
});

describe('a container that starts again', () => {
  it('gets a volume as it was when its object is gone, and waits for one that does not follow', async () => {
    const bench = new Bench();
    const pod = bench.pod();
    const before = await bench.prepare(pod);
    bench.failure = 'configmap "c" not found';
    expect(await bench.prepare(pod)).toEqual(before);
    expect(bench.told).toEqual(['MountVolume.SetUp failed for volume "v" : configmap "c" not found']);
    const other = new Bench();
    other.prepared = {};
    await other.prepare(other.pod());
    other.failure = 'the directory is gone';
    await expect(other.prepare(other.pod())).rejects.toThrow('the directory is gone');
  });
});

describe('a pod that waits for a volume', () => {
  it('is tried again at once when what it is made of changes', async () => {
    const bench = new Bench();
    bench.failure = 'configmap "c" not found';
    await expect(bench.prepare(bench.pod())).rejects.toThrow('not found');
    bench.volumes.changed(key, '2');
    expect(bench.told).toEqual(['retry uid-1']);
  });
});

describe('the end of a pod', () => {
  it('undoes its volumes, and nothing is done for it any more', async () => {
    const bench = new Bench();
    const pod = bench.pod();
    bench.prepared = { follows: true, refreshAfterMs: 1000 };
    await bench.prepare(pod);
    bench.volumes.changed(key, '2');
    await bench.volumes.remove({ namespace: 'default', name: 'web', uid: 'uid-1' });
    expect(bench.told).toEqual(['removed uid-1 /data/pods/uid-1/volumes', 'forgotten uid-1']);
    const { length } = bench.asked;
    bench.volumes.changed(key, '3');
    await bench.env.advance(600_000);
    await bench.settle();
    expect(bench.asked).toHaveLength(length);
    expect(await bench.volumes.usage('uid-1')).toEqual([]);
  });
});
