/** What a Job asks of its pods. */
import { findCondition, isPodTerminating, timestampMs } from '@timonel/sdk/controller';
import type { Job, Pod } from '@timonel/sdk/kube';

/** Keeps a pod until its end is counted. */
export const trackingFinalizer = 'batch.kubernetes.io/job-tracking';
/** As annotation and as label. */
export const completionIndexKey = 'batch.kubernetes.io/job-completion-index';
export const controllerUidLabel = 'batch.kubernetes.io/controller-uid';
export const jobNameLabel = 'batch.kubernetes.io/job-name';
export const failureCountAnnotation = 'batch.kubernetes.io/job-index-failure-count';
export const ignoredFailureCountAnnotation = 'batch.kubernetes.io/job-index-failure-ignore-count';
const ownController = 'kubernetes.io/job-controller';

export function isIndexed({ spec }: Job): boolean {
  return spec.completionMode === 'Indexed';
}

/** Another controller takes care of it. */
export function isManagedElsewhere({ spec }: Job): boolean {
  return spec.managedBy !== undefined && spec.managedBy !== ownController;
}

export function finishedCondition({ status }: Job): 'Complete' | 'Failed' | undefined {
  if (findCondition(status?.conditions, 'Complete')?.status === 'True') return 'Complete';
  return findCondition(status?.conditions, 'Failed')?.status === 'True' ? 'Failed' : undefined;
}

/** Ended pods are replaced, those that still terminate are not. */
export function replacesOnlyEnded({ spec }: Job): boolean {
  return spec.podReplacementPolicy === 'Failed' || spec.podFailurePolicy !== undefined;
}

export function isTracked({ metadata }: Pod): boolean {
  return metadata.finalizers?.includes(trackingFinalizer) ?? false;
}

export function hasSucceeded({ status }: Pod): boolean {
  return status?.phase === 'Succeeded';
}

/** No node has it: nobody but its controller can bring it to an end. */
function neverStarts({ spec }: Pod): boolean {
  return spec.nodeName === undefined || spec.nodeName === '';
}

/** Failed, or deleted where that counts as failed: a pod without its node may never reach the phase. */
export function hasFailed(pod: Pod, job: Job): boolean {
  if (pod.status?.phase === 'Failed') return true;
  return isPodTerminating(pod) && (!replacesOnlyEnded(job) || neverStarts(pod));
}

function countIn(pod: Pod, annotation: string): number {
  const text = pod.metadata.annotations?.[annotation] ?? '';
  return /^\d{1,9}$/.test(text) ? Number(text) : 0;
}

/** The completion index, when it is one of the job's. */
export function completionIndex(pod: Pod, job: Job): number | undefined {
  const text = pod.metadata.annotations?.[completionIndexKey] ?? '';
  const index = /^\d{1,9}$/.test(text) ? Number(text) : Number.POSITIVE_INFINITY;
  return index < (job.spec.completions ?? 0) ? index : undefined;
}

/** How often pods of its index failed before it. */
export function earlierFailures(pod: Pod): { readonly counted: number; readonly ignored: number } {
  return { counted: countIn(pod, failureCountAnnotation), ignored: countIn(pod, ignoredFailureCountAnnotation) };
}

/** When it ended, ms since the epoch: the last of its containers, or the next best sign. */
export function endedAtMs({ metadata, status }: Pod): number {
  const ends = [...(status?.containerStatuses ?? []), ...(status?.initContainerStatuses ?? [])].flatMap(
    ({ state }) => timestampMs(state?.terminated?.finishedAt) ?? [],
  );
  if (ends.length > 0) return Math.max(...ends);
  const deletedAtMs = timestampMs(metadata.deletionTimestamp);
  // The time stamp lies the grace period ahead.
  if (deletedAtMs !== undefined) return deletedAtMs - (metadata.deletionGracePeriodSeconds ?? 0) * 1000;
  return (
    timestampMs(findCondition(status?.conditions, 'Ready')?.lastTransitionTime) ??
    timestampMs(metadata.creationTimestamp) ??
    0
  );
}

/** Restarts of the containers of pods that restart them by themselves. */
export function restartsOf({ status }: Pod): number {
  const all = [...(status?.containerStatuses ?? []), ...(status?.initContainerStatuses ?? [])];
  // Not every node tells of all fields.
  return all.reduce((sum, { restartCount }: { restartCount?: number }) => sum + (restartCount ?? 0), 0);
}
