/** batch/v1 kinds. */
import type { ObjectReference } from './core.ts';
import {
  defineResource,
  type Condition,
  type KubeObject,
  type LabelSelector,
  type ObjectMeta,
  type ResourceType,
} from './meta.ts';
import type { PodTemplateSpec } from './pods.ts';

export interface PodFailurePolicyRule {
  /** `FailJob`, `FailIndex`, `Ignore`, `Count`. */
  action: string;
  onExitCodes?: {
    containerName?: string;
    /** `In`, `NotIn`. */
    operator: string;
    values: number[];
  };
  onPodConditions?: { type: string; status?: string }[];
}

export interface SuccessPolicyRule {
  /** `0,2-5`. */
  succeededIndexes?: string;
  succeededCount?: number;
}

export interface JobSpec {
  parallelism?: number;
  completions?: number;
  activeDeadlineSeconds?: number;
  backoffLimit?: number;
  backoffLimitPerIndex?: number;
  maxFailedIndexes?: number;
  podFailurePolicy?: { rules: PodFailurePolicyRule[] };
  successPolicy?: { rules: SuccessPolicyRule[] };
  selector?: LabelSelector;
  manualSelector?: boolean;
  template: PodTemplateSpec;
  ttlSecondsAfterFinished?: number;
  /** `NonIndexed`, `Indexed`. */
  completionMode?: string;
  suspend?: boolean;
  /** `TerminatingOrFailed`, `Failed`. */
  podReplacementPolicy?: string;
  managedBy?: string;
}

export interface JobStatus {
  conditions?: Condition[];
  startTime?: string;
  completionTime?: string;
  active?: number;
  ready?: number;
  terminating?: number;
  succeeded?: number;
  failed?: number;
  /** `0,2-5`. */
  completedIndexes?: string;
  failedIndexes?: string;
  /** Uids of pods that have ended and that the numbers do not hold yet. */
  uncountedTerminatedPods?: { succeeded?: string[]; failed?: string[] };
}

export interface Job extends KubeObject {
  spec: JobSpec;
  status?: JobStatus;
}

export interface CronJob extends KubeObject {
  spec: {
    schedule: string;
    timeZone?: string;
    startingDeadlineSeconds?: number;
    /** `Allow`, `Forbid`, `Replace`. */
    concurrencyPolicy?: string;
    suspend?: boolean;
    jobTemplate: { metadata?: ObjectMeta; spec: JobSpec };
    successfulJobsHistoryLimit?: number;
    failedJobsHistoryLimit?: number;
  };
  status?: { active?: ObjectReference[]; lastScheduleTime?: string; lastSuccessfulTime?: string };
}

const v1 = { group: 'batch', version: 'v1', namespaced: true } as const;
export const jobs: ResourceType<Job> = defineResource({ ...v1, resource: 'jobs', kind: 'Job' });
export const cronJobs: ResourceType<CronJob> = defineResource({ ...v1, resource: 'cronjobs', kind: 'CronJob' });
