import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { Pod } from '@timonel/sdk/kube';
import { container, podWith } from '../plan/testing.ts';
import { isCriticalPod, pressureRejection } from './admission.ts';
import type { Candidate, PodUse, Space, VolumeSpace } from './pod-use.ts';
import { ranked } from './rank.ts';
import { hasStorageLimit, storageExcess } from './storage-limits.ts';

const none: Space = { bytes: 0, inodes: 0 };
const mib = 2 ** 20;

interface Taken {
  readonly memory?: number;
  readonly pids?: number;
  readonly written?: Space;
  readonly logs?: Space;
  readonly volumes?: Record<string, VolumeSpace>;
}

function useOf({ memory = 0, pids = 0, written = none, logs = none, volumes = {} }: Taken): PodUse {
  return {
    memoryBytes: memory,
    pids,
    containers: [{ name: 'app', memoryBytes: memory, written, logs }],
    volumes: new Map(Object.entries(volumes)),
  };
}

function podOf(name: string, requests: Record<string, string> = {}, priority = 0): Pod {
  return podWith({ containers: [container('app', { resources: { requests } })], priority }, { name, uid: name });
}

const candidate = (pod: Pod, taken?: Taken): Candidate => ({
  pod,
  use: taken === undefined ? undefined : useOf(taken),
});

const names = (order: readonly Candidate[]) => order.map(({ pod }) => pod.metadata.name);

describe('the order in which pods are evicted', () => {
  it('for memory: who is above its request, by priority, by how much', () => {
    const pods = [
      candidate(podOf('within', { memory: '1Gi' }), { memory: 900 * mib }),
      candidate(podOf('above-a-bit', { memory: '100Mi' }), { memory: 110 * mib }),
      candidate(podOf('above-a-lot', {}), { memory: 50 * mib }),
      candidate(podOf('above-but-dear', {}, 1000), { memory: 500 * mib }),
      candidate(podOf('unknown', {}, 5000)),
      candidate(podOf('within-and-cheap', { memory: '1Gi' }, -5), { memory: 1 }),
    ];
    expect(names(ranked(pods, 'memory.available', false))).toEqual([
      'unknown',
      'above-a-lot',
      'above-a-bit',
      'above-but-dear',
      'within-and-cheap',
      'within',
    ]);
  });

  it('for disk: by all that a pod has on the filesystem that is short', () => {
    const big = { bytes: 300 * mib, inodes: 1 };
    const small = { bytes: 100 * mib, inodes: 50 };
    const pods = [
      candidate(podOf('writes'), { written: big }),
      candidate(podOf('logs'), { logs: small, volumes: { data: small } }),
      candidate(podOf('asked-for-it', { 'ephemeral-storage': '1Gi' }), { written: big, logs: big }),
    ];
    expect(names(ranked(pods, 'nodefs.available', false))).toEqual(['writes', 'logs', 'asked-for-it']);
    expect(names(ranked(pods, 'nodefs.available', true))).toEqual(['logs', 'writes', 'asked-for-it']);
    expect(names(ranked(pods, 'imagefs.available', true))).toEqual(['writes', 'logs', 'asked-for-it']);
    expect(names(ranked(pods, 'nodefs.inodesFree', false))[0]).toBe('logs');
  });

  it('for processes: by priority, then by their number', () => {
    const pods = [
      candidate(podOf('many-but-dear', {}, 1), { pids: 900 }),
      candidate(podOf('few'), { pids: 1 }),
      candidate(podOf('many'), { pids: 100 }),
    ];
    expect(names(ranked(pods, 'pid.available', false))).toEqual(['many', 'few', 'many-but-dear']);
  });

  it('never has one that keeps to its request before one of the same priority that does not', () => {
    const anyPod = fc.record({
      request: fc.integer({ min: 0, max: 300 }),
      used: fc.integer({ min: 0, max: 300 }),
      priority: fc.integer({ min: -2, max: 2 }),
    });
    fc.assert(
      fc.property(fc.array(anyPod, { maxLength: 12 }), (given) => {
        const pods = given.map(({ request, used, priority }, at) =>
          candidate(podOf(`p${at}`, { memory: `${request}Mi` }, priority), { memory: used * mib }),
        );
        const order = ranked(pods, 'memory.available', false);
        expect(new Set(order)).toEqual(new Set(pods));
        const above = order.map(({ pod }) => {
          const { request, used, priority } = given[Number(pod.metadata.name?.slice(1))] ?? {};
          return { excess: (used ?? 0) - (request ?? 0), priority: priority ?? 0 };
        });
        for (const [at, next] of above.slice(1).entries()) {
          const before = above[at];
          if (before === undefined) continue;
          expect(before.excess > 0 || next.excess <= 0).toBe(true);
          if (before.excess > 0 !== next.excess > 0) continue;
          expect(before.priority).toBeLessThanOrEqual(next.priority);
          if (before.priority === next.priority) expect(before.excess).toBeGreaterThanOrEqual(next.excess);
        }
      }),
    );
  });
});

describe('pods that the node needs', () => {
  it('are static ones and those of a priority of the system, whatever annotations users write', () => {
    const annotated = (key: string, value: string) => podWith({}, { annotations: { [key]: value } });
    const { resourceVersion: _, ...metadata } = annotated('kubernetes.io/config.source', 'file').metadata;
    expect(
      [
        { ...podWith({}), metadata },
        podWith({ priority: 2_000_000_000 }),
        podWith({}, { annotations: { 'kubernetes.io/config.source': 'file' }, resourceVersion: '7' }),
        podWith({}, { annotations: { 'kubernetes.io/config.mirror': 'abc' }, resourceVersion: '7' }),
        podWith({ priority: 1_999_999_999 }),
      ].map(isCriticalPod),
    ).toEqual([true, true, false, false, false]);
  });

  it('come under pressure too; others as the kubelet lets them', () => {
    const requests = { memory: '1Mi' };
    const bestEffort = podWith();
    const burstable = podOf('burstable', requests);
    const tolerant = podWith({
      tolerations: [{ key: 'node.kubernetes.io/memory-pressure', operator: 'Exists', effect: 'NoSchedule' }],
    });
    const wrong = podWith({
      tolerations: [
        { key: 'node.kubernetes.io/memory-pressure', operator: 'Exists', effect: 'NoExecute' },
        { key: 'node.kubernetes.io/disk-pressure', operator: 'Exists' },
      ],
    });
    const critical = podWith({ priority: 2_000_001_000 });
    const refused = (condition: 'MemoryPressure' | 'DiskPressure') =>
      [bestEffort, burstable, tolerant, wrong, critical].map((pod) => pressureRejection(pod, [condition])?.message);
    const low = 'The node had condition: [MemoryPressure]. ';
    const full = 'The node had condition: [DiskPressure]. ';
    expect(refused('MemoryPressure')).toEqual([low, undefined, undefined, low, undefined]);
    expect(refused('DiskPressure')).toEqual([full, full, full, full, undefined]);
    expect(pressureRejection(bestEffort, [])).toBeUndefined();
    expect(pressureRejection(burstable, ['MemoryPressure', 'PIDPressure'])?.message).toBe(
      'The node had condition: [MemoryPressure PIDPressure]. ',
    );
  });
});

describe('local storage of a pod', () => {
  const limits = (text: string) => ({ resources: { limits: { 'ephemeral-storage': text } } });
  const volumes = [{ name: 'data', emptyDir: { sizeLimit: '10Mi' } }];
  const of = (mebibytes: number): Space => ({ bytes: mebibytes * mib, inodes: 1 });

  it('keeps to the limit of a volume, of the pod, and of each container', () => {
    const pod = podWith({ containers: [container('app', limits('20Mi')), container('log', limits('1Gi'))], volumes });
    const excess = (taken: Taken, ownImages = false) => storageExcess(pod, useOf(taken), ownImages);
    expect(excess({ volumes: { data: of(10) }, written: of(20) })).toBeUndefined();
    expect(excess({ volumes: { data: of(11) } })).toBe('Usage of EmptyDir volume "data" exceeds the limit "10Mi". ');
    expect(excess({ written: of(21) })).toBe('Container app exceeded its local ephemeral storage limit "20Mi". ');
    expect(excess({ written: of(15), logs: of(6) })).toBe(
      'Container app exceeded its local ephemeral storage limit "20Mi". ',
    );
    expect(excess({ written: of(15), logs: of(6) }, true)).toBeUndefined();
    expect(excess({ written: of(1040), volumes: { data: of(5) } })).toBe(
      'Pod ephemeral local storage usage exceeds the total limit of containers 1044Mi. ',
    );
  });

  it('keeps to what whoever serves another kind of volume lets it take', () => {
    const pod = podWith({ volumes: [{ name: 'data', scratch: {} }] });
    const excess = (mebibytes: number) =>
      storageExcess(pod, useOf({ volumes: { data: { ...of(mebibytes), limitBytes: 4 * mib } } }), false);
    expect(hasStorageLimit(pod)).toBe(true);
    expect(excess(4)).toBeUndefined();
    expect(excess(5)).toBe('Usage of volume "data" exceeds the limit "4Mi". ');
  });

  it('is not limited where nothing is said', () => {
    const pod = podWith({ volumes: [{ name: 'data', emptyDir: {} }] });
    expect(hasStorageLimit(pod)).toBe(false);
    expect(storageExcess(pod, useOf({ volumes: { data: of(10_000) }, written: of(10_000) }), false)).toBeUndefined();
  });
});
