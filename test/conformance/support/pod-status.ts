/** What a kubelet writes about a pod, for each thing that its containers may do. Pure. */
import type { Condition, ContainerStateStatus, Pod, PodContainerStatus, PodStatus } from '@timonel/sdk/kube';

/**
 * `ready`, or `running` without ever being ready; `pending`: its containers do not start; `exitCode`: all its containers end, and
 * where the pod restarts them, they crash again and again; `failed`: the node refuses or evicts it.
 */
export type Script =
  | 'ready'
  | 'running'
  | 'pending'
  | { readonly exitCode: number; readonly containers?: Readonly<Record<string, number>> }
  | { readonly failed: { readonly reason: string; readonly message?: string; readonly conditions?: Condition[] } };

export interface Surroundings {
  /** As the API writes times. */
  readonly now: string;
  readonly podIP: string;
  readonly hostIP: string;
}

const ownConditions = ['PodReadyToStartContainers', 'Initialized', 'Ready', 'ContainersReady', 'PodScheduled'];

export const isTerminal = ({ status }: Pod): boolean => status?.phase === 'Succeeded' || status?.phase === 'Failed';

export const isReady = ({ status }: Pod): boolean =>
  status?.conditions?.some(({ type, status: value }) => type === 'Ready' && value === 'True') ?? false;

function conditionsOf(pod: Pod, ready: boolean, now: string, reason?: string): Condition[] {
  const before = pod.status?.conditions ?? [];
  const own = ownConditions.map((type): Condition => {
    const isAboutReadiness = type === 'Ready' || type === 'ContainersReady';
    const status = isAboutReadiness && !ready ? 'False' : 'True';
    const old = before.find((condition) => condition.type === type);
    const lastTransitionTime = old?.status === status ? old.lastTransitionTime : now;
    return {
      type,
      status,
      lastProbeTime: null,
      ...(lastTransitionTime === undefined ? {} : { lastTransitionTime }),
      ...(isAboutReadiness && reason !== undefined && status === 'False' ? { reason } : {}),
    };
  });
  return [...own, ...before.filter(({ type }) => !ownConditions.includes(type))];
}

function containersOf(
  pod: Pod,
  states: (name: string) => Partial<PodContainerStatus> & { state: ContainerStateStatus },
): PodContainerStatus[] {
  const before = pod.status?.containerStatuses ?? [];
  return pod.spec.containers.map(({ name, image }) => ({
    name,
    lastState: {},
    ready: false,
    started: false,
    restartCount: before.find((status) => status.name === name)?.restartCount ?? 0,
    image: image ?? '',
    imageID: '',
    containerID: `fake://${pod.metadata.uid ?? ''}/${name}`,
    ...states(name),
  }));
}

function base(pod: Pod, { now, podIP, hostIP }: Surroundings): PodStatus {
  const { generation } = pod.metadata;
  return {
    ...pod.status,
    ...(generation === undefined ? {} : { observedGeneration: generation }),
    hostIP,
    hostIPs: [{ ip: hostIP }],
    podIP: pod.status?.podIP ?? podIP,
    podIPs: pod.status?.podIPs ?? [{ ip: podIP }],
    startTime: pod.status?.startTime ?? now,
  };
}

export function runningStatus(pod: Pod, ready: boolean, around: Surroundings): PodStatus {
  const { now } = around;
  return {
    ...base(pod, around),
    phase: 'Running',
    conditions: conditionsOf(pod, ready, now, 'ContainersNotReady'),
    containerStatuses: containersOf(pod, (name) => {
      const old = pod.status?.containerStatuses?.find((status) => status.name === name);
      return {
        state: { running: { startedAt: old?.state.running?.startedAt ?? now } },
        ...(old === undefined ? {} : { lastState: old.lastState }),
        ready,
        started: true,
      };
    }),
  };
}

const terminated = (exitCode: number, now: string): ContainerStateStatus => ({
  terminated: { exitCode, reason: exitCode === 0 ? 'Completed' : 'Error', startedAt: now, finishedAt: now },
});

/** The pod is over: no container runs, none will. */
export function endedStatus(pod: Pod, codeOf: (container: string) => number, around: Surroundings): PodStatus {
  const { now } = around;
  const failed = pod.spec.containers.some(({ name }) => codeOf(name) !== 0);
  return {
    ...base(pod, around),
    phase: failed ? 'Failed' : 'Succeeded',
    conditions: conditionsOf(pod, false, now, failed ? 'PodFailed' : 'PodCompleted'),
    containerStatuses: containersOf(pod, (name) => ({ state: terminated(codeOf(name), now) })),
  };
}

/** The containers have ended, and are started anew only after a back-off. */
export function crashingStatus(pod: Pod, codeOf: (container: string) => number, around: Surroundings): PodStatus {
  const { now } = around;
  return {
    ...base(pod, around),
    phase: 'Running',
    conditions: conditionsOf(pod, false, now, 'ContainersNotReady'),
    containerStatuses: containersOf(pod, (name) => {
      const old = pod.status?.containerStatuses?.find((status) => status.name === name);
      return {
        state: { waiting: { reason: 'CrashLoopBackOff', message: 'back-off restarting failed container' } },
        lastState: terminated(codeOf(name), now),
        restartCount: (old?.restartCount ?? 0) + 1,
      };
    }),
  };
}

export function failedStatus(
  pod: Pod,
  { reason, message, conditions = [] }: { reason: string; message?: string; conditions?: readonly Condition[] },
  around: Surroundings,
): PodStatus {
  const added = new Set(conditions.map(({ type }) => type));
  return {
    ...base(pod, around),
    phase: 'Failed',
    reason,
    ...(message === undefined ? {} : { message }),
    conditions: [
      ...conditionsOf(pod, false, around.now, 'PodFailed').filter(({ type }) => !added.has(type)),
      ...conditions.map((condition) => ({ lastTransitionTime: around.now, ...condition })),
    ],
  };
}

/** What a pod is to be said to do, or undefined when it is said already. */
export function statusBy(script: Script, pod: Pod, around: Surroundings): PodStatus | undefined {
  const phase = pod.status?.phase ?? 'Pending';
  if (isTerminal(pod) || script === 'pending') return undefined;
  if (script === 'ready' || script === 'running') {
    const ready = script === 'ready';
    const isRunning = phase === 'Running' && !isCrashing(pod);
    return isRunning && isReady(pod) === ready ? undefined : runningStatus(pod, ready, around);
  }
  if ('failed' in script) return failedStatus(pod, script.failed, around);
  const codeOf = (container: string): number => script.containers?.[container] ?? script.exitCode;
  const { restartPolicy = 'Always' } = pod.spec;
  const restarts = restartPolicy === 'Always' || (restartPolicy === 'OnFailure' && script.exitCode !== 0);
  if (!restarts) return endedStatus(pod, codeOf, around);
  return isCrashing(pod) ? undefined : crashingStatus(pod, codeOf, around);
}

function isCrashing({ status }: Pod): boolean {
  return status?.containerStatuses?.some(({ state }) => state.waiting?.reason === 'CrashLoopBackOff') ?? false;
}
