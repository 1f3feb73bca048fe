/** The decision of the node agent: (pod, observed runtime status, now) → actions. Pure. */
import type { Container } from '@timonel/sdk/kube';
import type { ContainerStatus } from '@timonel/sdk/contracts/runtime';
import type { Plan } from './actions.ts';
import { restartAllowedAt } from './back-off.ts';
import {
  deadlineAt,
  initDone,
  isFinished,
  isInitialised,
  isSidecar,
  latestTry,
  newestSandbox,
  nextAttempt,
  runningTry,
  type ContainerKind,
} from './containers.ts';
import { Draft } from './draft.ts';
import { labelKeys } from './identity.ts';
import { planEnd, planRemoval } from './plan-end.ts';
import { runsAgain } from './restart-policy.ts';
import { resizeRetryAt } from './resize.ts';
import { pullErrorShownMs, type PodView } from './view.ts';
import { waitsForImages } from './wanted-images.ts';

/** What to do next for one pod. An empty list: it is as it should be, until something changes or `wakeAt`. */
export function plan(view: PodView, now: number): Plan {
  const draft = new Draft();
  if (view.gone || view.pod.metadata.deletionTimestamp !== undefined) {
    planRemoval(view, now, draft);
    return draft.done();
  }
  const deadline = deadlineAt(view.pod);
  if (isFinished(view) || (deadline !== undefined && deadline <= now)) {
    planEnd(view, draft);
    return draft.done();
  }
  if (deadline !== undefined) draft.wake(deadline);
  const resizeAt = resizeRetryAt(view.memory.resize) ?? 0;
  if (resizeAt > now) draft.wake(resizeAt);
  if (planSandbox(view, now, draft)) {
    planContainers(view, now, draft);
    planRemovalOfOldTries(view, draft);
  }
  return draft.done();
}

/** True when the sandbox is ready and attached, so that containers may start. */
function planSandbox(view: PodView, now: number, draft: Draft): boolean {
  const newest = newestSandbox(view);
  for (const sandbox of view.sandboxes) {
    if (sandbox.id === newest?.id && sandbox.state === 'ready') continue;
    draft.add({ type: 'detach-network', sandboxId: sandbox.id });
    draft.add({ type: 'remove-sandbox', sandboxId: sandbox.id });
  }
  const { sandboxFailure } = view.memory;
  const waits = sandboxFailure !== undefined && sandboxFailure.retryAt > now;
  if (newest?.state !== 'ready') {
    if (waits) draft.wake(sandboxFailure.retryAt);
    // After a removal the next plan creates: the runtime may refuse two sandboxes of one pod.
    else if (draft.actions.length === 0) {
      const labelled = Number(newest?.labels[labelKeys.sandboxAttempt] ?? -1);
      draft.add({ type: 'create-sandbox', attempt: Math.max(labelled, view.memory.sandboxAttempt) + 1 });
    }
    return false;
  }
  if (view.pod.spec.hostNetwork === true || view.memory.attachment?.sandboxId === newest.id) return true;
  if (waits) draft.wake(sandboxFailure.retryAt);
  else {
    draft.add({ type: 'attach-network', sandboxId: newest.id, networkNamespace: newest.networkNamespace });
  }
  return false;
}

function planContainers(view: PodView, now: number, draft: Draft): void {
  // First, so that they can show why an init container fails.
  for (const container of view.pod.spec.ephemeralContainers ?? [])
    planContainer(view, container, 'ephemeral', now, draft);
  const initialised = isInitialised(view);
  for (const container of view.pod.spec.initContainers ?? []) {
    const sidecar = isSidecar(container);
    if (initialised && !sidecar) continue;
    if (!sidecar && initDone(view, container)) continue;
    planContainer(view, container, sidecar ? 'sidecar' : 'init', now, draft);
    if (!initialised && !initDone(view, container)) return;
  }
  for (const container of view.pod.spec.containers) {
    planContainer(view, container, 'main', now, draft);
    if (isStarting(view, container, draft)) return;
  }
}

/** The next ones may rely on what its hook does. */
function isStarting(view: PodView, { name, lifecycle }: Container, draft: Draft): boolean {
  const running = runningTry(view, name);
  if (running !== undefined) return view.memory.hooks.has(running.id);
  if (lifecycle?.['postStart'] === undefined) return false;
  return draft.actions.some(
    (action) => (action.type === 'start-container' || action.type === 'resume-container') && action.container === name,
  );
}

function planContainer(view: PodView, container: Container, kind: ContainerKind, now: number, draft: Draft): void {
  const { name } = container;
  const latest = latestTry(view, name);
  if (latest?.state === 'running') {
    if (kind !== 'ephemeral') planRunning(view, container, latest, draft);
    return;
  }
  const failure = view.memory.starts.get(name);
  if (failure !== undefined && failure.retryAt > now) {
    const shownUntil = failure.failedAt + pullErrorShownMs;
    draft.wake(shownUntil > now ? Math.min(shownUntil, failure.retryAt) : failure.retryAt);
    return;
  }
  if (latest?.state === 'created') {
    draft.add({ type: 'resume-container', container: name, containerId: latest.id });
    return;
  }
  const ended = latest ?? view.memory.finished.get(name);
  if (ended !== undefined) {
    const isChanged = kind !== 'ephemeral' && latest !== undefined && changedBy(view, container, latest) !== undefined;
    // In a new sandbox the init containers run again, whatever they came to in the former one.
    const counts = latest !== undefined || kind === 'main' || kind === 'ephemeral';
    if (counts && !isChanged && !runsAgain(view.pod, container, ended.exitCode, kind)) return;
    const allowedAt = isChanged ? now : restartAllowedAt(view.memory.restarts.get(name), ended.finishedAt);
    if (allowedAt > now) {
      draft.wake(allowedAt);
      return;
    }
  }
  if (waitsForImages(view.pod, container, view.memory.pulls)) return;
  draft.add({ type: 'start-container', container: name, attempt: nextAttempt(view, name), init: isInit(kind) });
}

function isInit(kind: ContainerKind): boolean {
  return kind === 'init' || kind === 'sidecar';
}

function changedImage(container: Container, running: ContainerStatus): boolean {
  const image = running.labels[labelKeys.specImage];
  return image !== undefined && image !== (container.image ?? '');
}

/** What of the container can only be had by a new start. Undefined: nothing. */
function changedBy({ memory }: PodView, container: Container, latest: ContainerStatus): string | undefined {
  if (changedImage(container, latest)) return `Container ${container.name} definition changed, will be restarted`;
  return memory.resize.restarting.has(latest.id) ? `Container ${container.name} resize requires restart` : undefined;
}

function planRunning(view: PodView, container: Container, running: ContainerStatus, draft: Draft): void {
  if (view.memory.stopping.has(running.id)) return;
  const { unhealthy, gracePeriodSeconds } = view.memory.verdicts.get(running.id) ?? {};
  const changed = changedBy(view, container, running);
  if (unhealthy === undefined && changed === undefined) return;
  const seconds = gracePeriodSeconds ?? view.pod.spec.terminationGracePeriodSeconds ?? 30;
  draft.add({
    type: 'stop-container',
    container: container.name,
    containerId: running.id,
    gracePeriodMs: seconds * 1000,
    why: unhealthy ?? changed ?? '',
  });
}

/** Of each container the latest try and the one before stay, for `logs --previous` and lastState; where disk is short only the latest. */
function planRemovalOfOldTries(view: PodView, draft: Draft): void {
  const kept = view.memory.frees ? 0 : 1;
  for (const container of view.containers) {
    const latest = latestTry(view, container.name);
    if (container.state === 'exited' && latest !== undefined && container.attempt < latest.attempt - kept) {
      draft.add({ type: 'remove-container', containerId: container.id });
    }
  }
}
