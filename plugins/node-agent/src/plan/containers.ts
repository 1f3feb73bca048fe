/** Questions about a pod's containers that plan and status both ask. Pure. */
import type { ContainerStatus, SandboxStatus } from '@timonel/sdk/contracts/runtime';
import type { Container, EphemeralContainer, Pod, PodContainerStatus } from '@timonel/sdk/kube';
import { rfc3339Ms } from '../times.ts';
import { runsAgain } from './restart-policy.ts';
import type { PodView, ProbeVerdict } from './view.ts';

/** The newest sandbox, whatever its state. */
export function newestSandbox(view: PodView): SandboxStatus | undefined {
  let newest: SandboxStatus | undefined;
  for (const sandbox of view.sandboxes) {
    if (newest === undefined || sandbox.createdAt >= newest.createdAt) newest = sandbox;
  }
  return newest;
}

/** The try with the highest number. */
export function latestTry(view: PodView, name: string): ContainerStatus | undefined {
  let latest: ContainerStatus | undefined;
  for (const container of view.containers) {
    if (container.name === name && (latest === undefined || container.attempt > latest.attempt)) latest = container;
  }
  return latest;
}

export function runningTry(view: PodView, name: string): ContainerStatus | undefined {
  const latest = latestTry(view, name);
  return latest?.state === 'running' ? latest : undefined;
}

/** The latest finished try before `attempt`. */
export function finishedBefore(view: PodView, name: string, attempt: number): ContainerStatus | undefined {
  let found = view.memory.finished.get(name);
  if (found !== undefined && found.attempt >= attempt) found = undefined;
  for (const container of view.containers) {
    if (container.name !== name || container.state !== 'exited' || container.attempt >= attempt) continue;
    if (found === undefined || container.attempt > found.attempt) found = container;
  }
  return found;
}

/** Number of the next try. */
export function nextAttempt(view: PodView, name: string): number {
  const known = [latestTry(view, name)?.attempt ?? -1, view.memory.finished.get(name)?.attempt ?? -1];
  return Math.max(...known) + 1;
}

/** An init container that stays (a sidecar). */
export function isSidecar(container: Container): boolean {
  return container.restartPolicy === 'Always';
}

/** That which the pod names in place of the image's. */
export function stopSignalOf({ lifecycle }: Container): string | undefined {
  return lifecycle?.['stopSignal'] as string | undefined;
}

/** Main, init and ephemeral ones. */
export function allContainers({ spec }: Pod): EphemeralContainer[] {
  return [...spec.containers, ...(spec.initContainers ?? []), ...(spec.ephemeralContainers ?? [])];
}

export function containerNamed(pod: Pod, name: string): EphemeralContainer | undefined {
  return allContainers(pod).find((container) => container.name === name);
}

/** What the API knows of them. */
export function reportedStatuses({ status }: Pod): PodContainerStatus[] {
  return [
    ...(status?.containerStatuses ?? []),
    ...(status?.initContainerStatuses ?? []),
    ...(status?.ephemeralContainerStatuses ?? []),
  ];
}

export type ContainerKind = 'init' | 'sidecar' | 'main' | 'ephemeral';

/** All init containers have done their part, or a main container shows that they had. */
export function isInitialised(view: PodView): boolean {
  const inits = view.pod.spec.initContainers ?? [];
  if (inits.length === 0) return true;
  const sandbox = newestSandbox(view);
  // After the machine started again, what ended for good is known by the API alone.
  if (sandbox === undefined) return areMainsOver(view);
  const here = { ...view, containers: view.containers.filter((container) => container.sandboxId === sandbox.id) };
  if (view.pod.spec.containers.some((container) => latestTry(here, container.name) !== undefined)) return true;
  return inits.every((container) => initDone(here, container));
}

export function initDone(view: PodView, container: Container): boolean {
  const latest = latestTry(view, container.name);
  if (latest === undefined) return false;
  if (!isSidecar(container)) return latest.state === 'exited' && latest.exitCode === 0;
  return latest.state === 'running' && verdictOf(view, container, latest.id).started;
}

/** An init container failed for good. */
export function initFailed(view: PodView): boolean {
  if (isInitialised(view)) return false;
  return (view.pod.spec.initContainers ?? []).some((container) => {
    if (isSidecar(container)) return false;
    const latest = latestTry(view, container.name);
    const failed = latest?.state === 'exited' && latest.exitCode !== 0;
    return failed && !runsAgain(view.pod, container, latest.exitCode, 'init');
  });
}

/** Nothing of the pod will run again: every main container ended for good, or initialisation failed for good. */
export function isFinished(view: PodView): boolean {
  if (view.memory.rejection !== undefined || view.memory.ending !== undefined) return true;
  if (view.pod.status?.phase === 'Succeeded' || view.pod.status?.phase === 'Failed') return true;
  return initFailed(view) || areMainsOver(view);
}

/** Every main container ended for good. */
function areMainsOver(view: PodView): boolean {
  if (view.pod.spec.containers.length === 0) return false;
  return view.pod.spec.containers.every((container) => {
    const latest = latestTry(view, container.name) ?? view.memory.finished.get(container.name);
    if (latest?.state !== 'exited' || view.memory.resize.restarting.has(latest.id)) return false;
    return !runsAgain(view.pod, container, latest.exitCode, 'main');
  });
}

/** ms since the epoch when activeDeadlineSeconds end; undefined: never. */
export function deadlineAt(pod: Pod): number | undefined {
  const seconds = pod.spec.activeDeadlineSeconds;
  const start = pod.status?.startTime;
  if (seconds === undefined || start === undefined) return undefined;
  return rfc3339Ms(start) + seconds * 1000;
}

export function runtimeIdOf(containerId: string): string {
  return `timonel://${containerId}`;
}

/** What holds of a running container: its probes' word, else what the API knows of this very try, else the beginning. */
export function verdictOf(view: PodView, container: Container, id: string): ProbeVerdict {
  const known = view.memory.verdicts.get(id);
  if (known !== undefined) return known;
  if (view.memory.hooks.has(id)) return { started: false, ready: false, unhealthy: undefined };
  const { startupProbe, readinessProbe } = container;
  const started = startupProbe === undefined;
  const initial = { started, ready: started && readinessProbe === undefined, unhealthy: undefined };
  if (initial.ready) return initial;
  const same = reportedStatuses(view.pod).find(
    (entry) => entry.containerID === runtimeIdOf(id) && entry.state.running !== undefined,
  );
  // An agent that was restarted does not make its pods unready until the first probes come in.
  return same === undefined ? initial : { started: same.started ?? started, ready: same.ready, unhealthy: undefined };
}
