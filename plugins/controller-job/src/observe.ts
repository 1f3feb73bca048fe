/** What is looked at for one Job. */
import { planClaims, withoutNulls, type Informer } from '@timonel/sdk/controller';
import type { ApiClient } from '@timonel/sdk/contracts/api';
import {
  controllerOf,
  fromLabelSelector,
  isNotFound,
  jobs as jobType,
  pods as podType,
  type Job,
  type Pod,
} from '@timonel/sdk/kube';
import { noFailures, type FailureMemory } from './back-off.ts';
import {
  controllerUidLabel,
  finishedCondition,
  hasFailed,
  hasSucceeded,
  isManagedElsewhere,
  isTracked,
  jobNameLabel,
} from './job-pods.ts';
import { uncountedOf, type Observed } from './progress.ts';
import { decidedVerdict } from './verdict.ts';

export interface Inputs {
  readonly jobs: Informer<Job>;
  readonly pods: Informer<Pod>;
  readonly memory: FailureMemory;
}

type Now = Pick<Observed, 'nowMs' | 'timestamp'>;

/** The job that a pod says to be of, whether there is such a job or not. */
export function jobKeyOf(pod: Pod): string | undefined {
  const { namespace = '', name = '', labels } = pod.metadata;
  const owner = controllerOf(pod);
  if (owner !== undefined) {
    return owner.kind === 'Job' && owner.apiVersion.startsWith('batch/') ? `${namespace}/${owner.name}` : undefined;
  }
  return isTracked(pod) ? `${namespace}/${labels?.[jobNameLabel] ?? name}` : undefined;
}

/** By namespace: what a job might adopt. */
export function orphanNamespace(pod: Pod): string | undefined {
  return controllerOf(pod) === undefined ? pod.metadata.namespace : undefined;
}

async function gone<T>(call: Promise<T>): Promise<T | undefined> {
  try {
    return await call;
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

function strayed(seen: Pick<Observed, 'subject' | 'strays'>, now: Now): Observed {
  return { ...now, ...seen, pods: [], adopt: [], release: [], failures: noFailures };
}

/** Pods of a job that is gone, or is going. The cache may lag behind the making of the job: the API itself is asked. */
async function observeStrays(
  api: ApiClient,
  key: string,
  tracked: readonly Pod[],
  now: Now,
): Promise<Observed | undefined> {
  if (tracked.length === 0) return undefined;
  const [namespace = '', name = ''] = key.split('/');
  const live = await gone(api.get(jobType, { namespace, name }));
  // While it goes, who takes care of it has the say.
  const isHeld =
    live !== undefined && (live.metadata.deletionTimestamp === undefined || isManagedElsewhere(withoutNulls(live)));
  const strays = tracked.filter((pod) => !isHeld || controllerOf(pod)?.uid !== live.metadata.uid);
  return strayed({ subject: undefined, strays }, now);
}

/** More pods than these are listed, not asked for one by one. */
const askedLimit = 32;

/** Whether the status has yet to take the pod up: it ended, or ends with its job. */
function isNews(job: Job, pod: Pod): boolean {
  const { succeeded, failed } = uncountedOf(job.status);
  const uid = pod.metadata.uid ?? '';
  const ends = decidedVerdict(job) !== undefined || hasSucceeded(pod) || hasFailed(pod, job);
  return isTracked(pod) && ends && !succeeded.has(uid) && !failed.has(uid);
}

/**
 * The pods at a time not before the job's last state. The cache of pods may lag behind that of jobs: an end that was counted already
 * would be counted again, and one that is not shown yet would be taken for one whose finalizer is gone.
 */
async function podsAsOf(
  api: ApiClient,
  { pods: cache }: Inputs,
  job: Job,
  pods: readonly Pod[],
): Promise<readonly Pod[]> {
  if (cache.hasSeen(job.metadata.resourceVersion ?? '')) return pods;
  const { namespace = '' } = job.metadata;
  const { succeeded, failed } = uncountedOf(job.status);
  const shown = new Set(pods.map(({ metadata }) => metadata.uid ?? ''));
  const news = new Set(pods.filter((pod) => isNews(job, pod)));
  if (news.size > askedLimit || [...succeeded, ...failed].some((uid) => !shown.has(uid))) {
    const { items } = await api.list(podType, { namespace });
    return items.filter((pod) => controllerOf(pod)?.uid === job.metadata.uid);
  }
  const current = pods.map(async (pod): Promise<Pod[]> => {
    if (!news.has(pod)) return [pod];
    const live = await gone(api.get(podType, { namespace, name: pod.metadata.name ?? '' }));
    return live === undefined || live.metadata.uid !== pod.metadata.uid ? [] : [live];
  });
  return (await Promise.all(current)).flat();
}

export async function observe(key: string, inputs: Inputs, now: Now, api: ApiClient): Promise<Observed | undefined> {
  const job = withoutNulls(inputs.jobs.get(key));
  const named = inputs.pods.byIndex('job', key);
  const tracked = named.filter(isTracked);
  if (job === undefined || job.metadata.deletionTimestamp !== undefined) {
    if (job !== undefined) inputs.memory.forget(job);
    return observeStrays(api, key, tracked, now);
  }
  if (isManagedElsewhere(job)) {
    const isForeign = (pod: Pod): boolean => (controllerOf(pod)?.uid ?? job.metadata.uid) !== job.metadata.uid;
    return observeStrays(api, key, tracked.filter(isForeign), now);
  }
  const selector = fromLabelSelector(
    job.spec.selector ?? { matchLabels: { [controllerUidLabel]: job.metadata.uid ?? '' } },
  );
  const orphans = inputs.pods.byIndex('orphan', job.metadata.namespace ?? '');
  const { owned, adopt, release } = planClaims(job, selector, new Set([...named, ...orphans]));
  const isOver = finishedCondition(job) !== undefined;
  const others = new Set(isOver ? [] : [...owned, ...adopt, ...release]);
  const strays = tracked.filter((pod) => !others.has(pod));
  if (isOver) {
    inputs.memory.forget(job);
    return { ...strayed({ subject: job, strays }, now), pods: owned };
  }
  const pods = await podsAsOf(api, inputs, job, owned);
  return { ...now, subject: job, pods, adopt, release, strays, failures: inputs.memory.note(job, pods, now.nowMs) };
}
