/** The end of a pod: finished by itself, past its deadline, or deleted. Pure. */
import { isSidecar } from './containers.ts';
import type { Draft } from './draft.ts';
import type { PodView } from './view.ts';

/** Stops what runs, asks again only with a shorter grace period. True when nothing runs any more. */
function stopContainers(view: PodView, gracePeriodMs: number, why: string, draft: Draft): boolean {
  const sidecars = new Set((view.pod.spec.initContainers ?? []).filter(isSidecar).map((container) => container.name));
  const running = view.containers.filter((container) => container.state === 'running');
  const others = running.filter((container) => !sidecars.has(container.name));
  // Sidecars serve the main containers to their end.
  for (const container of others.length > 0 ? others : running) {
    const given = view.memory.stopping.get(container.id);
    if (given !== undefined && given <= gracePeriodMs) continue;
    draft.add({
      type: 'stop-container',
      container: container.name,
      containerId: container.id,
      gracePeriodMs,
      why,
    });
  }
  return running.length === 0;
}

/** A finished pod: its network and processes go, its containers stay for their logs until the object is deleted. */
export function planEnd(view: PodView, draft: Draft): void {
  const { ending } = view.memory;
  const gracePeriodMs = ending?.gracePeriodMs ?? (view.pod.spec.terminationGracePeriodSeconds ?? 30) * 1000;
  if (!stopContainers(view, gracePeriodMs, ending?.message ?? 'The pod is finished', draft)) return;
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
  const gracePeriodMs = Math.max(1, seconds) * 1000;
  if (!stopContainers(view, gracePeriodMs, 'The pod is being deleted', draft)) return;
  const { memory } = view;
  if (!view.gone && !memory.finalReported) draft.add({ type: 'report-final-status' });
  for (const sandbox of view.sandboxes) {
    draft.add({ type: 'detach-network', sandboxId: sandbox.id });
    draft.add({ type: 'remove-sandbox', sandboxId: sandbox.id });
  }
  if (!memory.dataRemoved) draft.add({ type: 'remove-pod-data' });
  if (view.gone || memory.objectDeleted) return;
  if (memory.deleteRetryAt > now) draft.wake(memory.deleteRetryAt);
  else draft.add({ type: 'delete-object' });
}
