import { describe, expect, it } from '@jest/globals';
import type { ContainerStats, ContainerStatus } from '@timonel/sdk/contracts/runtime';
import type { Pod } from '@timonel/sdk/kube';
import { createRecordingLogger, manualEnv } from '@timonel/testkit';
import type { Ending } from '../plan/ending.ts';
import { container, podWith, running } from '../plan/testing.ts';
import { Evictions, type Evictable, type EvictionPolicy } from './evictions.ts';
import { PodMeasures } from './measure-pods.ts';
import type { Observation, Signal } from './signals.ts';
import { thresholdsOf } from './thresholds.ts';

const mib = 2 ** 20;
const none = { evictionHard: {}, evictionSoft: {}, evictionSoftGracePeriod: {}, evictionMinimumReclaim: {} };

/** A pod whose containers end as soon as they are told to. */
class FakeWorker implements Evictable {
  readonly containers = new Map<string, ContainerStatus>();
  readonly isResting = true;
  readonly endings: Ending[] = [];
  freed = false;
  readonly #pod: Pod;
  readonly #ended: (worker: FakeWorker) => void;

  constructor(pod: Pod, ended: (worker: FakeWorker) => void) {
    this.#pod = pod;
    this.#ended = ended;
    const id = pod.metadata.name ?? '';
    this.containers.set(id, running('app', 0, { id }));
  }

  pod(): Pod {
    return this.#pod;
  }

  get isActive(): boolean {
    return this.endings.length === 0;
  }

  end(ending: Ending): boolean {
    this.endings.push(ending);
    this.containers.clear();
    this.#ended(this);
    return true;
  }

  setFreeing(frees: boolean): void {
    this.freed ||= frees;
  }
}

function bench(policy: Partial<EvictionPolicy>, memory: Record<string, number>, changes: Partial<Pod['spec']> = {}) {
  const env = manualEnv();
  const available = new Map<Signal, Observation>();
  const told: string[] = [];
  const conditions: string[] = [];
  const used = new Map(Object.entries(memory));
  const after = { ended: (_name: string): void => undefined, freed: (): void => undefined };
  const workers = Object.keys(memory).map((name) => {
    const requests = name === 'asked' ? { memory: '10Gi' } : {};
    const pod = podWith(
      { containers: [container('app', { resources: { requests } })], ...changes },
      { name, uid: name },
    );
    return new FakeWorker(pod, () => {
      used.delete(name);
      told.push(`ended ${name}`);
      after.ended(name);
    });
  });
  const stats = (): Promise<ContainerStats[]> =>
    Promise.resolve(
      [...used].map(([id, bytes]) => ({
        id,
        cpuUsageNanos: 0,
        memoryUsageBytes: bytes,
        memoryWorkingSetBytes: bytes,
        pids: 1,
      })),
    );
  const log = createRecordingLogger();
  const parts = {
    dataDir: '/nowhere',
    clock: env.clock,
    log,
    volumes: { usage: async () => [] },
    runtimes: () => [{ stats }],
  };
  const evictions = new Evictions({
    env,
    log,
    policy: {
      thresholds: [],
      transitionMs: 0,
      intervalMs: 10_000,
      maxPodGraceMs: 0,
      allocatableMemoryBytes: undefined,
      ...policy,
    },
    pods: new PodMeasures(parts),
    measureNode: () => Promise.resolve({ observations: new Map(available), ownImages: false }),
    workers: () => workers,
    freeImages: () => {
      told.push('images');
      after.freed();
      return Promise.resolve();
    },
    event: (pod, _type, reason, message) => void told.push(`${reason} ${pod.metadata.name}: ${message}`),
    nodeEvent: (_type, reason, message) => void told.push(`${reason}: ${message}`),
    changed: () => void conditions.push(evictions.conditions.join(' ') || 'well'),
  });
  return { env, evictions, available, told, conditions, workers, after };
}

const lowMemory: Observation = { available: 50 * mib, capacity: 1000 * mib };
const enough: Observation = { available: 500 * mib, capacity: 1000 * mib };
const hardMemory = { thresholds: thresholdsOf({ ...none, evictionHard: { 'memory.available': '100Mi' } }) };

describe('the evictions of a node', () => {
  it('end one pod after the other until there is enough, and say why', async () => {
    const { evictions, available, told, conditions, after, workers } = bench(hardMemory, {
      small: mib,
      big: 300 * mib,
      asked: 900 * mib,
    });
    available.set('memory.available', lowMemory);
    after.ended = (name) => {
      if (name === 'big') available.set('memory.available', enough);
    };
    await evictions.run();
    const message =
      'The node was low on resource: memory. Threshold quantity: 100Mi, available: 50Mi. ' +
      'Container app was using 300Mi, request is 0, has larger consumption of memory. ';
    expect(told).toEqual([
      'EvictionThresholdMet: Attempting to reclaim memory',
      'ended big',
      `Evicted big: ${message}`,
    ]);
    expect(workers.find((worker) => worker.endings.length > 0)?.endings).toEqual([
      { reason: 'Evicted', message, gracePeriodMs: 1000, isDisruption: true, leavesNothing: true },
    ]);
    expect(conditions).toEqual(['MemoryPressure', 'well']);
    await evictions.stop();
  });

  it('take nobody who is critical, and look again after the interval', async () => {
    const { env, evictions, available, told } = bench(hardMemory, { only: mib }, { priority: 2_000_000_000 });
    available.set('memory.available', lowMemory);
    await evictions.run();
    expect(told).toEqual(['EvictionThresholdMet: Attempting to reclaim memory']);
    await env.advance(10_000);
    expect(told).toHaveLength(2);
    await evictions.stop();
    await env.advance(60_000);
    expect(told).toHaveLength(2);
  });

  it('free what nobody needs before they end a pod for disk', async () => {
    const thresholds = thresholdsOf({ ...none, evictionHard: { 'nodefs.available': '10%' } });
    const { evictions, available, told, after, workers } = bench({ thresholds }, { pod: mib });
    available.set('nodefs.available', { available: 99 * mib, capacity: 1000 * mib });
    after.freed = () => void available.set('nodefs.available', enough);
    await evictions.run();
    expect(told).toEqual(['EvictionThresholdMet: Attempting to reclaim ephemeral-storage', 'images']);
    expect(workers.map(({ freed }) => freed)).toEqual([true]);
    expect(evictions.conditions).toEqual(['DiskPressure']);
    await evictions.stop();
  });

  it('give pods time when a soft threshold is met, no more than they ask for', async () => {
    const soft = { 'memory.available': '100Mi' };
    const thresholds = thresholdsOf({
      ...none,
      evictionSoft: soft,
      evictionSoftGracePeriod: { 'memory.available': '0' },
    });
    const grace = async (maxPodGraceMs: number, terminationGracePeriodSeconds: number) => {
      const { evictions, available, workers } = bench(
        { thresholds, maxPodGraceMs },
        { pod: mib },
        { terminationGracePeriodSeconds },
      );
      available.set('memory.available', lowMemory);
      await evictions.run();
      await evictions.stop();
      return workers[0]?.endings[0]?.gracePeriodMs;
    };
    expect([await grace(60_000, 20), await grace(10_000, 20), await grace(0, 20)]).toEqual([20_000, 10_000, 1000]);
  });

  it('keep to what pods may use together when something is reserved', async () => {
    const { evictions, available, told } = bench(
      { ...hardMemory, allocatableMemoryBytes: 400 * mib },
      { big: 250 * mib, small: 100 * mib },
    );
    available.set('memory.available', enough);
    await evictions.run();
    expect(told.at(-1)).toMatch(/^Evicted big: .* Threshold quantity: 100Mi, available: 50Mi\./);
    expect(told.filter((line) => line.startsWith('ended'))).toEqual(['ended big']);
    await evictions.stop();
  });

  it('refuse pods while something is short', async () => {
    const { evictions, available } = bench(hardMemory, {});
    expect(evictions.refusal(podWith())).toBeUndefined();
    available.set('memory.available', lowMemory);
    await evictions.run();
    expect(evictions.refusal(podWith())).toMatchObject({ reason: 'Evicted' });
    await evictions.stop();
  });
});
