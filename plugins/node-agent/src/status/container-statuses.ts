/** core/v1 ContainerStatus of each container, worded as the kubelet words it. Pure. */
import type { ContainerStatus } from '@timonel/sdk/contracts/runtime';
import {
  timestampOf,
  type Container,
  type ContainerStateStatus,
  type ContainerStateTerminated,
  type PodContainerStatus,
} from '@timonel/sdk/kube';
import { restartAllowedAt } from '../plan/back-off.ts';
import {
  finishedBefore,
  isFinished,
  isSidecar,
  latestTry,
  reportedStatuses,
  runtimeIdOf,
  verdictOf,
  type ContainerKind,
} from '../plan/containers.ts';
import { runsAgain } from '../plan/restart-policy.ts';
import { labelKeys } from '../plan/identity.ts';
import { podText } from '../plan/pod-text.ts';
import { traitsOf } from './container-traits.ts';
import { resourcesShown } from './resize-status.ts';
import { failedMount, pullErrorShownMs, pullReasons, type PodView, type StartFailure } from '../plan/view.ts';

export function containerStatuses(view: PodView, now: number): PodContainerStatus[] {
  return view.pod.spec.containers.map((container) => statusOf(view, container, 'main', now));
}

export function initContainerStatuses(view: PodView, now: number): PodContainerStatus[] {
  const inits = view.pod.spec.initContainers ?? [];
  return inits.map((container) => statusOf(view, container, isSidecar(container) ? 'sidecar' : 'init', now));
}

export function ephemeralContainerStatuses(view: PodView, now: number): PodContainerStatus[] {
  return (view.pod.spec.ephemeralContainers ?? []).map((container) => {
    // Nobody waits for them to be ready: the kubelet does not say.
    const { started: _started, ...status } = statusOf(view, container, 'ephemeral', now);
    return status;
  });
}

export function terminatedState(container: ContainerStatus): ContainerStateTerminated {
  const exitCode = container.exitCode ?? 255;
  return {
    exitCode,
    ...(container.signal === undefined || container.signal === 0 ? {} : { signal: container.signal }),
    reason: container.reason === '' ? (exitCode === 0 ? 'Completed' : 'Error') : container.reason,
    ...(container.message === '' ? {} : { message: container.message }),
    startedAt: timestampOf(container.startedAt),
    finishedAt: timestampOf(container.finishedAt),
    containerID: runtimeIdOf(container.id),
  };
}

function waiting(reason: string, message?: string): ContainerStateStatus {
  return { waiting: { reason, ...(message === undefined || message === '' ? {} : { message }) } };
}

function beginning({ pod }: PodView, message?: string): ContainerStateStatus {
  const hasInits = (pod.spec.initContainers ?? []).length > 0;
  return waiting(hasInits ? 'PodInitializing' : 'ContainerCreating', message);
}

function failureState(view: PodView, failure: StartFailure, image: string, now: number): ContainerStateStatus {
  if (pullReasons.has(failure.reason) && now - failure.failedAt >= pullErrorShownMs) {
    const { reason, message } = failure;
    return waiting('ImagePullBackOff', `Back-off pulling image "${image}": ${reason}: ${message}`);
  }
  // The kubelet makes volumes ready before it begins, so to it the container is only about to be made.
  if (failure.reason === failedMount) return beginning(view, failure.message);
  return waiting(failure.reason, failure.message);
}

/** What the API knows of an earlier try, when the runtime's record of it is gone. */
function reportedBefore(view: PodView, name: string): PodContainerStatus | undefined {
  return reportedStatuses(view.pod).find((entry) => entry.name === name);
}

function lastStateOf(view: PodView, name: string, attempt: number): ContainerStateStatus {
  const before = finishedBefore(view, name, attempt);
  if (before !== undefined) return { terminated: terminatedState(before) };
  const reported = reportedBefore(view, name);
  if (reported?.restartCount !== attempt || reported.lastState === undefined) return {};
  return reported.lastState;
}

function stateOf(view: PodView, container: Container, kind: ContainerKind, now: number): ContainerStateStatus {
  const { name } = container;
  const finished = view.memory.finished.get(name);
  const counts = kind === 'main' || kind === 'ephemeral';
  const isLast = finished !== undefined && (ends(view) || !runsAgain(view.pod, container, finished.exitCode, kind));
  const forGood = counts && isLast;
  const latest = latestTry(view, name) ?? (forGood ? finished : undefined);
  const failure = view.memory.starts.get(name);
  const isStarting = latest !== undefined && view.memory.hooks.has(latest.id);
  if (latest?.state === 'running' && !isStarting) return { running: { startedAt: timestampOf(latest.startedAt) } };
  if (failure !== undefined && !isStarting) return failureState(view, failure, container.image ?? '', now);
  if (latest?.state !== 'exited') return beginning(view);
  const entry = view.memory.restarts.get(name);
  const allowedAt = restartAllowedAt(entry, latest.finishedAt);
  if (allowedAt > now && runsAgain(view.pod, container, latest.exitCode, kind) && !ends(view)) {
    const seconds = Math.round((allowedAt - latest.finishedAt) / 1000);
    const pod = podText(view.pod);
    return waiting('CrashLoopBackOff', `back-off ${duration(seconds)} restarting failed container=${name} pod=${pod}`);
  }
  return { terminated: terminatedState(latest) };
}

function ends(view: PodView): boolean {
  return view.gone || view.pod.metadata.deletionTimestamp !== undefined || isFinished(view);
}

/** As Go prints a duration of whole seconds: `10s`, `1m20s`, `5m0s`. */
function duration(seconds: number): string {
  return seconds < 60 ? `${seconds}s` : `${Math.floor(seconds / 60)}m${seconds % 60}s`;
}

function isReady(
  view: PodView,
  container: Container,
  latest: ContainerStatus | undefined,
  kind: ContainerKind,
): boolean {
  if (latest === undefined || kind === 'ephemeral') return false;
  if (kind === 'init') return latest.state === 'exited' && latest.exitCode === 0;
  if (latest.state !== 'running') return false;
  return verdictOf(view, container, latest.id).ready;
}

function statusOf(view: PodView, container: Container, kind: ContainerKind, now: number): PodContainerStatus {
  const latest = latestTry(view, container.name) ?? view.memory.finished.get(container.name);
  const reported = reportedBefore(view, container.name);
  if (latest === undefined && reported?.state?.terminated !== undefined && ends(view)) return reported;
  const state = stateOf(view, container, kind, now);
  // While it waits for the next try, the try that just ended is the last state.
  const attempt = latest?.attempt ?? reported?.restartCount ?? 0;
  const lastState = lastStateOf(view, container.name, state.waiting === undefined ? attempt : attempt + 1);
  const shown = latest ?? finishedBefore(view, container.name, Number.POSITIVE_INFINITY);
  const started = latest?.state === 'running' && verdictOf(view, container, latest.id).started;
  return {
    name: container.name,
    state,
    lastState,
    ready: isReady(view, container, latest, kind),
    restartCount: attempt,
    image: shown?.imageReference ?? container.image ?? '',
    imageID: shown?.labels[labelKeys.imageDigest] ?? shown?.imageId ?? '',
    ...(shown === undefined ? {} : { containerID: runtimeIdOf(shown.id) }),
    started,
    ...resourcesShown(view, container, shown),
    ...traitsOf(view, container, shown, reported),
  };
}
