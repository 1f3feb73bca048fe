import { describe, expect, it } from '@jest/globals';
import type { Container, LimitRange, LimitRangeItem, Pod, Quantities } from '@timonel/sdk/kube';
import { applyDefaults, defaultsOf } from './defaults.ts';
import { claimProblems, podProblems } from './limits.ts';

const range = (...limits: LimitRangeItem[]): LimitRange => ({ metadata: { name: 'limits' }, spec: { limits } });
const box = (name: string, requests?: Quantities, limits?: Quantities): Container => ({
  name,
  resources: { ...(requests === undefined ? {} : { requests }), ...(limits === undefined ? {} : { limits }) },
});
const podOf = (containers: Container[], initContainers: Container[] = []): Pod => ({
  metadata: { name: 'web' },
  spec: { containers, initContainers },
});

describe('defaults', () => {
  it('are those of the first limit range that has them, for containers and init containers', () => {
    const pod = podOf([box('a', { cpu: '1' }), { name: 'b' }], [{ name: 'c' }]);
    const ranges = [
      range(
        { type: 'Container', default: { cpu: '2' }, defaultRequest: { cpu: '1' } },
        { type: 'Pod', max: { cpu: '9' } },
      ),
      range({ type: 'Container', default: { cpu: '8', memory: '1Gi' } }),
    ];
    applyDefaults(pod, defaultsOf(ranges));
    expect(pod.spec.containers.map(({ resources }) => resources)).toEqual([
      { requests: { cpu: '1' }, limits: { cpu: '2', memory: '1Gi' } },
      { requests: { cpu: '1' }, limits: { cpu: '2', memory: '1Gi' } },
    ]);
    expect(pod.metadata.annotations).toEqual({
      'kubernetes.io/limit-ranger':
        'LimitRanger plugin set: cpu, memory limit for container a; cpu request for container b; cpu, memory limit for container b; ' +
        'cpu request for init container c; cpu, memory limit for init container c',
    });
    const again = structuredClone(pod);
    applyDefaults(again, defaultsOf(ranges));
    expect(again).toEqual(pod);
  });

  it('leave alone what says everything, and what is no pod as yet', () => {
    const pod = podOf([box('a', { cpu: '1' }, { cpu: '1' })]);
    applyDefaults(pod, { limits: { cpu: '2' }, requests: { cpu: '2' } });
    expect(pod).toEqual(podOf([box('a', { cpu: '1' }, { cpu: '1' })]));
    const bare = { metadata: {} } as Pod;
    applyDefaults(bare, { limits: { cpu: '2' }, requests: {} });
    expect(bare).toEqual({ metadata: {} });
  });
});

describe('bounds', () => {
  it.each<[LimitRangeItem, Pod, string[]]>([
    [
      { type: 'Container', min: { cpu: '1' } },
      podOf([box('a')]),
      ['minimum cpu usage per Container is 1.  No request is specified'],
    ],
    [{ type: 'Container', min: { cpu: '1' } }, podOf([box('a', { cpu: '1' })]), []],
    [
      { type: 'Container', max: { cpu: '1' } },
      podOf([box('a', { cpu: '1' })]),
      ['maximum cpu usage per Container is 1.  No limit is specified'],
    ],
    [
      { type: 'Container', max: { memory: '1Gi' } },
      podOf([box('a', {}, { memory: '2Gi' })], [box('b', {}, { memory: '3Gi' })]),
      [
        'maximum memory usage per Container is 1Gi, but limit is 2Gi',
        'maximum memory usage per Container is 1Gi, but limit is 3Gi',
      ],
    ],
    [{ type: 'Container', max: { memory: '1Gi' } }, podOf([box('a', {}, { memory: '1024Mi' })]), []],
    [
      { type: 'Container', maxLimitRequestRatio: { cpu: '1500m' } },
      podOf([
        box('a', { cpu: '100m' }, { cpu: '151m' }),
        box('b', { cpu: '100m' }, { cpu: '150m' }),
        box('c', {}, { cpu: '1' }),
      ]),
      [
        'cpu max limit to request ratio per Container is 1500m, but provided ratio is 1.510000',
        'cpu max limit to request ratio per Container is 1500m, but no request is specified or request is 0',
      ],
    ],
    [
      { type: 'Pod', min: { cpu: '1' }, max: { cpu: '2' } },
      podOf([box('a', { cpu: '1' }, { cpu: '1500m' }), box('b', { cpu: '1' }, { cpu: '1' })]),
      ['maximum cpu usage per Pod is 2, but limit is 2500m'],
    ],
    [
      { type: 'Pod', max: { cpu: '2' } },
      podOf([box('a', { cpu: '1' }, { cpu: '1' })], [box('b', { cpu: '1' }, { cpu: '3' })]),
      ['maximum cpu usage per Pod is 2, but limit is 3'],
    ],
    [{ type: 'PersistentVolumeClaim', max: { storage: '1' } }, podOf([box('a')]), []],
  ])('%j', (item, pod, wanted) => {
    expect(podProblems(pod, [range(item)])).toEqual(wanted);
  });

  it('of claims bound what they ask for', () => {
    const item: LimitRangeItem = { type: 'PersistentVolumeClaim', min: { storage: '1Gi' }, max: { storage: '2Gi' } };
    const claim = (storage?: string) => ({
      metadata: {},
      spec: { resources: { requests: storage === undefined ? {} : { storage } } },
    });
    const problems = (storage?: string): readonly string[] => claimProblems(claim(storage), [range(item)]);
    expect(problems('1Gi')).toEqual([]);
    expect(problems('3Gi')).toEqual(['maximum storage usage per PersistentVolumeClaim is 2Gi, but request is 3Gi']);
    expect(problems('1Mi')).toEqual(['minimum storage usage per PersistentVolumeClaim is 1Gi, but request is 1Mi']);
    expect(problems()).toHaveLength(2);
  });
});
