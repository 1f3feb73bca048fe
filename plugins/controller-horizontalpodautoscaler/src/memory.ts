/**
 * What an autoscaler remembers of the past: recommendations for the stabilisation windows, changes for the rates. It begins empty
 * after a restart. Then the present count of replicas stands for the past: nothing is scaled down before a whole window was seen.
 * Times are those of the monotonic clock: a jump of the wall clock neither holds back nor hurries anything.
 */
import type { HorizontalPodAutoscalerSpec, Selector } from '@timonel/sdk/kube';

export interface Recommendation {
  readonly atMs: number;
  readonly replicas: number;
}

/** A rescale: by how many replicas, below zero for fewer. */
export interface Change {
  readonly atMs: number;
  readonly by: number;
}

export interface Memory {
  readonly uid: string;
  readonly recommendations: readonly Recommendation[];
  readonly changes: readonly Change[];
  /** Events that were sent, and when: the same is not told again all the time. */
  readonly told: ReadonlyMap<string, number>;
  /** When and for which spec the autoscaler was looked at last. */
  readonly seen?: { readonly atMs: number; readonly spec: HorizontalPodAutoscalerSpec } | undefined;
  /** What the target selected last. */
  readonly selector?: Selector | undefined;
}

export const emptyMemory: Memory = Object.freeze({
  uid: '',
  recommendations: Object.freeze([]),
  changes: Object.freeze([]),
  told: new Map<string, number>(),
});

/** No policy looks back further than 30 minutes. */
const longestPeriodMs = 1_800_000;
const toldAgainMs = 600_000;
const toldLimit = 50;

/**
 * What is left of a memory. That of another object of the same name is none; and one with a gap, because another process has worked
 * meanwhile, says nothing of what was recommended of late.
 */
export function memoryFor(
  kept: Memory | undefined,
  { uid, nowMs, gapMs }: { readonly uid: string; readonly nowMs: number; readonly gapMs: number },
): Memory {
  if (kept === undefined || kept.uid !== uid) return emptyMemory;
  const hasGap = kept.seen !== undefined && nowMs - kept.seen.atMs > gapMs;
  return hasGap ? { ...kept, recommendations: [] } : kept;
}

export interface NewMemories {
  readonly nowMs: number;
  readonly uid: string;
  readonly spec: HorizontalPodAutoscalerSpec;
  readonly selector: Selector | undefined;
  /** How long recommendations matter. */
  readonly windowMs: number;
  /** Undefined: not known at the moment. */
  readonly currentReplicas: number | undefined;
  readonly recommendation: number | undefined;
  /** Undefined: nothing was scaled. */
  readonly scaledTo: number | undefined;
  readonly told: readonly string[];
  /** Whether the pass came to its end: if not, it is tried again soon. */
  readonly done: boolean;
}

/** The recommendations, with the present replicas for the past where nothing is known of it. */
export function knownRecommendations(
  memory: Memory,
  currentReplicas: number,
  nowMs: number,
): readonly Recommendation[] {
  const { recommendations } = memory;
  return recommendations.length > 0 ? recommendations : [{ atMs: nowMs, replicas: currentReplicas }];
}

export function isToldAgain(memory: Memory, event: string, nowMs: number): boolean {
  const before = memory.told.get(event);
  return before === undefined || nowMs - before >= toldAgainMs;
}

export function remembered(memory: Memory, news: NewMemories): Memory {
  const { nowMs, currentReplicas, recommendation, scaledTo } = news;
  const recommendations =
    currentReplicas === undefined
      ? [...memory.recommendations]
      : [...knownRecommendations(memory, currentReplicas, nowMs)];
  if (recommendation !== undefined) recommendations.push({ atMs: nowMs, replicas: recommendation });
  const change =
    scaledTo === undefined || currentReplicas === undefined ? [] : [{ atMs: nowMs, by: scaledTo - currentReplicas }];
  const told = [...memory.told, ...news.told.map((event) => [event, nowMs] as const)];
  return {
    uid: news.uid,
    recommendations: recommendations.filter(({ atMs }) => atMs > nowMs - news.windowMs || atMs === nowMs),
    changes: [...memory.changes, ...change].filter(({ atMs }) => atMs > nowMs - longestPeriodMs),
    told: new Map(told.filter(([, atMs]) => nowMs - atMs < toldAgainMs).slice(-toldLimit)),
    seen: news.done ? { atMs: nowMs, spec: news.spec } : memory.seen,
    selector: news.selector,
  };
}
