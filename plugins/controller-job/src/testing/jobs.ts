/** Jobs and pods for table tests. */
import type { Job, JobStatus, Pod } from '@timonel/sdk/kube';
import { controllerReference, jobs } from '@timonel/sdk/kube';
import { noFailures } from '../back-off.ts';
import { completionIndexKey, failureCountAnnotation, trackingFinalizer } from '../job-pods.ts';
import type { Observed } from '../progress.ts';

export const timestamp = '2026-01-01T01:00:00Z';
export const nowMs: number = Date.parse(timestamp);

export function aJob(spec: Partial<Job['spec']> = {}, status: JobStatus = {}): Job {
  return {
    metadata: { name: 'work', namespace: 'default', uid: 'job-uid', generation: 1, resourceVersion: '7' },
    spec: {
      parallelism: 2,
      completions: 3,
      backoffLimit: 6,
      completionMode: 'NonIndexed',
      suspend: false,
      podReplacementPolicy: 'TerminatingOrFailed',
      selector: { matchLabels: { app: 'work' } },
      template: {
        metadata: { labels: { app: 'work' } },
        spec: { restartPolicy: 'Never', containers: [{ name: 'main', image: 'i' }] },
      },
      ...spec,
    },
    status: { startTime: '2026-01-01T00:59:00Z', ...status },
  };
}

export interface PodInput {
  readonly phase?: string;
  readonly ready?: boolean;
  readonly index?: number;
  readonly failures?: number;
  readonly exitCode?: number;
  readonly endedSecondsAgo?: number;
  readonly tracked?: boolean;
  readonly deleting?: boolean;
  readonly node?: string;
  /** Null: the node does not say. */
  readonly restarts?: number | null;
  readonly conditions?: NonNullable<Pod['status']>['conditions'];
}

export function aPod(name: string, input: PodInput = {}): Pod {
  const { phase = 'Running', index, failures, exitCode, tracked = true, restarts = 0, node = 'n1' } = input;
  const finishedAt = new Date(nowMs - (input.endedSecondsAgo ?? 1000) * 1000).toISOString();
  const ready = input.ready ?? phase === 'Running';
  return {
    metadata: {
      name,
      namespace: 'default',
      uid: `uid-${name}`,
      labels: { app: 'work' },
      creationTimestamp: '2026-01-01T00:00:00Z',
      ownerReferences: [controllerReference(aJob(), jobs)],
      ...(tracked ? { finalizers: [trackingFinalizer] } : {}),
      annotations: {
        ...(index === undefined ? {} : { [completionIndexKey]: `${index}` }),
        ...(failures === undefined ? {} : { [failureCountAnnotation]: `${failures}` }),
      },
      ...(input.deleting === true ? { deletionTimestamp: timestamp, deletionGracePeriodSeconds: 30 } : {}),
    },
    spec: { nodeName: node, containers: [] },
    status: {
      phase,
      conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }, ...(input.conditions ?? [])],
      containerStatuses: [
        {
          name: 'main',
          ready: false,
          ...((restarts === null ? {} : { restartCount: restarts }) as { restartCount: number }),
          image: '',
          imageID: '',
          lastState: {},
          state: exitCode === undefined ? {} : { terminated: { exitCode, finishedAt } },
        },
      ],
    },
  };
}

export const succeeded = (name: string, input: PodInput = {}): Pod =>
  aPod(name, { phase: 'Succeeded', exitCode: 0, ...input });
export const failed = (name: string, input: PodInput = {}): Pod =>
  aPod(name, { phase: 'Failed', exitCode: 1, ...input });

export function seen(job: Job, pods: readonly Pod[], more: Partial<Observed> = {}): Observed {
  return { subject: job, pods, adopt: [], release: [], strays: [], failures: noFailures, nowMs, timestamp, ...more };
}
