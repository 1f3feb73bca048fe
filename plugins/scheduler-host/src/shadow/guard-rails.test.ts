import { describe, expect, it } from '@jest/globals';
import { ChargeHistory } from './charge-history.ts';
import { guardRailDefaults, unfitBecause } from './guard-rails.ts';
import { SchedulerFigures } from './scheduler-figures.ts';

const figures = (): SchedulerFigures => new SchedulerFigures(0);
const verdict = (now: SchedulerFigures, before?: SchedulerFigures): string | undefined =>
  unfitBecause(now, before, guardRailDefaults);

/** `slow`: each so many batches takes ten times as long. */
function paced(batches: number, pods: number, ms: number, slowEvery = 0): SchedulerFigures {
  const made = figures();
  for (let at = 0; at < batches + 3; at += 1) made.decided(pods, slowEvery > 0 && at % slowEvery === 0 ? ms * 20 : ms);
  return made;
}

describe('guard rails', () => {
  it('let a scheduler pass that does its work', () => {
    const before = paced(500, 10, 4);
    const now = paced(500, 10, 6);
    for (let at = 0; at < 1000; at += 1) now.bound();
    now.bindFailed('the node is gone');
    now.decisionRefused('chose the node "x"');
    now.batchFailed(5, 'boom');
    now.pending(1_000_000, 19_000);
    expect([verdict(now, before), verdict(figures(), figures()), verdict(now)]).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
  });

  it('see one that decides slower, after enough batches', () => {
    const before = paced(500, 10, 1);
    expect(verdict(paced(19, 10, 10), before)).toBeUndefined();
    expect(verdict(paced(20, 10, 10), before)).toBe(
      'its decisions take 10 times as long as before: median of a batch 10 ms (before: 1.00 ms), of a pod 1.00 ms (0.10 ms)',
    );
    expect(verdict(paced(20, 10, 10))).toBeUndefined();
    expect(verdict(paced(20, 10, 10), paced(5, 10, 1))).toBeUndefined();
  });

  it('do not blame it for the size of batches', () => {
    const before = paced(500, 10, 1);
    expect(verdict(paced(100, 100, 10), before)).toBeUndefined();
    expect(verdict(paced(100, 1, 1), before)).toBeUndefined();
    expect(verdict(paced(100, 1, 1.9), paced(500, 1, 0.1))).toBeUndefined();
  });

  it('see one that is slow at times', () => {
    const before = paced(500, 10, 4);
    expect(verdict(paced(400, 10, 4, 50), before)).toMatch(
      /20 times as long as before: 99th percentile of a batch 80 ms/,
    );
    expect(verdict(paced(400, 10, 4, 300), before)).toBeUndefined();
    expect(verdict(paced(150, 10, 4, 50), before)).toBeUndefined();
    expect(verdict(paced(400, 10, 4, 50), paced(400, 10, 4, 50))).toBeUndefined();
  });

  it('do not count the first batches, which fill its tables, but for the limit of any batch', () => {
    const now = figures();
    for (let at = 0; at < 3; at += 1) now.decided(10, 4000);
    for (let at = 0; at < 30; at += 1) now.decided(10, 1);
    expect(now.pace).toMatchObject({ batches: 30, p99Ms: 1 });
    expect(verdict(now, paced(100, 10, 1))).toBeUndefined();
    now.decided(10, 5001);
    expect(verdict(now)).toBe('a batch of pods took 5001 ms, more than 5000 ms');
  });

  it('see one that hangs, throws, or decides what cannot be done', () => {
    const hanging = figures();
    hanging.batchFailed(10_000, 'did not decide within 10000 ms');
    expect(verdict(hanging)).toBe('a batch of pods took 10000 ms, more than 5000 ms');
    const throwing = figures();
    const wrong = figures();
    for (let at = 0; at < 3; at += 1) {
      expect([verdict(throwing), verdict(wrong)]).toEqual([undefined, undefined]);
      throwing.batchFailed(1, 'boom');
      wrong.decisionRefused('chose the node "x", which does not exist');
    }
    expect(verdict(throwing)).toBe('3 batches of pods got no usable answer, the last one: boom');
    expect(verdict(wrong)).toBe(
      '3 of its decisions could not be acted on, the last one: it chose the node "x", which does not exist',
    );
  });

  it('see bindings that fail, when they did not before', () => {
    const now = figures();
    for (let at = 0; at < 12; at += 1) now.bound();
    for (let at = 0; at < 4; at += 1) now.bindFailed('forbidden');
    expect(verdict(now)).toBeUndefined();
    now.bindFailed('forbidden');
    expect(verdict(now)).toBe('5 of 17 bindings failed, the last one: forbidden');
    const before = figures();
    for (let at = 0; at < 6; at += 1) {
      before.bound();
      before.bindFailed('no API');
    }
    expect(verdict(now, before)).toBeUndefined();
  });

  it('see pods that wait for a decision, counted from the swap on', () => {
    const now = new SchedulerFigures(100_000);
    now.pending(110_000, 500_000);
    expect(verdict(now)).toBeUndefined();
    now.pending(120_001, 500_000);
    expect(verdict(now)).toBe('a pod has waited 20001 ms for a decision (longest before: 0.00 ms)');
    const before = figures();
    before.pending(50_000, 15_000);
    before.pending(60_000, 0);
    expect(verdict(now, before)).toBeUndefined();
    now.pending(135_000, 500_000);
    expect(verdict(now, before)).toMatch('35000 ms');
    now.pending(136_000, 0);
    expect(verdict(now, before)).toBeUndefined();
  });

  it('see a heap that grows more than the pods account for', () => {
    const mib = 2 ** 20;
    const grow = (podsEach: number, bytesEach: number): string | undefined => {
      const now = figures();
      for (let at = 0; at < 4; at += 1) {
        now.heapFloor(300 * mib + at * bytesEach);
        now.decided(podsEach, 1);
      }
      return verdict(now);
    };
    expect(grow(100, 50 * mib)).toBe('the heap has grown by 150 MiB over 4 full collections and 300 decided pods');
    expect(grow(100, 40 * mib)).toBeUndefined();
    expect(grow(1000, 50 * mib)).toBeUndefined();
    const twice = figures();
    for (const floor of [0, 900 * mib]) twice.heapFloor(floor);
    expect(verdict(twice)).toBeUndefined();
  });
});

it('the history goes back step by step', () => {
  const history = new ChargeHistory();
  expect([history.current, history.previous]).toEqual([undefined, undefined]);
  for (const name of ['a', 'a', 'b', 'c']) history.took(name);
  expect([history.current, history.previous]).toEqual(['c', 'b']);
  history.took('b');
  expect([history.current, history.previous]).toEqual(['b', 'a']);
  history.took('a');
  expect([history.current, history.previous]).toEqual(['a', undefined]);
  for (let at = 0; at < 100; at += 1) history.took(`s${at}`);
  let steps = 0;
  for (; history.previous !== undefined; steps += 1) history.took(history.previous);
  expect(steps).toBe(16);
});
