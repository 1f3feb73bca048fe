/** What a scheduler answers. */

/** Why a group of nodes could not take a pod: one reason of one plugin, and how many nodes have it. */
export interface NodeRejection {
  /** The plugin of the scheduling framework that said no: `NodeResourcesFit`. */
  readonly plugin: string;
  /** For programs: `insufficient-cpu`. */
  readonly code: string;
  /** For people, as in the PodScheduled condition: `Insufficient cpu`. */
  readonly reason: string;
  readonly nodeCount: number;
  /** Some of the nodes, three at most. */
  readonly nodes: readonly string[];
  /** Whether the removal of pods could help. */
  readonly resolvable: boolean;
}

/** What a node was worth. */
export interface NodeScore {
  readonly nodeName: string;
  /** The weighted sum. */
  readonly total: number;
  /** By plugin: its score 0 … 100, without its weight. */
  readonly scores: Readonly<Record<string, number>>;
}

/** A pod that must go to make room. */
export interface Victim {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly priority: number;
}

export interface BindDecision {
  readonly outcome: 'bind';
  readonly podUid: string;
  readonly nodeName: string;
  /** The chosen node first, then the runners-up. May be empty. */
  readonly scores: readonly NodeScore[];
  /** Nodes that could take it. */
  readonly feasibleNodes: number;
}

export interface UnschedulableDecision {
  readonly outcome: 'unschedulable';
  readonly podUid: string;
  readonly rejections: readonly NodeRejection[];
  /** What does not concern single nodes: `pod group "a/b": 3 of 5 members fit`. */
  readonly message?: string;
  /** Why preemption does not help: `No preemption victims found for incoming pod`. */
  readonly preemption?: string;
}

export interface PreemptDecision {
  readonly outcome: 'preempt';
  readonly podUid: string;
  /** The pod goes there once the victims have gone. */
  readonly nodeName: string;
  readonly victims: readonly Victim[];
  /** Why no node could take it as it is. */
  readonly rejections: readonly NodeRejection[];
}

/** A plugin broke its contract: the pod is tried again, the plugin is blamed. */
export interface FailedDecision {
  readonly outcome: 'error';
  readonly podUid: string;
  readonly plugin: string;
  readonly message: string;
}

export type Decision = BindDecision | UnschedulableDecision | PreemptDecision | FailedDecision;

/** Nodes that refuse a pod for one reason, with what would help. */
export interface ExplainedRejection extends NodeRejection {
  /** Figures and names behind the reason; its shape depends on `code`: `{ resource, requested, free, short, node }`. */
  readonly detail: Readonly<Record<string, unknown>>;
  /** The smallest change that would help this group: `free 200m cpu on one of 3 nodes`. */
  readonly unblock: string;
}

/** All that a scheduler can say about a pod at this moment. */
export interface PodExplanation {
  readonly feasibleNodes: number;
  readonly rejections: readonly ExplainedRejection[];
  /** The best nodes now, when there are any. */
  readonly scores: readonly NodeScore[];
  /** What preemption would do, or why it can do nothing. */
  readonly preemption: string;
}
