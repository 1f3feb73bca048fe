/** The pod conditions that the kubelet owns. Pure. */
import { timestampOf, type Condition, type Pod, type PodContainerStatus } from '@timonel/sdk/kube';
import { isInitialised, isSidecar, newestSandbox } from '../plan/containers.ts';
import type { PodView } from '../plan/view.ts';
import { resizeFindings } from './resize-status.ts';
import type { Phase } from './phase.ts';

export type Finding = Pick<Condition, 'type' | 'status' | 'reason' | 'message' | 'observedGeneration'>;

const owned = new Set(
  'PodReadyToStartContainers Initialized Ready ContainersReady PodScheduled PodResizePending PodResizeInProgress'.split(
    ' ',
  ),
);

/** Of the kubelet: when it has nothing to say of it, there is none. */
export function isOwned(type: string): boolean {
  return owned.has(type);
}

function finding(type: string, holds: boolean, reason?: string, message?: string): Finding {
  return {
    type,
    status: holds ? 'True' : 'False',
    ...(reason === undefined ? {} : { reason }),
    ...(message === undefined ? {} : { message }),
  };
}

function readyToStart(view: PodView): Finding {
  const sandbox = newestSandbox(view);
  // A restarted agent attaches again before it knows the attachment; what runs in the sandbox shows that there is one.
  const inUse = view.containers.some(({ sandboxId, state }) => sandboxId === sandbox?.id && state === 'running');
  const network = view.pod.spec.hostNetwork === true || view.memory.attachment !== undefined || inUse;
  return finding('PodReadyToStartContainers', sandbox?.state === 'ready' && network);
}

function initialised(view: PodView, inits: readonly PodContainerStatus[], phase: Phase): Finding {
  if (phase === 'Succeeded') return finding('Initialized', true, 'PodCompleted');
  if (isInitialised(view)) return finding('Initialized', true);
  const names = inits.filter((status) => !status.ready).map((status) => status.name);
  const message = `containers with incomplete status: [${names.join(' ')}]`;
  return finding('Initialized', false, 'ContainersNotInitialized', message);
}

function containersReady(view: PodView, statuses: readonly PodContainerStatus[], phase: Phase): Finding {
  if (phase === 'Succeeded') return finding('ContainersReady', false, 'PodCompleted');
  if (phase === 'Failed') return finding('ContainersReady', false, 'PodFailed');
  const unready = statuses.filter((status) => !status.ready).map((status) => status.name);
  if (unready.length === 0) return finding('ContainersReady', true);
  const message = `containers with unready status: [${unready.join(' ')}]`;
  return finding('ContainersReady', false, 'ContainersNotReady', message);
}

function ready(pod: Pod, containers: Finding): Finding {
  if (containers.status !== 'True') return { ...containers, type: 'Ready' };
  const problems: string[] = [];
  for (const { conditionType } of pod.spec.readinessGates ?? []) {
    const condition = pod.status?.conditions?.find((entry) => entry.type === conditionType);
    if (condition === undefined)
      problems.push(`corresponding condition of pod readiness gate "${conditionType}" does not exist.`);
    else if (condition.status !== 'True') {
      problems.push(`the status of pod readiness gate "${conditionType}" is not "True", but ${condition.status}`);
    }
  }
  if (problems.length === 0) return finding('Ready', true);
  return finding('Ready', false, 'ReadinessGatesNotReady', problems.join(', '));
}

/** A condition that others write too: theirs stays when the node has nothing to say. */
function disruption({ memory, pod }: PodView): Finding[] {
  const { phase } = pod.status ?? {};
  if (memory.ending?.isDisruption !== true || phase === 'Failed' || phase === 'Succeeded') return [];
  return [finding('DisruptionTarget', true, 'TerminationByKubelet', memory.ending.message)];
}

function gatingStatuses(view: PodView, inits: readonly PodContainerStatus[]): readonly PodContainerStatus[] {
  const sidecars = new Set((view.pod.spec.initContainers ?? []).filter(isSidecar).map((container) => container.name));
  return inits.filter((status) => sidecars.has(status.name));
}

/** The conditions of others are kept; the times of unchanged ones too. */
export function conditionsOf(
  view: PodView,
  statuses: readonly PodContainerStatus[],
  inits: readonly PodContainerStatus[],
  phase: Phase,
  now: number,
): Condition[] {
  const before = view.pod.status?.conditions ?? [];
  const containers = containersReady(view, [...gatingStatuses(view, inits), ...statuses], phase);
  const findings = [
    readyToStart(view),
    initialised(view, inits, phase),
    ready(view.pod, containers),
    containers,
    finding('PodScheduled', true),
    ...resizeFindings(view),
    ...disruption(view),
  ];
  const { generation } = view.pod.metadata;
  const own = findings.map((found): Condition => {
    const old = before.find((entry) => entry.type === found.type);
    const since = old?.status === found.status ? old.lastTransitionTime : undefined;
    return {
      ...(generation === undefined ? {} : { observedGeneration: generation }),
      ...found,
      lastProbeTime: null,
      lastTransitionTime: since ?? timestampOf(now),
    };
  });
  const told = new Set(own.map(({ type }) => type));
  return [...own, ...before.filter(({ type }) => !isOwned(type) && !told.has(type))];
}
