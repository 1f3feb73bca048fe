/** What an explanation of a pod is made from. */
import type { Clock } from '@timonel/sdk';
import type { ExternalScheduler, PodInfo, Scheduler, SchedulerSnapshot } from '@timonel/sdk/contracts/scheduler';
import type { Node, Pod } from '@timonel/sdk/kube';
import type { LoggedDecision } from '../decision/decision-log.ts';
import type { WaitingPod } from '../queue/waiting-pod.ts';
import type { AttemptFailure } from './attempt-failures.ts';

export type { LoggedDecision } from '../decision/decision-log.ts';
export { unschedulableMessage } from '../status/message.ts';

export type QueuedState = Pick<
  WaitingPod,
  'attempts' | 'place' | 'addedMs' | 'triedMs' | 'notBefore' | 'plugins' | 'gate'
>;

/** The scheduler in charge. */
export interface InCharge {
  readonly name: string;
  readonly service: Scheduler;
  /** Values of `spec.schedulerName` that it takes. */
  readonly profiles: ReadonlySet<string>;
}

export interface PodExplainerParts {
  readonly clock: Clock;
  readonly snapshot: SchedulerSnapshot;
  readonly podNamed: (namespace: string, name: string) => Promise<Pod | undefined>;
  readonly nodeNamed: (name: string) => Node | undefined;
  readonly infoOf: (pod: Pod) => PodInfo;
  /** Its place in the queue. */
  readonly waiting: (uid: string) => QueuedState | undefined;
  /** The oldest first. */
  readonly decisionsOf: (uid: string) => readonly LoggedDecision[];
  /** What became of the last decision to bind it, if nothing. */
  readonly failureOf: (uid: string) => AttemptFailure | undefined;
  /** Whether it waits for pods to leave the node that it is nominated for. */
  readonly waitsForVictims: (uid: string) => boolean;
  /** The node of a binding that is under way. */
  readonly assumedNode: (uid: string) => string | undefined;
  /** undefined: there is none. */
  readonly inCharge: () => InCharge | undefined;
  /** A scheduler outside that is known to be somewhere. */
  readonly externalNamed: (schedulerName: string) => ExternalScheduler | undefined;
  /** Whether this process schedules at present. */
  readonly leads: () => boolean;
}
