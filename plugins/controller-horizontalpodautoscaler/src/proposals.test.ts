import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { MetricSpec, Pod } from '@timonel/sdk/kube';
import type { Reading } from './metric-problem.ts';
import { propose } from './proposals.ts';
import {
  config,
  cpuTarget,
  externalTarget,
  nowMs,
  podOf,
  podsOf,
  podsTarget,
  samplesOf,
  type PodShape,
} from './testing/observations.ts';

const tolerance = { up: 0.1, down: 0.1 };

/** Replicas, or the reason why there is no proposal. */
function ask(metric: MetricSpec, pods: readonly Pod[], reading: Reading, replicas = pods.length): number | string {
  const problem = { metric, reading, pods, specReplicas: replicas, statusReplicas: replicas, tolerance, config, nowMs };
  const proposed = propose(problem);
  return 'failure' in proposed ? proposed.failure.message : proposed.proposal.replicas;
}

const minute = 60_000;

describe('replicas by cpu utilisation', () => {
  const cases: [string, Pod[], (number | undefined)[], number | string][] = [
    ['double usage, double replicas', podsOf(3), [1000, 1000, 1000], 6],
    ['half usage, half replicas', podsOf(4), [250, 250, 250, 250], 2],
    ['within the tolerance nothing changes', podsOf(10), Array(10).fill(549), 10],
    ['just above the tolerance', podsOf(10), Array(10).fill(560), 12],
    ['rounds up', podsOf(3), [600, 600, 600], 4],
    ['a missing pod counts as idle when scaling up', podsOf(4), [1000, 1000, 1000, undefined], 6],
    ['a missing pod counts as full when scaling down', podsOf(4), [100, 100, 100, undefined], 3],
    ['missing pods can keep everything as it is', podsOf(2), [400, undefined], 2],
    ['missing pods turn nothing around', podsOf(4), [600, undefined, undefined, undefined], 4],
    [
      'a pod that starts counts as idle when scaling up',
      [...podsOf(2), podOf(2, { ready: false, startedMs: nowMs - minute, changedMs: nowMs - minute })],
      [1000, 1000, 3000],
      4,
    ],
    [
      'a pod that starts is left out when scaling down',
      [...podsOf(2), podOf(2, { ready: false, startedMs: nowMs - minute, changedMs: nowMs - minute })],
      [100, 100, 3000],
      1,
    ],
    [
      'a sample from before a pod was ready does not count',
      [...podsOf(2), podOf(2, { startedMs: nowMs - minute, changedMs: nowMs - 5000 })],
      [1000, 1000, 3000],
      4,
    ],
    [
      'a pod that was ready once counts though it is not now',
      [...podsOf(1), podOf(1, { ready: false, changedMs: nowMs - minute })],
      [1000, 1000],
      4,
    ],
    ['a pod that never was ready does not count', [...podsOf(1), podOf(1, { ready: false })], [1000, 1000], 2],
    ['pending pods count as idle when scaling up', [...podsOf(2), podOf(2, { phase: 'Pending' })], [800, 800], 3],
    [
      'failed and deleted pods are left out',
      [...podsOf(2), podOf(2, { phase: 'Failed' }), podOf(3, { deleted: true })],
      [500, 500],
      4,
    ],
    [
      'no pods',
      [],
      [],
      'failed to get cpu resource metric value: failed to get cpu utilization: no pods returned by selector while calculating replica count',
    ],
    [
      'no pod that is ready',
      [podOf(0, { phase: 'Pending' })],
      [],
      'failed to get cpu resource metric value: failed to get cpu utilization: did not receive metrics for targeted pods (pods might be unready)',
    ],
    [
      'no request',
      [podOf(0, { cpu: Number.NaN })],
      [100],
      'failed to get cpu resource metric value: failed to get cpu utilization: missing request for cpu in container main of Pod p0',
    ],
  ];
  it.each(cases)('%s', (_, pods, values, wanted) => {
    expect(ask(cpuTarget(50), pods, samplesOf(values))).toBe(wanted);
  });

  it('shows utilisation and average', () => {
    const problem = { pods: podsOf(2), specReplicas: 2, statusReplicas: 2, tolerance, config, nowMs };
    const proposed = propose({ ...problem, metric: cpuTarget(50), reading: samplesOf([300, 301]) });
    expect(proposed).toEqual({
      proposal: {
        replicas: 2,
        name: 'cpu resource utilization (percentage of request)',
        status: {
          type: 'Resource',
          resource: { name: 'cpu', current: { averageUtilization: 30, averageValue: '300m' } },
        },
      },
    });
  });
});

it('takes the requests of the pod, of sidecars, and of one container alone', () => {
  const container = (name: string, cpu: string, restartPolicy?: string) => ({
    name,
    resources: { requests: { cpu } },
    ...(restartPolicy === undefined ? {} : { restartPolicy }),
  });
  const base = podOf(0);
  const spec = {
    containers: [container('main', '1')],
    initContainers: [container('init', '9'), container('side', '1', 'Always')],
  };
  expect(ask(cpuTarget(50), [{ ...base, spec }], samplesOf([2000]))).toBe(2);
  expect(
    ask(cpuTarget(50), [{ ...base, spec: { ...spec, resources: { requests: { cpu: '4' } } } }], samplesOf([2000])),
  ).toBe(1);
  const target = { type: 'Utilization', averageUtilization: 50 };
  const side: MetricSpec = { type: 'ContainerResource', containerResource: { name: 'cpu', container: 'side', target } };
  expect(ask(side, [{ ...base, spec }], samplesOf([2000]))).toBe(4);
});

describe('replicas by other metrics', () => {
  const total = (milli: number): Reading => ({ of: 'total', milli });
  const cases: [string, MetricSpec, Pod[], Reading, number, number | string][] = [
    ['average of the pods', podsTarget('100'), podsOf(2), samplesOf([150_000, 250_000]), 2, 4],
    [
      'readiness does not matter to a metric of pods',
      podsTarget('1'),
      podsOf(2, { ready: false }),
      samplesOf([2000, 2000]),
      2,
      4,
    ],
    [
      'a value by the ready pods',
      externalTarget({ value: '10' }),
      [...podsOf(2), podOf(2, { ready: false })],
      total(30_000),
      3,
      6,
    ],
    ['a value within the tolerance', externalTarget({ value: '10' }), podsOf(2), total(10_500), 2, 2],
    ['a value for a target at zero', externalTarget({ value: '10' }), [], total(25_000), 0, 3],
    ['a share of each pod', externalTarget({ averageValue: '10' }), podsOf(3), total(61_000), 3, 7],
    ['a share within the tolerance', externalTarget({ averageValue: '10' }), podsOf(3), total(32_000), 3, 3],
    ['a share of no pods', externalTarget({ averageValue: '10' }), [], total(0), 0, 0],
    [
      'nothing measured',
      podsTarget('1'),
      podsOf(1),
      { of: 'nothing', message: 'no answer' },
      1,
      'failed to get pods metric value: no answer',
    ],
    ['an unknown source', { type: 'Moon' }, podsOf(1), total(1), 1, 'unknown metric source type "Moon"'],
  ];
  it.each(cases)('%s', (_, metric, pods, reading, replicas, wanted) => {
    expect(ask(metric, pods, reading, replicas)).toBe(wanted);
  });
});

describe('for any pods', () => {
  const shape: fc.Arbitrary<PodShape> = fc.record({
    ready: fc.boolean(),
    phase: fc.constantFrom('Running', 'Pending', 'Failed'),
    startedMs: fc.constantFrom(nowMs - 10 * minute, nowMs - minute, nowMs),
    changedMs: fc.constantFrom(nowMs - 10 * minute, nowMs - minute, nowMs),
    cpu: fc.integer({ min: 1, max: 4000 }),
    deleted: fc.boolean(),
  });
  const pod = fc.tuple(shape, fc.option(fc.nat(8000), { nil: undefined }));

  it('pods without a sample make a change smaller, and never turn it around', () => {
    const scene = fc.tuple(fc.array(pod, { minLength: 1, maxLength: 8 }), fc.integer({ min: 1, max: 200 }));
    fc.assert(
      fc.property(scene, ([given, percent]) => {
        const pods = given.map(([one], index) => podOf(index, one));
        const values = given.map(([, value]) => value);
        const replicas = ask(cpuTarget(percent), pods, samplesOf(values));
        if (typeof replicas === 'string') return;
        expect(Number.isSafeInteger(replicas) && replicas >= 0).toBe(true);
        const isKnown = pods.map((one, index) => values[index] !== undefined || one.status?.phase === 'Pending');
        const withoutMissing = ask(
          cpuTarget(percent),
          pods.filter((_, index) => isKnown[index]),
          samplesOf(values),
          pods.length,
        );
        if (typeof withoutMissing === 'string' || isKnown.every(Boolean)) return;
        if (withoutMissing < pods.length) expect(replicas).toBeGreaterThanOrEqual(withoutMissing);
      }),
    );
  });
});
