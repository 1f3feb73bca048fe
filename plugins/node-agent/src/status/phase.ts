/** The phase of a pod from the states of its containers, by the kubelet's rules. Pure. */
import type { Container, PodContainerStatus } from '@timonel/sdk/kube';
import { deadlineAt, initFailed, isInitialised } from '../plan/containers.ts';
import { runsAgain } from '../plan/restart-policy.ts';
import type { PodView } from '../plan/view.ts';

export type Phase = 'Pending' | 'Running' | 'Succeeded' | 'Failed';

interface Count {
  waiting: number;
  running: number;
  stopped: number;
  succeeded: number;
}

function count(statuses: readonly PodContainerStatus[]): Count {
  const result: Count = { waiting: 0, running: 0, stopped: 0, succeeded: 0 };
  for (const { state, lastState } of statuses) {
    if (state.running !== undefined) result.running += 1;
    else if (state.terminated !== undefined) {
      result.stopped += 1;
      if (state.terminated.exitCode === 0) result.succeeded += 1;
    } else if (lastState.terminated === undefined) result.waiting += 1;
    else result.stopped += 1;
  }
  return result;
}

export function isPastDeadline(view: PodView, now: number): boolean {
  const deadline = deadlineAt(view.pod);
  return deadline !== undefined && deadline <= now;
}

/** `statuses`: of the main containers. */
export function phaseOf(view: PodView, statuses: readonly PodContainerStatus[], now: number): Phase {
  const reported = view.pod.status?.phase;
  if (reported === 'Succeeded' || reported === 'Failed') return reported;
  if (view.memory.rejection !== undefined) return 'Failed';
  const isEnded = view.memory.ending !== undefined || isPastDeadline(view, now);
  const phase = isEnded ? 'Failed' : phaseByContainers(view, statuses);
  const isOver = phase === 'Succeeded' || phase === 'Failed';
  const duringTheEnd = reported === 'Running' ? 'Running' : 'Pending';
  // Whoever reads that a pod is over may start another in its place, and a delete of it takes effect at once.
  return isOver && view.containers.some(({ state }) => state === 'running') ? duringTheEnd : phase;
}

function phaseByContainers(view: PodView, statuses: readonly PodContainerStatus[]): Phase {
  const { waiting, running, stopped, succeeded } = count(statuses);
  if (!isInitialised(view)) return initFailed(view) ? 'Failed' : 'Pending';
  if (waiting > 0) return 'Pending';
  if (running > 0) return 'Running';
  if (stopped === 0) return 'Pending';
  const ends = view.pod.metadata.deletionTimestamp !== undefined;
  if (!ends && view.pod.spec.containers.some((container) => comesBack(view, container, statuses))) return 'Running';
  return stopped === succeeded ? 'Succeeded' : 'Failed';
}

function comesBack({ pod }: PodView, container: Container, statuses: readonly PodContainerStatus[]): boolean {
  const { state, lastState } = statuses.find(({ name }) => name === container.name) ?? { state: {}, lastState: {} };
  const ended = state.terminated ?? lastState.terminated;
  return ended !== undefined && runsAgain(pod, container, ended.exitCode, 'main');
}
