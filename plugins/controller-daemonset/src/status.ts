import { isPodReady, type StatusPlan } from '@timonel/sdk/controller';
import type { DaemonSet } from '@timonel/sdk/kube';
import { assess, availableAtMs, hasEnded, isTerminating, type Observed } from './assess.ts';

export function planStatus(observed: Observed): StatusPlan<DaemonSet> {
  const { subject: set, nowMs } = observed;
  const { places, hash, isUpToDate } = assess(observed);
  const before = set.status;
  const counts = { current: 0, misscheduled: 0, desired: 0, ready: 0, available: 0, updated: 0 };
  let laterMs = Number.POSITIVE_INFINITY;
  for (const { shouldRun, pods } of places) {
    // The one that serves the node: those on their way out come last.
    const pod = pods.find((one) => !isTerminating(one)) ?? pods[0];
    if (!shouldRun) {
      if (pod !== undefined) counts.misscheduled += 1;
      continue;
    }
    counts.desired += 1;
    if (pod === undefined) continue;
    counts.current += 1;
    if (isUpToDate(pod)) counts.updated += 1;
    if (!isPodReady(pod) || hasEnded(pod)) continue;
    counts.ready += 1;
    const atMs = availableAtMs(set, pod, nowMs);
    if (atMs !== undefined && atMs <= nowMs) counts.available += 1;
    else if (atMs !== undefined) laterMs = Math.min(laterMs, atMs);
  }
  // Beside the longest-serving pod a new one may wait to be available.
  for (const pod of places.flatMap(({ pods }) => (pods.length > 1 ? pods : []))) {
    const atMs = availableAtMs(set, pod, nowMs);
    if (atMs !== undefined && atMs > nowMs) laterMs = Math.min(laterMs, atMs);
  }
  const collisions = (before?.collisionCount ?? 0) + (hash === undefined ? 1 : 0);
  const { generation } = set.metadata;
  return {
    status: {
      currentNumberScheduled: counts.current,
      numberMisscheduled: counts.misscheduled,
      desiredNumberScheduled: counts.desired,
      numberReady: counts.ready,
      updatedNumberScheduled: counts.updated,
      numberAvailable: counts.available,
      numberUnavailable: counts.desired - counts.available,
      ...(generation === undefined ? {} : { observedGeneration: generation }),
      ...(collisions === 0 ? {} : { collisionCount: collisions }),
      ...(before?.conditions === undefined ? {} : { conditions: before.conditions }),
    },
    requeueAfterMs: Number.isFinite(laterMs) ? laterMs - nowMs : undefined,
  };
}
