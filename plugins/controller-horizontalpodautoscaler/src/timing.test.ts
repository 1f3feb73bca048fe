import { expect, it } from '@jest/globals';
import { timestampOf, type HorizontalPodAutoscaler } from '@timonel/sdk/kube';
import { emptyMemory, type Memory } from './memory.ts';
import { nowMs, observedOf } from './testing/observations.ts';
import { waitMs } from './timing.ts';

const { subject } = observedOf({});
const moment = { nowMs, monotonicMs: 100_000, syncPeriodMs: 15_000 };
const changed: HorizontalPodAutoscaler = { ...subject, spec: { ...subject.spec, maxReplicas: 3 } };
const scaled = (ms: number): HorizontalPodAutoscaler => ({
  ...subject,
  status: { desiredReplicas: 1, lastScaleTime: timestampOf(ms) },
});
const seen = (atMs: number, changes: Memory['changes'] = []): Memory => ({
  ...emptyMemory,
  changes,
  seen: { atMs, spec: subject.spec },
});

it.each<[string, HorizontalPodAutoscaler, Memory, number]>([
  ['a new one is looked at at once', subject, emptyMemory, 0],
  ['after a restart not sooner than a period after the last change', scaled(nowMs - 5000), emptyMemory, 10_000],
  ['a change long ago is no reason to wait', scaled(nowMs - 60_000), emptyMemory, 0],
  ['a change in the future is none either', scaled(nowMs + 60_000), emptyMemory, 0],
  ['a period after the last time', subject, seen(85_000), 0],
  ['not before', subject, seen(90_000), 5000],
  ['a new spec at once', changed, seen(90_000), 0],
  ['a new spec not so soon after a change', changed, seen(90_000, [{ atMs: 90_000, by: 1 }]), 5000],
])('%s', (_, autoscaler, memory, wanted) => {
  expect(waitMs(autoscaler, memory, moment)).toBe(wanted);
});
