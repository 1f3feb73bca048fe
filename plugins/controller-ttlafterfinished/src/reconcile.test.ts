import { describe, expect, it } from '@jest/globals';
import type { Job } from '@timonel/sdk/kube';
import { explain, reconcile } from './reconcile.ts';

const endMs = Date.parse('2026-01-01T00:00:00Z');

function job(ttlSecondsAfterFinished: number | undefined, condition: string | undefined, more: object = {}): Job {
  const conditions = [
    { type: 'Suspended', status: 'False' as const, lastTransitionTime: '2025-12-31T00:00:00Z' },
    ...(condition === undefined
      ? []
      : [{ type: condition, status: 'True' as const, lastTransitionTime: '2026-01-01T00:00:00Z' }]),
  ];
  return {
    metadata: { name: 'work', namespace: 'default', uid: 'u', ...more },
    spec: {
      template: { spec: { containers: [] } },
      ...(ttlSecondsAfterFinished === undefined ? {} : { ttlSecondsAfterFinished }),
    },
    status: { conditions },
  };
}

const passed = (subject: Job, seconds: number): ReturnType<typeof reconcile> =>
  reconcile({ subject, nowMs: endMs + seconds * 1000, timestamp: '' });

describe('reconcile', () => {
  it.each([
    ['without a time to live', job(undefined, 'Complete')],
    ['with a null in its place', job(null as never, 'Complete')],
    ['not finished', job(10, undefined)],
    ['being deleted', job(10, 'Complete', { deletionTimestamp: '2026-01-01T00:00:00Z' })],
  ])('leaves a job alone that is %s', (_, subject) => {
    expect(passed(subject, 1000)).toEqual({ actions: [] });
  });

  it.each(['Complete', 'Failed'])('deletes a job that is %s in the foreground when its time is over', (type) => {
    const { actions } = passed(job(10, type), 10);
    expect(actions).toMatchObject([{ do: 'delete', options: { propagationPolicy: 'Foreground' } }]);
    expect(passed(job(0, type), 0).actions).toHaveLength(1);
  });

  it('waits until then, and looks at the clock at least once a minute', () => {
    expect(passed(job(10, 'Complete'), 3)).toEqual({ actions: [], requeueAfterMs: 7000 });
    expect(passed(job(3600, 'Complete'), 0)).toEqual({ actions: [], requeueAfterMs: 60_000 });
    // The clock was set back.
    expect(passed(job(10, 'Complete'), -3600)).toEqual({ actions: [], requeueAfterMs: 60_000 });
  });

  it('says when a job goes', () => {
    const subject = job(10, 'Complete');
    expect(explain({ subject, nowMs: endMs + 4000, timestamp: '' })[0]?.text).toBe(
      'it is deleted in 6 s: spec.ttlSecondsAfterFinished',
    );
  });
});
