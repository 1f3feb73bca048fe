import { describe, expect, it } from '@jest/globals';
import type { Pod, PodStatus } from '@timonel/sdk/kube';
import { podWith } from '../plan/testing.ts';
import { KnownPod } from './known-pod.ts';

const seen = (resourceVersion: string, status: PodStatus = {}, uid = 'uid-1'): Pod => ({
  ...podWith({}, { uid, resourceVersion }),
  status,
});
const fromFile = podWith({}, { uid: 'hash', annotations: { 'kubernetes.io/config.source': 'file' } });
const startTime = '2026-03-05T12:00:00Z';

describe('a pod of the API', () => {
  it('is what is told of it, and never becomes older', () => {
    const known = new KnownPod(seen('9'));
    expect([known.learn(seen('8')), known.learn(seen('10')), known.learnShown(seen('9'))]).toEqual([
      false,
      true,
      false,
    ]);
    expect(known.shown).toBe(known.pod);
    expect(known.pod.metadata.resourceVersion).toBe('10');
  });
});

describe('a static pod', () => {
  it('is shown by its mirror alone', () => {
    const known = new KnownPod(fromFile);
    expect(known.shown).toBeUndefined();
    expect(known.setMirror(seen('5', { startTime, phase: 'Running' }, 'm1'))).toBe(true);
    expect(known.shown?.metadata.uid).toBe('m1');
    expect(known.pod).toMatchObject({ metadata: { uid: 'hash' }, status: { startTime, phase: 'Running' } });
    expect(known.learnShown(seen('4', {}, 'm1'))).toBe(false);
    // Another of the same name, of a store that began anew.
    expect(known.setMirror(seen('1', {}, 'm2'))).toBe(true);
    expect(known.pod.status).toMatchObject({ startTime });
    expect(known.setMirror(undefined)).toBe(false);
    expect(known.shown).toBeUndefined();
  });

  it('is not over because its mirror says that it failed when the node went down', () => {
    const known = new KnownPod(fromFile);
    const conditions = [
      { type: 'DisruptionTarget', status: 'True' as const },
      { type: 'Ready', status: 'False' as const },
    ];
    known.setMirror(seen('5', { startTime, phase: 'Failed', reason: 'Terminated', message: 'm', conditions }, 'm1'));
    expect(known.pod.status).toEqual({ startTime, conditions: [{ type: 'Ready', status: 'False' }] });
  });
});
