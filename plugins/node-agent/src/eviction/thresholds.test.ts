import { describe, expect, it } from '@jest/globals';
import { durationMs } from '../durations.ts';
import { configSchema } from '../config.ts';
import { amountOf, isMet, thresholdsOf } from './thresholds.ts';

const none = { evictionHard: {}, evictionSoft: {}, evictionSoftGracePeriod: {}, evictionMinimumReclaim: {} };

function problemsOf(given: Record<string, unknown>): readonly string[] {
  const { error } = configSchema.safeParse(given);
  return (error?.issues ?? []).map(({ path, message }) => `${path.join('.')}: ${message}`);
}

describe('amounts and durations of thresholds', () => {
  it('are those of the defaults only while none are named', () => {
    const hard = (more: object): unknown =>
      thresholdsOf({ ...none, evictionHard: undefined, ...more }).map(({ signal, amount }) => [signal, amount]);
    expect(hard({})).toContainEqual(['imagefs.available', { share: 0.15 }]);
    expect(hard({ evictionDefaults: 'shared' })).toContainEqual(['imagefs.available', { quantity: 2 ** 30 }]);
    expect(hard({ evictionDefaults: 'shared', evictionHard: { 'pid.available': '5%' } })).toEqual([
      ['pid.available', { share: 0.05 }],
    ]);
  });

  it('are quantities, percentages and the durations of Go', () => {
    expect(['100Mi', '10%', '0', '12.5%', '101%', '-1', 'ten', ''].map(amountOf)).toEqual([
      { quantity: 100 * 2 ** 20 },
      { share: 0.1 },
      { quantity: 0 },
      { share: 0.125 },
      undefined,
      undefined,
      undefined,
      undefined,
    ]);
    expect(['1m30s', '0', '1.5h', '250ms', '5', '-1s', '1s ', '1x'].map(durationMs)).toEqual([
      90_000,
      0,
      5_400_000,
      250,
      undefined,
      undefined,
      undefined,
      undefined,
    ]);
  });
});

describe('the thresholds of a node', () => {
  it('are those of the kubelet unless told otherwise', () => {
    const config = configSchema.parse({});
    expect(thresholdsOf(config).map(({ signal, amount, isHard }) => [signal, amount, isHard])).toEqual([
      ['memory.available', { quantity: 104_857_600 }, true],
      ['nodefs.available', { share: 0.1 }, true],
      ['nodefs.inodesFree', { share: 0.05 }, true],
      ['imagefs.available', { share: 0.15 }, true],
      ['imagefs.inodesFree', { share: 0.05 }, true],
      ['allocatableMemory.available', { quantity: 104_857_600 }, true],
    ]);
    expect(config).toMatchObject({ evictionPressureTransitionPeriod: '5m', evictionMaxPodGracePeriod: 0 });
  });

  it('are hard, soft with a grace period, or nothing when they are 0', () => {
    const settings = {
      ...none,
      evictionHard: { 'nodefs.available': '0', 'pid.available': '5%' },
      evictionSoft: { 'memory.available': '1Gi' },
      evictionSoftGracePeriod: { 'memory.available': '1m30s' },
      evictionMinimumReclaim: { 'memory.available': '200Mi' },
    };
    expect(thresholdsOf(settings)).toMatchObject([
      { signal: 'pid.available', isHard: true, gracePeriodMs: 0, minimumReclaim: undefined },
      { signal: 'memory.available', isHard: false, gracePeriodMs: 90_000, minimumReclaim: { quantity: 200 * 2 ** 20 } },
    ]);
  });

  it('are met below, not at them', () => {
    const [threshold] = thresholdsOf({
      ...none,
      evictionHard: { 'nodefs.available': '10%' },
      evictionMinimumReclaim: { 'nodefs.available': '50' },
    });
    if (threshold === undefined) throw new Error('no threshold');
    const met = (available: number, withMinimum = false) =>
      isMet(threshold, { available, capacity: 1000 }, withMinimum);
    expect([met(99), met(100), met(149, true), met(150, true)]).toEqual([true, false, true, false]);
    expect(isMet(threshold, undefined)).toBe(false);
  });

  it('are refused with the key to change when they make no sense', () => {
    expect(
      problemsOf({
        evictionHard: { 'disk.available': '1Gi', 'nodefs.available': 'much' },
        evictionSoft: { 'memory.available': '1Gi' },
        evictionPressureTransitionPeriod: '5 minutes',
        kubeReserved: { gpu: '1', memory: '-1Gi' },
      }),
    ).toEqual([
      'kubeReserved.gpu: use cpu, memory, ephemeral-storage',
      'kubeReserved.memory: "-1Gi" is no quantity',
      'evictionPressureTransitionPeriod: must be a duration: 30s, 1m30s',
      'evictionHard: "disk.available" is no signal: use memory.available, nodefs.available, nodefs.inodesFree, imagefs.available, imagefs.inodesFree, pid.available',
      'evictionHard: nodefs.available: "much" is neither a quantity (100Mi) nor a percentage (10%)',
      'evictionSoftGracePeriod: grace period must be specified for the soft eviction threshold memory.available',
    ]);
  });
});
