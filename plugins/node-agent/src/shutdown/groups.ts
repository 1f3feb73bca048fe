/** Which pods are ended together when the node goes down, and how long they have: the kubelet's graceful node shutdown. Pure. */
import { durationMs } from '../durations.ts';

/** Pods from this priority on, up to that of the next group. */
export interface ShutdownGroup {
  readonly priority: number;
  readonly graceMs: number;
}

export interface ShutdownSettings {
  readonly shutdownGracePeriod: string;
  readonly shutdownGracePeriodCriticalPods: string;
  readonly shutdownGracePeriodByPodPriority: readonly {
    readonly priority: number;
    readonly shutdownGracePeriodSeconds: number;
  }[];
}

const systemCritical = 2_000_000_000;

function periodsOf(settings: ShutdownSettings): { readonly totalMs: number; readonly criticalMs: number } {
  const { shutdownGracePeriod, shutdownGracePeriodCriticalPods } = settings;
  return {
    totalMs: durationMs(shutdownGracePeriod) ?? 0,
    criticalMs: durationMs(shutdownGracePeriodCriticalPods) ?? 0,
  };
}

/** Each with the key that is to be changed. */
export function shutdownProblems(settings: ShutdownSettings): { readonly key: string; readonly message: string }[] {
  const { totalMs, criticalMs } = periodsOf(settings);
  const byPriority = settings.shutdownGracePeriodByPodPriority;
  if (byPriority.length > 0 && totalMs + criticalMs > 0) {
    const message = 'is another way to say what shutdownGracePeriod says: set one of them';
    return [{ key: 'shutdownGracePeriodByPodPriority', message }];
  }
  if (criticalMs > totalMs) {
    const message = 'is part of shutdownGracePeriod: it cannot be longer';
    return [{ key: 'shutdownGracePeriodCriticalPods', message }];
  }
  if (new Set(byPriority.map(({ priority }) => priority)).size < byPriority.length) {
    return [{ key: 'shutdownGracePeriodByPodPriority', message: 'has a priority twice' }];
  }
  return [];
}

/** The least first. Empty: pods are not ended with their node. */
export function shutdownGroups(settings: ShutdownSettings): ShutdownGroup[] {
  const { totalMs, criticalMs } = periodsOf(settings);
  const given = settings.shutdownGracePeriodByPodPriority.map(({ priority, shutdownGracePeriodSeconds }) => ({
    priority,
    graceMs: shutdownGracePeriodSeconds * 1000,
  }));
  if (given.length > 0) return given.toSorted((a, b) => a.priority - b.priority);
  if (totalMs === 0) return [];
  return [
    { priority: 0, graceMs: totalMs - criticalMs },
    { priority: systemCritical, graceMs: criticalMs },
  ];
}

/** In one group each: that with the next lower priority; below all of them, the first. */
export function grouped<T>(
  groups: readonly ShutdownGroup[],
  items: readonly T[],
  priorityOf: (item: T) => number,
): { readonly group: ShutdownGroup; readonly items: readonly T[] }[] {
  const groupFor = (item: T): ShutdownGroup | undefined =>
    groups.findLast(({ priority }) => priority <= priorityOf(item)) ?? groups[0];
  return groups.map((group) => ({ group, items: items.filter((item) => groupFor(item) === group) }));
}
