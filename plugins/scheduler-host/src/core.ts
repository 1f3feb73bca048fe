/** What the parts of the host share. */
import type { Env, HookCallers, Logger, PluginContext } from '@timonel/sdk';
import type { ApiClient } from '@timonel/sdk/contracts/api';
import type { PodInfo, schedulerHooks } from '@timonel/sdk/contracts/scheduler';
import type { EventRecorder } from '@timonel/sdk/controller';
import type { Pod } from '@timonel/sdk/kube';
import type { Assumed } from './state/assumed.ts';
import type { ClusterState } from './state/cluster-state.ts';
import type { CurrentScheduler } from './decision/current-scheduler.ts';
import type { DecisionLog } from './decision/decision-log.ts';
import type { Nominations } from './state/nominations.ts';
import type { Observers } from './observers.ts';
import type { PodQueue } from './queue/pod-queue.ts';
import type { PodStatusWriter } from './status/pod-status.ts';
import type { Preemptions } from './preemption/preemptions.ts';
import type { Turn } from './queue/turn.ts';

export interface HostConfig {
  /** The schedulerName of a scheduler that names none. */
  readonly schedulerName: string;
  readonly batchSize: number;
  readonly parallelBindings: number;
  readonly decisionTimeoutMs: number;
  /** How long Reserve, Permit and PreBind of one pod may take together. */
  readonly admissionTimeoutMs: number;
}

/** Figures since the start. */
export interface HostCounts {
  bound: number;
  unschedulable: number;
  bindErrors: number;
  decisionErrors: number;
  preemptions: number;
}

export interface Core {
  readonly api: ApiClient;
  readonly env: Env;
  readonly log: Logger;
  readonly hooks: HookCallers<typeof schedulerHooks>;
  readonly config: HostConfig;
  readonly infoOf: (pod: Pod) => PodInfo;
  readonly state: ClusterState;
  readonly queue: PodQueue;
  readonly nominations: Nominations;
  readonly preemptions: Preemptions;
  readonly assumed: Assumed;
  readonly current: CurrentScheduler;
  readonly status: PodStatusWriter;
  readonly recorder: EventRecorder;
  readonly decisions: DecisionLog;
  readonly turn: Turn;
  readonly counts: HostCounts;
  readonly observer: Observers;
  /** Calls, and cuts off what has not returned in time. */
  readonly within: PluginContext['within'];
  /** Something of our own went wrong. */
  readonly fault: (error: unknown) => void;
  /** This process schedules at present. */
  readonly active: () => boolean;
  /** Ends the admission of a pod that is not bound yet. */
  readonly cancelAdmission: (uid: string, reason: string) => boolean;
  /** Ends all admissions to a node. */
  readonly cancelAdmissionsTo: (nodeName: string) => void;
}
