/**
 * A scheduler decides; it never writes. The host (plugin `scheduler-host`) owns the queue, keeps the snapshot, asks the current
 * scheduler, and binds with a precondition. So a scheduler has nothing to hand over when it is swapped, and a candidate can
 * decide in shadow on the same input.
 */
import { defineService, notifyHook, type HookToken, type ServiceToken } from '../../kernel/index.ts';
import type { Decision, PodExplanation } from './decision.ts';
import type { ExternalSchedulers } from './external.ts';
import type { QueuedPod, SchedulingPlugin } from './extension-points.ts';
import type { PodInfo } from './pod-info.ts';
import type { RequeueHint } from './requeue.ts';
import type { SchedulerSnapshot } from './snapshot.ts';
import type { Status } from './status.ts';

/** What the host asks a scheduler beside its decisions. All of it may be left out. */
export interface SchedulerTraits {
  /** Values of `spec.schedulerName` that it takes. Default: `default-scheduler`. */
  profiles?(): readonly string[];
  /** Default: by priority, then by age. */
  compare?(a: QueuedPod, b: QueuedPod): number;
  /** Default: refuses pods with scheduling gates. */
  preEnqueue?(pod: PodInfo): Status;
  /** Which events may help a pod that the plugin refused. Default: every event. */
  requeueHints?(plugin: string): readonly RequeueHint[] | undefined;
  /** False: `admit` would answer `bind` to this pod at once, so it is not asked. Default: true. */
  admits?(pod: PodInfo): boolean;
  /** Reserve, Permit, PreBind and Bind. `bound`: a plugin has written the binding. Default: success. */
  admit?(pod: PodInfo, nodeName: string, signal: AbortSignal): Promise<Admission>;
  /** PostBind, or Unreserve when it came to nothing. */
  settled?(pod: PodInfo, nodeName: string, bound: boolean): void;
  /** The plugin of the framework that runs at this moment; for blame. */
  running?(): string | undefined;
  /** Faults of the plugins of the framework so far, and which are out of work because of them. */
  faults?(): readonly PluginFaults[];
}

export type Admission =
  | { readonly outcome: 'bind' }
  | { readonly outcome: 'bound' }
  | { readonly outcome: 'refused'; readonly plugin: string; readonly reason: string };

export interface PluginFaults {
  readonly plugin: string;
  readonly faults: number;
  readonly lastFault: string;
  readonly quarantined: boolean;
}

export interface Scheduler {
  /**
   * Decides for a batch, in order; each decision takes the earlier ones of the batch into account. One decision for each pod,
   * in the same order. The host checks every decision before it binds.
   */
  decide(pods: readonly PodInfo[], snapshot: SchedulerSnapshot): Promise<readonly Decision[]>;
  /** What it would say to a pod now. Decides nothing. */
  explain?(pod: PodInfo, snapshot: SchedulerSnapshot): Promise<PodExplanation>;
  readonly traits?: SchedulerTraits;
}

/** Token of the scheduler in charge. */
export const scheduler: ServiceToken<Scheduler, 'one'> = defineService<Scheduler>('scheduler', {
  major: 2,
  cardinality: 'one',
});

/** Makes plugins of the scheduling framework, for the schedulers that are built on it. */
export interface SchedulingPlugins {
  /** Called once for each scheduler: a plugin may keep state of its own. */
  make(): readonly SchedulingPlugin[];
}

/** Token of plugins that add to the scheduling framework. A profile enables them by their names. */
export const schedulingPlugins: ServiceToken<SchedulingPlugins, 'many'> = defineService<SchedulingPlugins, 'many'>(
  'scheduling.plugins',
  { major: 1, cardinality: 'many', sync: ['make'] },
);

/** Token of those who know of schedulers outside, whose pods are left to them. */
export const externalSchedulers: ServiceToken<ExternalSchedulers, 'many'> = defineService<ExternalSchedulers, 'many'>(
  'scheduler.external',
  { major: 1, cardinality: 'many', sync: ['list'] },
);

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

export * from './decision.ts';
export * from './extension-points.ts';
export * from './external.ts';
export * from './pod-info.ts';
export * from './requeue.ts';
export * from './snapshot.ts';
export * from './status.ts';
export * from './view.ts';
