/**
 * What `/apis/scheduling.timonel.dev/v1` answers about schedulers: who is in charge, what a candidate in shadow would do in its place,
 * and what became of the last swap. Times end in `Ms`; shares are 0 … 1.
 */
import type { Decision, ExternalScheduler, NodeScore } from '../scheduler/index.ts';

/** Root of the routes. */
export const schedulingRoot = '/apis/scheduling.timonel.dev/v1';

/**
 * Reason of the first cause of a refusal:
 * - `no-shadow`: no scheduler is in shadow.
 * - `shadow-busy`: one is, or is being put there.
 * - `no-previous`: nobody was in charge before.
 */
export type SchedulingProblem = 'no-shadow' | 'shadow-busy' | 'no-previous';

/** What one scheduler decided about a pod, in short. */
export interface DecisionSummary {
  readonly outcome: Decision['outcome'];
  /** Of `bind` and `preempt`. */
  readonly nodeName?: string;
  /** The chosen node first, then runners-up: four at most. */
  readonly scores: readonly NodeScore[];
  /** Why not elsewhere: `3 Insufficient cpu`. Five at most. */
  readonly reasons: readonly string[];
  /** Pods that must go. */
  readonly victims: number;
}

/** A pod about which the two do not agree. */
export interface PlacementDifference {
  readonly namespace: string;
  readonly name: string;
  /** RFC 3339. */
  readonly at: string;
  readonly live: DecisionSummary;
  readonly candidate: DecisionSummary;
  /** One sentence. */
  readonly why: string;
}

/** Decisions about the same pods on the same snapshots. */
export interface Agreement {
  readonly decisions: number;
  /** Same outcome, and the same node where there is one. */
  readonly same: number;
  /** Another node, which is worth the same to the candidate. */
  readonly tied: number;
  readonly otherNode: number;
  readonly otherOutcome: number;
  /** Of `same` and `tied` in all; 1 without decisions. */
  readonly share: number;
}

/** Quantiles of the last decisions. */
export interface DecisionTimes {
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly perPodP50Ms: number;
  readonly perPodP99Ms: number;
}

/** From when a pod was seen first to when it was bound, or would have been. */
export interface PendingTimes {
  readonly bound: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Pods that wait at present. Of the candidate also those that it refused last and the other one bound. */
  readonly waiting: number;
}

/**
 * How pods lie on nodes when a batch is placed: the mean over all batches. Each batch begins with what really is, so that these figures of
 * the two differ by the decisions of one batch.
 */
export interface ClusterShape {
  /** Nodes that have a pod. */
  readonly nodesInUse: number;
  /** Requested of allocatable, on nodes in use. */
  readonly cpuUtilisation: number;
  readonly memoryUtilisation: number;
  /** Share of the free CPU that pods of average size cannot use, because it lies in pieces that are too small. */
  readonly fragmentation: number;
  /** Standard deviation of the share of requested CPU over all nodes. */
  readonly cpuDeviation: number;
  readonly podsPerNode: {
    readonly mean: number;
    readonly deviation: number;
    readonly most: number;
  };
}

/** Figures of one of the two. */
export interface ShadowFigures {
  readonly scheduler: string;
  readonly bound: number;
  readonly unschedulable: number;
  readonly errors: number;
  readonly preemptions: number;
  readonly victims: number;
  readonly decisionTimes: DecisionTimes;
  readonly pending: PendingTimes;
  readonly shape: ClusterShape;
}

/** Answer of `GET /shadow`. */
export interface ShadowReport {
  readonly state: 'running' | 'ended';
  /** Why it has ended. */
  readonly reason?: string;
  /** RFC 3339. */
  readonly startedAt: string;
  readonly endedAt?: string;
  /** Share of the time that the candidate may take. */
  readonly timeShare: number;
  readonly batches: {
    readonly compared: number;
    /** Not looked at, because there was no time. */
    readonly skipped: number;
    readonly waiting: number;
    /** Compared ones for which claims, volumes or budgets had changed before the candidate's turn. */
    readonly laterObjects: number;
  };
  readonly pods: {
    readonly compared: number;
    readonly skipped: number;
    /** Of a schedulerName that the candidate does not take. */
    readonly foreign: number;
  };
  readonly agreement: Agreement;
  readonly live: ShadowFigures;
  readonly candidate: ShadowFigures;
  /** The last ones first. */
  readonly differences: readonly PlacementDifference[];
  readonly faults: {
    readonly count: number;
    /** The run ends with so many. */
    readonly limit: number;
    /** The last ones first. */
    readonly last: readonly string[];
  };
}

/** A scheduler that was taken out of charge in its probation. */
export interface FallBack {
  readonly plugin: string;
  readonly reason: string;
  /** RFC 3339. */
  readonly at: string;
}

/** Answer of `GET /status`. */
export interface SchedulingStatus {
  readonly inCharge: string | null;
  /** Where `POST /revert` leads. */
  readonly previous: string | null;
  /** Whether this server schedules at present; of several servers one does. */
  readonly active: boolean;
  readonly shadow:
    | (Pick<ShadowReport, 'state' | 'reason' | 'startedAt' | 'agreement'> & { readonly scheduler: string })
    | null;
  readonly probation: { readonly plugin: string; readonly previous: string; readonly endsInMs: number } | null;
  readonly lastFallBack: FallBack | null;
  /** Schedulers outside that are known of: pods of their names are left to them. */
  readonly external: readonly ExternalScheduler[];
}
