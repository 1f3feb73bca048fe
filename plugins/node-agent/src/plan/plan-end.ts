/** The end of a pod: finished by itself, past its deadline, or deleted. Pure. */
import type { ContainerStatus } from '@timonel/sdk/contracts/runtime';
import { rfc3339Ms } from '../times.ts';
import { isSidecar } from './containers.ts';
import type { Draft } from './draft.ts';
import type { PodView } from './view.ts';

/** As the kubelet: always time for a last word. */
const leastGraceMs = 2000;

/**
 * Stops what runs, asks again only with a shorter grace period. True when nothing runs any more. `leftMs`: of the grace period, for those
 * that had to wait.
 */
function stopContainers(view: PodView, gracePeriodMs: number, leftMs: number, draft: Draft): boolean {
  const running = view.containers.filter((container) => container.state === 'running');
  const { due, waited } = dueOf(view, running);
  const given = waited ? Math.min(gracePeriodMs, Math.max(leftMs, leastGraceMs)) : gracePeriodMs;
  for (const { name, id } of due) {
    const before = view.memory.stopping.get(id);
    if (before !== undefined && before <= gracePeriodMs) continue;
    const why = `Stopping container ${name}`;
    draft.add({ type: 'stop-container', container: name, containerId: id, gracePeriodMs: given, why });
  }
  return running.length === 0;
}

/** Sidecars serve the others to their end, and the sidecars that started after them. */
function dueOf(
  { pod }: PodView,
  running: readonly ContainerStatus[],
): { readonly due: readonly ContainerStatus[]; readonly waited: boolean } {
  const sidecars = (pod.spec.initContainers ?? []).filter(isSidecar).map(({ name }) => name);
  const others = running.filter(({ name }) => !sidecars.includes(name));
  if (others.length > 0) return { due: others, waited: false };
  const last = sidecars.findLast((name) => running.some((container) => container.name === name));
  return { due: running.filter(({ name }) => name === last), waited: true };
}

/** A finished pod: its network and processes go, its containers stay for their logs until the object is deleted. */
export function planEnd(view: PodView, draft: Draft): void {
  const { ending } = view.memory;
  const gracePeriodMs = ending?.gracePeriodMs ?? (view.pod.spec.terminationGracePeriodSeconds ?? 30) * 1000;
  if (!stopContainers(view, gracePeriodMs, gracePeriodMs, draft)) return;
  if (view.memory.frees || ending?.leavesNothing === true) {
    planTraces(view, draft);
    return;
  }
  for (const sandbox of view.sandboxes) {
    if (sandbox.state !== 'ready') continue;
    draft.add({ type: 'detach-network', sandboxId: sandbox.id });
    draft.add({ type: 'stop-sandbox', sandboxId: sandbox.id });
  }
}

/** A deleted pod: stop with grace, tell the last status, remove every trace, then the object itself. */
export function planRemoval(view: PodView, now: number, draft: Draft): void {
  const { metadata, spec } = view.pod;
  const seconds = metadata.deletionGracePeriodSeconds ?? spec.terminationGracePeriodSeconds ?? 30;
  // At least one second, as the kubelet: a process gets its chance even when the object is gone.
  const gracePeriodMs = Math.min(Math.max(1, seconds) * 1000, view.memory.ending?.gracePeriodMs ?? Infinity);
  const endsAt = rfc3339Ms(metadata.deletionTimestamp ?? '');
  if (!stopContainers(view, gracePeriodMs, Number.isNaN(endsAt) ? gracePeriodMs : endsAt - now, draft)) return;
  planTraces(view, draft);
  const { memory } = view;
  if (view.gone || memory.objectDeleted) return;
  if (memory.deleteRetryAt > now) draft.wake(memory.deleteRetryAt);
  else draft.add({ type: 'delete-object' });
}

/** All that a pod leaves on this node, after its last status was told. */
function planTraces({ gone, sandboxes, memory }: PodView, draft: Draft): void {
  if (!gone && !memory.finalReported) draft.add({ type: 'report-final-status' });
  for (const sandbox of sandboxes) {
    draft.add({ type: 'detach-network', sandboxId: sandbox.id });
    draft.add({ type: 'remove-sandbox', sandboxId: sandbox.id });
  }
  if (!memory.dataRemoved) draft.add({ type: 'remove-pod-data' });
}
