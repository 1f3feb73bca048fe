import { expect, it } from '@jest/globals';
import { emptyMemory, memoryFor, type Memory } from './memory.ts';
import { memoryAfter } from './reconcile.ts';
import { observedOf, podsOf, samplesOf } from './testing/observations.ts';

const nowMs = 1_000_000;
const { spec } = observedOf({}).subject;
const kept: Memory = {
  ...emptyMemory,
  uid: 'u',
  recommendations: [{ atMs: nowMs - 100_000, replicas: 3 }],
  changes: [{ atMs: nowMs - 100_000, by: 2 }],
  seen: { atMs: nowMs - 60_000, spec },
};

it('is that of one object, and of a process that has worked all the time', () => {
  expect(memoryFor(undefined, { uid: 'u', nowMs, gapMs: 60_000 })).toBe(emptyMemory);
  expect(memoryFor(kept, { uid: 'other', nowMs, gapMs: 60_000 })).toBe(emptyMemory);
  expect(memoryFor(kept, { uid: 'u', nowMs, gapMs: 60_000 })).toBe(kept);
  // Changes still count for the rates.
  expect(memoryFor(kept, { uid: 'u', nowMs, gapMs: 59_999 })).toEqual({ ...kept, recommendations: [] });
});

it('keeps what the windows and periods reach, and no more', () => {
  const scene = { pods: podsOf(4), readings: [samplesOf([500, 500, 500, 500])], monotonicMs: nowMs };
  const memory = {
    recommendations: [nowMs - 300_000, nowMs - 299_999].map((atMs) => ({ atMs, replicas: 4 })),
    changes: [nowMs - 1_800_000, nowMs - 1_799_999].map((atMs) => ({ atMs, by: 1 })),
  };
  const after = memoryAfter(observedOf({ ...scene, memory }), {});
  expect(after.recommendations.map(({ atMs }) => nowMs - atMs)).toEqual([299_999, 0]);
  expect(after.changes.map(({ atMs }) => nowMs - atMs)).toEqual([1_799_999]);
});

it('forgets what a target has selected when there is no target any more', () => {
  const observed = observedOf({ memory: { selector: [] } });
  expect(memoryAfter(observed, {}).selector).toEqual([]);
  expect(memoryAfter({ ...observed, sight: { refusal: 'not found' } }, {}).selector).toBeUndefined();
});
