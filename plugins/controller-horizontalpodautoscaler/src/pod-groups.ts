/** Which pods count, when replicas are computed from what pods report. */
import { findCondition, isPodReady, timestampMs } from '@timonel/sdk/controller';
import type { Pod } from '@timonel/sdk/kube';
import type { AutoscalerConfig } from './config.ts';

/** A metric of one pod. */
export interface PodSample {
  /** Thousandths of the metric's unit. */
  readonly milli: number;
  /** The end of the window. */
  readonly atMs: number;
  readonly windowMs: number;
}

/** By the name of the pod. */
export type Samples = ReadonlyMap<string, PodSample>;

export interface PodGroups {
  /** Pods whose sample counts. */
  readonly ready: readonly string[];
  /** Not ready yet: their samples say nothing. */
  readonly unready: readonly string[];
  /** Without a sample. */
  readonly missing: readonly string[];
}

export interface GroupingRules extends Pick<AutoscalerConfig, 'cpuInitializationPeriodMs' | 'initialReadinessDelayMs'> {
  readonly nowMs: number;
  /** Of pods that start, cpu says nothing. */
  readonly isCpu: boolean;
}

/** A pod that burns cpu to start is not a pod under load. */
function isStarting(pod: Pod, sample: PodSample, rules: GroupingRules): boolean {
  const ready = findCondition(pod.status?.conditions, 'Ready');
  const startedMs = timestampMs(pod.status?.startTime);
  if (ready === undefined || startedMs === undefined) return true;
  const changedMs = timestampMs(ready.lastTransitionTime) ?? startedMs;
  if (startedMs + rules.cpuInitializationPeriodMs > rules.nowMs) {
    return ready.status === 'False' || sample.atMs < changedMs + sample.windowMs;
  }
  // It has never been ready.
  return ready.status === 'False' && startedMs + rules.initialReadinessDelayMs > changedMs;
}

export function groupPods(pods: readonly Pod[], samples: Samples, rules: GroupingRules): PodGroups {
  const groups = { ready: [] as string[], unready: [] as string[], missing: [] as string[] };
  for (const pod of pods) {
    const { name = '', deletionTimestamp } = pod.metadata;
    if (deletionTimestamp !== undefined || pod.status?.phase === 'Failed') continue;
    const sample = samples.get(name);
    if (pod.status?.phase === 'Pending' || pod.status?.phase === undefined) groups.unready.push(name);
    else if (sample === undefined) groups.missing.push(name);
    else if (rules.isCpu && isStarting(pod, sample, rules)) groups.unready.push(name);
    else groups.ready.push(name);
  }
  return groups;
}

/** Pods that run and are ready: what a metric that is not the pods' own is shared by. */
export function readyPodCount(pods: readonly Pod[]): number {
  return pods.filter((pod) => pod.status?.phase === 'Running' && isPodReady(pod)).length;
}
