/**
 * The extension points of the scheduling framework, in the order of a cycle. A plugin implements as many as it needs. Filters and
 * scores see many nodes at once; `perNode` makes them of functions of one node.
 * Source: Kubernetes, "Scheduling Framework" (KEP-624).
 */
import type { PodClass, PodInfo } from './pod-info.ts';
import type { RequeueHint } from './requeue.ts';
import type { Status } from './status.ts';
import type { NodeRejection, Victim } from './decision.ts';
import type { ClusterView } from './view.ts';

/** The nodes that are asked about. It is filled again for the next call: keep nothing of it, and change nothing in it. */
export interface NodeBatch {
  /** Indices into the columns of `view`; the first `count` are valid. */
  readonly rows: Int32Array;
  readonly count: number;
  readonly view: ClusterView;
}

/**
 * Why a filter rejects a node. Make them once: the same object for the same reason. Of a plugin with more than 512 the further ones are shown
 * as `other reasons`.
 */
export interface Reason {
  /** For programs: `insufficient-cpu`. */
  readonly code: string;
  /** For people: `Insufficient cpu`. */
  readonly text: string;
  /** Whether the removal of pods from the node could help. */
  readonly resolvable: boolean;
}

export interface Verdicts {
  /** Without effect for rows that are not in the batch. */
  reject(row: number, reason: Reason): void;
}

/**
 * What a verdict or score depends on. `row`: what pods with the same `rowKey` have in common (not their labels, not their namespace), the node
 * and its pods, nothing else; it is kept until the row changes, and with it what PreFilter and PreScore have left. Objects like claims count
 * only for pods that have claims. `cluster`: everything; asked for every pod.
 */
export type Scope = 'row' | 'cluster';

/**
 * What PreFilter or PreScore leaves for the plugin's other methods. With the scope `cluster` for one pod; with `row` for all pods of one kind,
 * as long as verdicts about them are kept: so it must not hold what is true at one moment only, like columns or counts.
 */
export type PluginState = unknown;

export interface PreFilterResult {
  readonly status: Status;
  /** Only these nodes can do, by name. */
  readonly nodeNames?: readonly string[];
  readonly state?: PluginState;
}

export interface Explained {
  readonly detail: Readonly<Record<string, unknown>>;
  readonly unblock: string;
}

export interface SchedulingPlugin {
  /** As in configuration and verdicts: `NodeResourcesFit`. */
  readonly name: string;
  /** Which events may change its refusals. Default: every event. */
  readonly requeueHints?: readonly RequeueHint[];

  /** May the pod enter the queue? `success`, or `pending` with the reason. */
  preEnqueue?(pod: PodInfo): Status;
  /** Order of the queue: negative when `a` goes first. One enabled plugin must have it. */
  queueSort?(a: QueuedPod, b: QueuedPod): number;

  /** Looks at the pod before nodes are. `skip`: `filter` has nothing to say to this pod. */
  preFilter?(pod: PodInfo, view: ClusterView): PreFilterResult;
  /** Default: `row`. */
  readonly filterScope?: Scope;
  /** Rejects the nodes of the batch that cannot take the pod. */
  filter?(pod: PodInfo, nodes: NodeBatch, verdicts: Verdicts, state: PluginState): void;
  /** More about a refusal, on demand. `nodes`: those that were rejected for `reason`. */
  explain?(pod: PodInfo, nodes: NodeBatch, reason: Reason, state: PluginState): Explained;

  /** When no node can take the pod: what could be done. `success`: go on to the next plugin with nothing. */
  postFilter?(pod: PodInfo, context: PostFilterContext): PostFilterResult;

  /** `skip`: `score` has nothing to say to this pod. `nodes`: those that can take it. */
  preScore?(pod: PodInfo, nodes: NodeBatch): { readonly status: Status; readonly state?: PluginState };
  /** Default: `row`. */
  readonly scoreScope?: Scope;
  /** Default: 1. */
  readonly weight?: number;
  /**
   * Writes `scores[row]` for the rows of the batch, where 0 stands before. 0 … 100 when there is no `normalize`, 0 or more with `max` and
   * `reverse-max`, any finite number with a function.
   */
  score?(pod: PodInfo, nodes: NodeBatch, scores: Float64Array, state: PluginState): void;
  /**
   * Brings scores to 0 … 100 over all nodes that can take the pod. `max`: the highest becomes 100; `reverse-max`: the highest becomes 0
   * and 0 becomes 100.
   */
  readonly normalize?: 'max' | 'reverse-max' | ((scores: Float64Array, nodes: NodeBatch) => void);

  /**
   * Whether the methods below have anything to do with pods of the class. Asked once for each class; pods that no plugin has anything to do
   * with are bound without a detour. Default: yes.
   */
  takesPart?(podClass: PodClass): boolean;
  /** A node was chosen. On anything but `success` the pod is tried again later. */
  reserve?(pod: PodInfo, nodeName: string): Status;
  /** Undoes `reserve`: in reverse order, also of plugins that were not reached. Must be idempotent and must not throw. */
  unreserve?(pod: PodInfo, nodeName: string): void;
  /** `success`, a refusal, or `wait` until `allow` or `reject` of the handle is called. */
  permit?(pod: PodInfo, nodeName: string, handle: PermitHandle): Status;
  /** Before the binding is written: volumes, for example. */
  preBind?(pod: PodInfo, nodeName: string): Promise<Status>;
  /** `skip`: the next plugin binds; when all skip, the host writes the Binding. */
  bind?(pod: PodInfo, nodeName: string): Promise<Status>;
  postBind?(pod: PodInfo, nodeName: string): void;
}

/** A pod in the queue. */
export interface QueuedPod {
  readonly pod: PodInfo;
  /** Grows with each pod that enters the queue. */
  readonly sequence: number;
  readonly attempts: number;
}

export interface PermitHandle {
  /** The plugin has no objection any more. */
  allow(): void;
  reject(reason: string): void;
}

/** A node on which pods are taken off and put back to see whether another fits. Nobody else sees it. */
export interface NodeTrial {
  /** Takes one of the node's pods off. */
  remove(pod: PodInfo): void;
  /** Puts one back. */
  add(pod: PodInfo): void;
  /** Whether the pod in question passes all filters here now. */
  fits(): boolean;
}

export interface PostFilterContext {
  readonly view: ClusterView;
  readonly rejections: readonly NodeRejection[];
  /** Rows whose refusals could be resolved by the removal of pods. */
  readonly resolvableRows: Int32Array;
  /** Whether verdicts on this pod depend on the class and the row alone, so that what was found about a row holds until it changes. */
  readonly rowsAlone: boolean;
  /** Grows with every change of the row, but not during a trial. */
  rowVersion(row: number): number;
  /** Everything is as it was when `work` has returned. */
  trial<T>(row: number, work: (trial: NodeTrial) => T): T;
}

export type PostFilterResult =
  | { readonly outcome: 'nothing'; readonly why: string }
  | { readonly outcome: 'preempt'; readonly row: number; readonly victims: readonly Victim[] };
