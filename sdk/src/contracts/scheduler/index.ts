/**
 * A scheduler decides; it never writes. The host (plugin `scheduler-host`) owns the queue, builds snapshots, asks the current
 * scheduler, and binds with a precondition. So a scheduler has nothing to hand over when it is swapped, and a candidate can
 * decide in shadow on the same input.
 */
import { defineService, notifyHook, type HookToken, type ServiceToken } from '../../kernel/index.ts';
import type { Node, Pod } from '../../kube/index.ts';

/** What a pod asks for, summed over its containers as the Kubernetes scheduler does (init containers, overhead). */
export interface PodRequest {
  readonly milliCpu: number;
  readonly memoryBytes: number;
  readonly ephemeralStorageBytes: number;
  /** Extended resources by name. */
  readonly extended: Readonly<Record<string, number>>;
}

/** All nodes in columns: index i is the same node in each. Read-only for schedulers. */
export interface NodeTable {
  readonly count: number;
  readonly names: readonly string[];
  readonly nodes: readonly Node[];
  readonly allocatableMilliCpu: Float64Array;
  readonly allocatableMemoryBytes: Float64Array;
  readonly allocatablePods: Float64Array;
  readonly requestedMilliCpu: Float64Array;
  readonly requestedMemoryBytes: Float64Array;
  readonly podCount: Float64Array;
  /** Pods bound or assumed on each node. */
  readonly pods: readonly (readonly Pod[])[];
}

export interface SchedulerSnapshot {
  /** Grows with each snapshot. */
  readonly generation: number;
  readonly table: NodeTable;
}

export interface PendingPod {
  readonly pod: Pod;
  readonly request: PodRequest;
}

/** Why a group of nodes could not take a pod: one typed reason, and how many nodes have it. */
export interface NodeRejection {
  /** The rule that said no: `NodeResourcesFit`, `TaintToleration`, `NodeAffinity`, `NodeName`, `NodePorts`, `NodeUnschedulable`. */
  readonly rule: string;
  /** Readable, as in the PodScheduled condition: `Insufficient cpu`. */
  readonly reason: string;
  readonly nodeCount: number;
}

export type Decision =
  | { readonly outcome: 'bind'; readonly podUid: string; readonly nodeName: string; readonly score: number }
  | { readonly outcome: 'unschedulable'; readonly podUid: string; readonly rejections: readonly NodeRejection[] };

export interface Scheduler {
  /**
   * Decides for a batch, in order; each decision takes the earlier ones of the batch into account. One decision for each pod,
   * in the same order. The host checks every decision before it binds.
   */
  decide(pods: readonly PendingPod[], snapshot: SchedulerSnapshot): Promise<readonly Decision[]>;
}

/** Token of the scheduler in charge of the profile `default-scheduler`. */
export const scheduler: ServiceToken<Scheduler, 'one'> = defineService<Scheduler>('scheduler', {
  major: 1,
  cardinality: 'one',
});

/** After a pod was bound. */
export interface PodBound {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly nodeName: string;
}

/** The hooks of the scheduler host. */
export const schedulerHooks: { readonly podBound: HookToken<PodBound, { readonly scheduler: string }, void, void> } =
  Object.freeze({
    podBound: notifyHook<PodBound, { readonly scheduler: string }>('scheduler.pod.bound', {
      description: 'After the binding of a pod was written. Called by scheduler-host; the subject must not be changed.',
    }),
  });

export * from './filters.ts';
export * from './framework.ts';
export * from './pod-request.ts';
export * from './scores.ts';
