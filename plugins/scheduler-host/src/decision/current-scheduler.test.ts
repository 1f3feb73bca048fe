import { describe, expect, it } from '@jest/globals';
import type { Scheduler, SchedulerTraits } from '@timonel/sdk/contracts/scheduler';
import { CurrentScheduler } from './current-scheduler.ts';
import { aPodInfo } from '../testing/stand-ins.ts';

interface Bench {
  traits: SchedulerTraits | undefined;
  name: string;
  readonly blamed: string[];
  readonly current: CurrentScheduler;
}

function bench(traits: SchedulerTraits | undefined): Bench {
  const blamed: string[] = [];
  const state = { traits, name: 'first' };
  const service: Scheduler = {
    decide: () => Promise.resolve([]),
    get traits() {
      return state.traits as SchedulerTraits;
    },
  };
  const current = new CurrentScheduler({
    service,
    name: () => state.name,
    defaultProfile: 'default-scheduler',
    blame: (message) => blamed.push(message),
  });
  return Object.assign(state, { blamed, current });
}

const queued = (name: string, sequence: number, priority = 0) => ({
  pod: aPodInfo(name, { priority }),
  sequence,
  attempts: 0,
});

describe('the scheduler in charge', () => {
  it('has defaults for all that it does not say', async () => {
    const { current } = bench(undefined);
    const { traits } = current;
    expect(current.takes('default-scheduler')).toBe(true);
    expect(current.takes('other')).toBe(false);
    expect(traits.compare(queued('a', 1), queued('b', 2, 5))).toBeGreaterThan(0);
    expect(traits.preEnqueue(aPodInfo('p')).code).toBe('success');
    expect(traits.requeueHints('Fit')).toBeUndefined();
    expect(traits.admits(aPodInfo('p'))).toBe(false);
    traits.settled(aPodInfo('p'), 'n', true);
  });

  it('is taken at its word', () => {
    const { current } = bench({
      profiles: () => ['x', 'y'],
      compare: (a, b) => b.sequence - a.sequence,
      preEnqueue: () => ({ code: 'pending', reason: 'later' }),
      requeueHints: (plugin) => [{ event: plugin === 'Fit' ? 'pod-removed' : 'node-added' }],
    });
    expect([current.takes('x'), current.takes('default-scheduler')]).toEqual([true, false]);
    expect(current.traits.compare(queued('a', 1), queued('b', 2))).toBe(1);
    expect(current.traits.preEnqueue(aPodInfo('p'))).toEqual({ code: 'pending', reason: 'later' });
    expect(current.traits.requeueHints('Fit')).toEqual([{ event: 'pod-removed' }]);
  });

  it('is blamed for what throws, and its nonsense is replaced', async () => {
    const boom = (): never => {
      throw new Error('boom');
    };
    const { current, blamed } = bench({
      profiles: boom,
      compare: boom,
      preEnqueue: boom,
      requeueHints: boom,
      settled: boom,
      admit: boom,
      admits: boom,
    });
    // Who does not know whether it admits is asked to admit.
    expect(current.traits.admits(aPodInfo('p'))).toBe(true);
    expect(blamed.splice(1)).toEqual(['admits threw: boom']);
    expect(current.takes('default-scheduler')).toBe(true);
    expect(current.traits.compare(queued('a', 1), queued('b', 2))).toBeLessThan(0);
    expect(current.traits.preEnqueue(aPodInfo('p')).code).toBe('success');
    expect(current.traits.requeueHints('Fit')).toBeUndefined();
    current.traits.settled(aPodInfo('p'), 'n', true);
    expect(blamed).toEqual(
      ['profiles', 'compare', 'preEnqueue', 'requeueHints', 'settled'].map((what) => `${what} threw: boom`),
    );
    const nonsense = bench({
      compare: () => Number.NaN,
      preEnqueue: () => undefined as never,
      admit: () => Promise.resolve(undefined as never),
    }).current.traits;
    expect(nonsense.compare(queued('a', 1), queued('b', 2))).toBeLessThan(0);
    expect(nonsense.preEnqueue(aPodInfo('p')).code).toBe('success');
    await expect(nonsense.admit(aPodInfo('p'), 'n', new AbortController().signal)).rejects.toThrow(/answered ""/);
  });

  it('keeps gated pods out whatever it says', () => {
    const { current } = bench({ preEnqueue: () => ({ code: 'success' }) });
    expect(current.traits.preEnqueue(aPodInfo('p', { schedulingGates: [{ name: 'g' }] })).code).toBe('pending');
  });

  it('is noticed when it is another one, but new traits of the same one not all the time', () => {
    const state = bench({ profiles: () => ['x'] });
    const { current } = state;
    expect(current.look(0)).toBe(false);
    state.traits = { profiles: () => ['y'] };
    expect(current.look(1)).toBe(true);
    expect(current.takes('y')).toBe(true);
    state.traits = { profiles: () => ['z'] };
    expect(current.look(100)).toBe(false);
    state.name = 'second';
    expect(current.look(100)).toBe(true);
    expect(current.look(101)).toBe(false);
    // As the facade of a service without a provider is.
    state.traits = (() => undefined) as SchedulerTraits;
    expect(current.look(200)).toBe(true);
    expect(current.takes('default-scheduler')).toBe(true);
  });
});
