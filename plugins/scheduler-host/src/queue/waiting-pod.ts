/** A pod in the queue, and the rules of the scheduler in charge that the queue goes by. */
import type { PodInfo, QueuedPod, RequeueHint, Status } from '@timonel/sdk/contracts/scheduler';
import type { HeapMember } from './heap.ts';

export type Place = 'active' | 'backoff' | 'unschedulable' | 'gated' | 'deciding';

export interface WaitingPod extends QueuedPod, HeapMember {
  pod: PodInfo;
  readonly uid: string;
  readonly sequence: number;
  attempts: number;
  place: Place;
  /** Monotonic ms: when it came. */
  readonly addedMs: number;
  /** When its last attempt ended. */
  triedMs: number;
  /** When it leaves its place by itself. */
  notBefore: number;
  /** Events after this number came during its decision. */
  mark: number;
  /** Its spec or the rules changed during its decision. */
  moved: boolean;
  /** Who refused it. Empty: nobody in particular, so that every event may help. */
  plugins: readonly string[];
  /** Why it may not enter the queue. */
  gate: Status | undefined;
}

export interface QueueRules {
  /** Negative when `a` goes first. Must not throw. */
  compare(a: QueuedPod, b: QueuedPod): number;
  preEnqueue(pod: PodInfo): Status;
  /** undefined: every event may help. */
  requeueHints(plugin: string): readonly RequeueHint[] | undefined;
}

export const gatesReason = 'scheduling-gates';

/** By priority, then by age. */
export function byPriority(a: QueuedPod, b: QueuedPod): number {
  return b.pod.class.priority - a.pod.class.priority || a.sequence - b.sequence;
}

/** Pods with scheduling gates may not enter, whatever a scheduler says: the API refuses their binding. */
export function gatesOf(pod: PodInfo): Status {
  const gates = pod.pod.spec.schedulingGates ?? [];
  if (gates.length === 0) return { code: 'success' };
  return {
    code: 'pending',
    reasonCode: gatesReason,
    reason: 'Scheduling is blocked due to non-empty scheduling gates',
  };
}

/** A pod that comes to the queue, in no place as yet. */
export function newWaitingPod(pod: PodInfo, sequence: number, nowMs: number): WaitingPod {
  return {
    pod,
    uid: pod.uid,
    sequence,
    attempts: 0,
    place: 'gated',
    addedMs: nowMs,
    triedMs: nowMs,
    notBefore: 0,
    mark: 0,
    moved: false,
    plugins: [],
    gate: undefined,
    heapIndex: -1,
  };
}
