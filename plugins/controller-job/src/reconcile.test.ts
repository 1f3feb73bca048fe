import { describe, expect, it } from '@jest/globals';
import type { Action } from '@timonel/sdk/controller';
import { dnsLabelProblems, dnsSubdomainProblems, type Job, type Pod } from '@timonel/sdk/kube';
import fc from 'fast-check';
import { FailureMemory, delayMs, remainingMs } from './back-off.ts';
import { explain } from './explain.ts';
import { completionIndexKey, failureCountAnnotation, ignoredFailureCountAnnotation } from './job-pods.ts';
import { newPod } from './new-pod.ts';
import type { Observed } from './progress.ts';
import { reconcile } from './reconcile.ts';
import { aJob, aPod, failed, nowMs, seen, succeeded } from './testing/jobs.ts';

const indexOf = (action: Action): string =>
  'object' in action ? (action.object.metadata.annotations?.[completionIndexKey] ?? '') : '';

function brief(observed: Observed): string[] {
  return reconcile(observed).actions.map((action) => {
    if (action.do === 'create') return `create ${indexOf(action)}`.trim();
    return `${action.do} ${'object' in action ? action.object.metadata.name : ''}`;
  });
}

const indexed = (spec: Partial<Job['spec']> = {}, status: Job['status'] = {}): Job =>
  aJob({ completionMode: 'Indexed', ...spec }, status);

describe('pods of a job', () => {
  it.each<[string, Job, readonly Pod[], string[]]>([
    ['are made up to its parallelism', aJob(), [aPod('a')], ['create']],
    ['are not more than what is left of its completions', aJob({ parallelism: 5 }, { succeeded: 2 }), [], ['create']],
    ['count as succeeded before the status says so', aJob({}, { succeeded: 1 }), [succeeded('a')], ['create']],
    [
      'beyond the parallelism go, with the finalizer first',
      aJob({ parallelism: 1 }),
      [aPod('a', { ready: false }), aPod('b')],
      ['patch a', 'delete a'],
    ],
    [
      'all go when it is suspended',
      aJob({ suspend: true }),
      [aPod('a'), aPod('b', { deleting: true })],
      ['patch a', 'delete a'],
    ],
    [
      'lose the finalizer when the status holds them',
      aJob({}, { uncountedTerminatedPods: { succeeded: ['uid-a'] } }),
      [succeeded('a'), aPod('b'), aPod('c')],
      ['patch a'],
    ],
    ['are replaced while they terminate', aJob(), [aPod('a'), aPod('b', { deleting: true })], ['create']],
    [
      'are replaced once they have ended, by podReplacementPolicy',
      aJob({ podReplacementPolicy: 'Failed' }),
      [aPod('a'), aPod('b', { deleting: true })],
      [],
    ],
    [
      'run on after the first success when there are no completions',
      aJob({ completions: undefined as never }, { succeeded: 1 }),
      [aPod('a')],
      [],
    ],
    [
      'are all made when nothing has succeeded and there are no completions',
      aJob({ completions: undefined as never }),
      [],
      ['create', 'create'],
    ],
    ['with a parallelism of 0 are none', aJob({ parallelism: 0 }), [aPod('a')], ['patch a', 'delete a']],
  ])('%s', (_, job, pods, expected) => {
    expect(brief(seen(job, pods))).toEqual(expected);
  });

  it.each<[string, Job, readonly Pod[], string[]]>([
    [
      'are of the first indexes without one',
      indexed({ parallelism: 3, completions: 4 }, { completedIndexes: '1' }),
      [aPod('a', { index: 0 })],
      ['create 2', 'create 3'],
    ],
    [
      'of one index are one: the worse goes',
      indexed(),
      [aPod('a', { index: 0 }), aPod('b', { index: 0, ready: false }), aPod('c', { index: 1 })],
      ['patch b', 'delete b'],
    ],
    [
      'of foreign indexes go',
      indexed({ completions: 2 }),
      [aPod('a', { index: 0 }), aPod('b', { index: 7 }), aPod('c')],
      ['patch b', 'patch c', 'delete b', 'delete c'],
    ],
    [
      'of an index that has succeeded go',
      indexed({}, { completedIndexes: '0' }),
      [aPod('a', { index: 0 }), aPod('b', { index: 1 })],
      ['patch a', 'delete a'],
    ],
    [
      'that succeeded again for an index are not counted',
      indexed({}, { completedIndexes: '0' }),
      [succeeded('a', { index: 0 }), aPod('b', { index: 1 }), aPod('c', { index: 2 })],
      ['patch a'],
    ],
  ])('Indexed: %s', (_, job, pods, expected) => {
    expect(brief(seen(job, pods))).toEqual(expected);
  });

  it('that are taken away lose the finalizer only as they were seen; they may have succeeded meanwhile', () => {
    const fences = (job: Job): unknown[] =>
      reconcile(seen(job, [aPod('a')])).actions.map((action) => action.do === 'patch' && action.fenced);
    expect(fences(aJob({ suspend: true }))[0]).toBe(true);
    const uncountedTerminatedPods = { failed: ['uid-a'] };
    expect(fences(aJob({ parallelism: 1 }, { uncountedTerminatedPods }))[0]).toBe(false);
  });

  it('of which one is refused hold up neither the others nor those that are to be made', () => {
    const job = aJob({ parallelism: 2, completions: 9 }, { uncountedTerminatedPods: { succeeded: ['uid-a'] } });
    const target = { type: 'FailureTarget', status: 'True', reason: 'x', message: '' } as const;
    const { actions } = reconcile(seen(job, [succeeded('a'), aPod('b')]));
    const passes = [
      actions.filter((action) => action.do !== 'create'),
      reconcile(seen(aJob({ suspend: true }), [aPod('a'), aPod('b')])).actions,
      reconcile(seen(aJob({}, { conditions: [target] }), [aPod('a')])).actions,
    ];
    expect(passes.map((pass) => pass.map(({ do: verb, independent }) => `${verb} ${independent}`))).toEqual([
      ['patch true'],
      ['patch true', 'patch true', 'delete true', 'delete true'],
      ['delete true'],
    ]);
    expect(actions.at(-1)).toMatchObject({ do: 'create' });
  });

  it('are bounded in one pass', () => {
    expect(brief(seen(aJob({ parallelism: 2000, completions: 3000 }), []))).toHaveLength(500);
  });
});

describe('the back-off', () => {
  it('doubles from ten seconds to six minutes', () => {
    expect([0, 1, 2, 3, 6, 7, 100].map(delayMs)).toEqual([0, 10_000, 20_000, 40_000, 320_000, 360_000, 360_000]);
  });

  it('delays the replacement of failed pods, and no longer than a minute unseen', () => {
    const wait = (count: number, secondsAgo: number): ReturnType<typeof reconcile> =>
      reconcile(seen(aJob(), [aPod('a')], { failures: { count, lastMs: nowMs - secondsAgo * 1000 } }));
    expect(wait(1, 4)).toEqual({ actions: [], requeueAfterMs: 6000 });
    expect(wait(6, 0)).toEqual({ actions: [], requeueAfterMs: 60_000 });
    expect(wait(1, 10).actions).toHaveLength(1);
  });

  it('of an index is its own', () => {
    const job = indexed({ parallelism: 3, completions: 3, backoffLimitPerIndex: 5 });
    const pods = [
      failed('a', { index: 0, failures: 1, endedSecondsAgo: 15 }),
      failed('b', { index: 1, failures: 0, endedSecondsAgo: 15 }),
    ];
    const { actions, requeueAfterMs } = reconcile(seen(job, pods));
    expect(actions.map(indexOf)).toEqual(['1', '2']);
    expect(requeueAfterMs).toBe(5000);
    const [first] = actions;
    expect(
      first !== undefined && 'object' in first && first.object.metadata.annotations?.[failureCountAnnotation],
    ).toBe('1');
  });

  it('remembers failures of pods that are gone, and forgets them after a success', () => {
    const memory = new FailureMemory();
    const job = aJob();
    const first = failed('a', { endedSecondsAgo: 30 });
    expect(memory.note(job, [first], nowMs)).toEqual({ count: 1, lastMs: nowMs - 30_000 });
    expect(memory.note(job, [failed('b', { endedSecondsAgo: 5 })], nowMs)).toEqual({ count: 2, lastMs: nowMs - 5000 });
    expect(memory.note(job, [first], nowMs).count).toBe(2);
    expect(memory.note(job, [succeeded('c', { endedSecondsAgo: 1 })], nowMs).count).toBe(0);
    expect(memory.note(job, [first], nowMs).count).toBe(0);
  });

  it('does not count pods that a suspension took away', () => {
    const taken = failed('a', { deleting: true, tracked: false });
    expect(new FailureMemory().note(aJob(), [taken], nowMs).count).toBe(0);
  });

  it('is no longer after the clock was set back', () => {
    const memory = new FailureMemory();
    memory.note(aJob(), [failed('a', { endedSecondsAgo: 0 })], nowMs);
    const earlierMs = nowMs - 86_400_000;
    expect(remainingMs(memory.note(aJob(), [], earlierMs), earlierMs)).toBe(10_000);
    expect(remainingMs(memory.note(aJob(), [], earlierMs + 4000), earlierMs + 4000)).toBe(6000);
  });

  it('does not believe that a pod ended in the future', () => {
    const memory = new FailureMemory();
    const failures = memory.note(aJob(), [failed('a', { endedSecondsAgo: -3600 })], nowMs);
    expect(remainingMs(failures, nowMs)).toBe(10_000);
    expect(
      remainingMs(memory.note(aJob(), [failed('a', { endedSecondsAgo: -3600 })], nowMs + 10_000), nowMs + 10_000),
    ).toBe(0);
  });
});

describe('what is decided', () => {
  const target = { type: 'FailureTarget', status: 'True', reason: 'DeadlineExceeded', message: 'late' } as const;
  const met = { type: 'SuccessCriteriaMet', status: 'True', reason: 'SuccessPolicy', message: 'met' } as const;

  it('is written before anything is done', () => {
    expect(brief(seen(aJob({ backoffLimit: 0 }), [aPod('a'), failed('b')]))).toEqual([]);
    expect(brief(seen(aJob({ activeDeadlineSeconds: 60 }), [aPod('a')]))).toEqual([]);
  });

  it('deletes the pods of a job that fails; they keep the finalizer until they are counted', () => {
    const job = aJob({}, { conditions: [target] });
    expect(brief(seen(job, [aPod('a'), succeeded('b')]))).toEqual(['delete a']);
    const counted = aJob(
      {},
      { conditions: [target], uncountedTerminatedPods: { failed: ['uid-a'], succeeded: ['uid-b'] } },
    );
    expect(brief(seen(counted, [aPod('a', { deleting: true }), succeeded('b')]))).toEqual(['patch a', 'patch b']);
  });

  it('takes away the pods of a job that has succeeded', () => {
    expect(brief(seen(indexed({}, { conditions: [met] }), [aPod('a', { index: 0 })]))).toEqual(['patch a', 'delete a']);
  });

  it('frees strays, and leaves what is finished alone', () => {
    const complete = aJob({}, { conditions: [{ type: 'Complete', status: 'True' }] });
    expect(brief(seen(complete, []))).toEqual([]);
    expect(brief(seen(complete, [], { strays: [succeeded('a')] }))).toEqual(['patch a']);
    expect(brief({ ...seen(complete, [], { strays: [aPod('b')] }), subject: undefined })).toEqual(['patch b']);
  });

  it('adopts with the finalizer and releases without it', () => {
    const orphan = { ...aPod('a', { tracked: false }) };
    const strayed = aPod('b');
    const { actions } = reconcile(seen(aJob(), [], { adopt: [orphan], release: [strayed] }));
    const written = actions.map((action) => (action.do === 'update' ? action.next.metadata : {}));
    expect(written.map(({ name, finalizers }) => [name, finalizers])).toEqual([
      ['b', []],
      ['a', ['batch.kubernetes.io/job-tracking']],
    ]);
  });
});

describe('new pods', () => {
  it('keep the finalizers of the template and know their failures', () => {
    const template = {
      metadata: { finalizers: ['example.com/own'] },
      spec: { containers: [{ name: 'c' }], initContainers: [{ name: 'i' }] },
    };
    const job = indexed({
      template,
      backoffLimitPerIndex: 3,
      podFailurePolicy: {
        rules: [{ action: 'Ignore', onPodConditions: [{ type: 'DisruptionTarget', status: 'True' }] }],
      },
    });
    const disrupted = failed('a', {
      index: 1,
      failures: 2,
      conditions: [{ type: 'DisruptionTarget', status: 'True' }],
    });
    const pod = newPod(job, 1, disrupted);
    expect(pod.metadata.finalizers).toEqual(['example.com/own', 'batch.kubernetes.io/job-tracking']);
    expect(pod.metadata.annotations).toMatchObject({
      [failureCountAnnotation]: '2',
      [ignoredFailureCountAnnotation]: '1',
    });
    expect(pod.spec.initContainers?.[0]?.env).toHaveLength(1);
  });

  it('of a job with a long name have names and hostnames that fit', () => {
    const name = 'n'.repeat(63);
    const pod = newPod({ ...indexed(), metadata: { name, namespace: 'default' } }, 12);
    expect(pod.spec.hostname).toBe(`${'n'.repeat(60)}-12`);
    expect(pod.metadata.generateName).toBe(`${'n'.repeat(54)}-12-`);
  });

  it('have names and hostnames that the API accepts, whatever the name of the job', () => {
    const name = fc
      .stringMatching(/^[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?$/)
      .filter((text) => dnsSubdomainProblems(text).length === 0);
    fc.assert(
      fc.property(name, fc.nat(999_999), (name, index) => {
        const { metadata, spec } = newPod({ ...indexed(), metadata: { name, namespace: 'default' } }, index);
        expect(dnsSubdomainProblems(`${metadata.generateName}abcde`)).toEqual([]);
        expect((metadata.generateName ?? '').length).toBeLessThanOrEqual(58);
        expect(dnsLabelProblems(spec.hostname ?? '')).toEqual([]);
      }),
      { examples: [[`${'n'.repeat(53)}.${'n'.repeat(9)}`, 12]] },
    );
  });
});

describe('explain', () => {
  it('says what a job waits for', () => {
    const first = (observed: Observed): string | undefined => explain(observed)[0]?.text;
    expect(first(seen(aJob({ suspend: true }), []))).toBe('the job is suspended');
    const failures = { count: 2, lastMs: nowMs - 5000 };
    expect(first(seen(aJob(), [aPod('a')], { failures }))).toBe('pods failed: the next one is made in 15 s');
    expect(
      explain(seen(aJob({}, { succeeded: 1 }), [aPod('a'), aPod('b', { ready: false })])).map(({ text }) => text),
    ).toEqual(['pod b: is not ready yet', '1 of 3 succeeded: 2 run (1 not ready), 0 failed, 0 terminate']);
    const pods = [failed('x', { exitCode: 3 }), failed('y', { exitCode: 3 })];
    expect(explain(seen(aJob(), pods, { failures })).map(({ text }) => text)[1]).toBe(
      '2 pods: x, y: container main ended: Error, exit code 3',
    );
    const conditions = [
      { type: 'Failed', status: 'True' as const, reason: 'BackoffLimitExceeded', message: 'too many' },
    ];
    expect(explain(seen(aJob({}, { conditions }), []))[0]).toMatchObject({
      code: 'BackoffLimitExceeded',
      text: 'too many',
    });
    expect(explain(seen(aJob({}, { conditions: [{ type: 'Complete', status: 'True' }] }), []))).toEqual([]);
  });
});
