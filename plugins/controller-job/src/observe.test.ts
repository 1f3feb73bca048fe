import { describe, expect, it } from '@jest/globals';
import type { ApiClient } from '@timonel/sdk/contracts/api';
import type { Informer } from '@timonel/sdk/controller';
import { ApiError, controllerReference, jobs, type Job, type Pod } from '@timonel/sdk/kube';
import { FailureMemory } from './back-off.ts';
import { jobKeyOf, observe, orphanNamespace } from './observe.ts';
import type { Observed } from './progress.ts';
import { aJob, aPod, failed, nowMs, succeeded, timestamp } from './testing/jobs.ts';

interface Cluster {
  readonly job?: Job;
  readonly pods: readonly Pod[];
  /** What the API itself has. Default: what the caches show. */
  readonly liveJob?: Job;
  readonly livePods?: readonly Pod[];
  /** Whether the cache of pods is at least as new as the job. */
  readonly isCurrent?: boolean;
}

/** What is observed, and what the API was asked for. */
async function look(cluster: Cluster): Promise<{ observed: Observed | undefined; asked: string[] }> {
  const asked: string[] = [];
  const livePods = cluster.livePods ?? cluster.pods;
  const absent = (name: string): never => {
    throw new ApiError('NotFound', name);
  };
  const api = {
    async get(type: { resource: string }, { name }: { name: string }) {
      asked.push(`get ${type.resource} ${name}`);
      const found =
        type.resource === 'jobs' ? cluster.liveJob : livePods.find(({ metadata }) => metadata.name === name);
      return found ?? absent(name);
    },
    async list() {
      asked.push('list');
      return { metadata: {}, items: livePods };
    },
  } as unknown as ApiClient;
  const inputs = {
    jobs: { get: () => cluster.job } as unknown as Informer<Job>,
    pods: {
      byIndex: (index: string, value: string) =>
        cluster.pods.filter((pod) => (index === 'job' ? jobKeyOf(pod) : orphanNamespace(pod)) === value),
      hasSeen: () => cluster.isCurrent ?? true,
    } as unknown as Informer<Pod>,
    memory: new FailureMemory(),
  };
  return { observed: await observe('default/work', inputs, { nowMs, timestamp }, api), asked };
}

const names = (pods: readonly Pod[] | undefined): (string | undefined)[] =>
  (pods ?? []).map(({ metadata }) => metadata.name);
const withoutOwner = (pod: Pod, labels: Record<string, string> = {}): Pod => {
  const { ownerReferences: _, ...metadata } = pod.metadata;
  return { ...pod, metadata: { ...metadata, labels: { ...metadata.labels, ...labels } } };
};

describe('what is observed of a job', () => {
  it('are its pods, those to adopt and those to release', async () => {
    const strayed = { ...aPod('c'), metadata: { ...aPod('c').metadata, labels: { app: 'other' } } };
    const { observed, asked } = await look({
      job: aJob(),
      pods: [aPod('a'), withoutOwner(aPod('b', { tracked: false })), strayed],
    });
    expect(names(observed?.pods)).toEqual(['a']);
    expect(names(observed?.adopt)).toEqual(['b']);
    expect(names(observed?.release)).toEqual(['c']);
    expect(asked).toEqual([]);
  });

  it('is nothing when another controller takes care of it', async () => {
    const { observed } = await look({ job: aJob({ managedBy: 'example.com/queue' }), pods: [aPod('a')] });
    expect(observed).toBeUndefined();
    const own = await look({ job: aJob({ managedBy: 'kubernetes.io/job-controller' }), pods: [aPod('a')] });
    expect(names(own.observed?.pods)).toEqual(['a']);
  });
});

it('takes nulls of clients for what is absent', async () => {
  const absent = null as never;
  const { completions: _, ...spec } = aJob().spec;
  const nulls = {
    managedBy: absent,
    activeDeadlineSeconds: absent,
    backoffLimitPerIndex: absent,
    successPolicy: absent,
  };
  const more = { podFailurePolicy: absent, completions: absent, maxFailedIndexes: absent };
  const plain = { ...aJob(), spec };
  const { observed } = await look({ job: { ...plain, spec: { ...spec, ...nulls, ...more } }, pods: [aPod('a')] });
  expect(observed?.subject).toEqual(plain);
  expect(names(observed?.pods)).toEqual(['a']);
});

describe('a cache of pods that lags behind the job', () => {
  const target = { type: 'FailureTarget', status: 'True', reason: 'x', message: '' } as const;
  it('shows no end that was counted already', async () => {
    const pods = [aPod('runs'), succeeded('counted'), failed('gone'), failed('fresh')];
    const livePods = [aPod('runs'), succeeded('counted', { tracked: false }), failed('fresh')];
    const { observed, asked } = await look({ job: aJob(), pods, livePods, isCurrent: false });
    expect(asked).toEqual(['get pods counted', 'get pods gone', 'get pods fresh']);
    expect(observed?.pods.map(({ metadata }) => `${metadata.name} ${(metadata.finalizers ?? []).length}`)).toEqual([
      'runs 1',
      'counted 0',
      'fresh 1',
    ]);
  });

  it('shows no running pod that went with its job already', async () => {
    const job = aJob({}, { conditions: [target] });
    const { observed } = await look({ job, pods: [aPod('a'), aPod('b')], livePods: [aPod('b')], isCurrent: false });
    expect(names(observed?.pods)).toEqual(['b']);
  });

  it('hides no pod whose end is taken up', async () => {
    const job = aJob({}, { uncountedTerminatedPods: { succeeded: ['uid-b'] } });
    const { observed, asked } = await look({
      job,
      pods: [aPod('a')],
      livePods: [aPod('a'), succeeded('b')],
      isCurrent: false,
    });
    expect(asked).toEqual(['list']);
    expect(names(observed?.pods)).toEqual(['a', 'b']);
  });

  it('is asked about many pods at once', async () => {
    const pods = Array.from({ length: 100 }, (_, n) => succeeded(`p${n}`));
    expect((await look({ job: aJob(), pods, isCurrent: false })).asked).toEqual(['list']);
  });
});

describe('pods that no job waits for', () => {
  const complete = aJob({}, { conditions: [{ type: 'Complete', status: 'True' }] });
  const leaving: Job = { ...aJob(), metadata: { ...aJob().metadata, deletionTimestamp: timestamp } };
  const other: Job = { ...aJob(), metadata: { ...aJob().metadata, uid: 'another' } };

  it.each<[string, Cluster, string[]]>([
    ['their job is gone', { pods: [succeeded('a'), aPod('b', { tracked: false })] }, ['a']],
    ['their job is there, but not in the cache yet', { pods: [aPod('a')], liveJob: aJob() }, []],
    ['another job has its name', { pods: [aPod('a')], liveJob: other }, ['a']],
    ['another job has its name, in the cache', { job: other, pods: [aPod('a')] }, ['a']],
    ['their job goes', { job: leaving, pods: [aPod('a')], liveJob: leaving }, ['a']],
    ['their job is finished', { job: complete, pods: [aPod('a'), succeeded('b', { tracked: false })] }, ['a']],
    [
      'they have lost their owner and match no more',
      { job: aJob(), pods: [withoutOwner(aPod('a'), { app: 'x', 'batch.kubernetes.io/job-name': 'work' })] },
      ['a'],
    ],
  ])('are freed when %s', async (_, cluster, expected) => {
    expect(names((await look(cluster)).observed?.strays)).toEqual(expected);
  });

  it('are freed when another job has their name that another controller takes care of, whose own pods are not', async () => {
    const elsewhere = { ...other, spec: { ...other.spec, managedBy: 'example.com/queue' } };
    const own = {
      ...aPod('b'),
      metadata: { ...aPod('b').metadata, ownerReferences: [controllerReference(other, jobs)] },
    };
    expect(names((await look({ job: elsewhere, pods: [aPod('a'), own] })).observed?.strays)).toEqual(['a']);
    const goes = { ...elsewhere, metadata: { ...elsewhere.metadata, deletionTimestamp: timestamp } };
    const { observed } = await look({ job: goes, liveJob: goes, pods: [aPod('a'), own] });
    expect(names(observed?.strays)).toEqual(['a']);
  });

  it('are of no job when another kind of controller owns them', () => {
    const reference = { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'work', uid: 'r', controller: true };
    expect(
      jobKeyOf({ ...aPod('a'), metadata: { ...aPod('a').metadata, ownerReferences: [reference] } }),
    ).toBeUndefined();
  });
});
