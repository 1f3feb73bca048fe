/** What the status of a quota says. Pure. */
import { act, jsonEqual, type Action, type Observation, type Reconciliation } from '@timonel/sdk/controller';
import { resourceQuotas, type ResourceQuota, type ResourceType } from '@timonel/sdk/kube';
import {
  isWithin,
  most,
  nothing,
  quantitiesOf,
  sum,
  usageOf,
  usageText,
  without,
  zero,
  type Amount,
  type Usage,
} from '@timonel/sdk/quota';

/** Caches that do not show yet what a new quota counts are looked at again so soon. */
const firstCountMs = 200;

/** What one object counts for. */
export interface Counted {
  /** `pods/web-1`. */
  readonly name: string;
  readonly usage: Usage;
}

/** Versions of types. */
export type Shown = ReadonlyMap<ResourceType, string>;

/** What this process knows of a quota from the last pass. */
export interface Memory {
  /** By uid. */
  readonly counted: ReadonlyMap<string, Counted>;
  /** `status.used` as it was seen or written last. */
  readonly used: Usage;
  /** When somebody charged the quota last: what was charged may not be there yet. ms since the epoch. */
  readonly chargedAtMs: number;
}

export interface Observed extends Observation<ResourceQuota> {
  /** Everything that is there and counts, by uid. */
  readonly counted: ReadonlyMap<string, Counted>;
  /** What has changed, come or gone since the last pass, as it counted first: as it was charged. By uid. */
  readonly before: ReadonlyMap<string, Counted>;
  /** Undefined: seen for the first time. */
  readonly memory: Memory | undefined;
  /** The caches show all that the API does. By type, up to which version; undefined: not asked, or they do not. */
  readonly shown: Shown | undefined;
  /** Names of the quota that no kind counts for. */
  readonly uncounted: readonly string[];
  /** Whoever charged the quota has made his object after this time, or never will. */
  readonly settleMs: number;
  readonly resyncMs: number;
  /** When something stops to count by itself. ms since the epoch. */
  readonly nextMs: number | undefined;
}

export function chargedAtMs({ subject, memory, nowMs }: Pick<Observed, 'subject' | 'memory' | 'nowMs'>): number {
  if (memory === undefined) return nowMs;
  // A clock that was set back must not keep it from settling.
  if (isWithin(usageOf(subject?.status?.used), memory.used)) return Math.min(memory.chargedAtMs, nowMs);
  return nowMs;
}

/** Sums of what is there; nothing for the names that some kind counts for. */
export function countedUsage({ subject, counted, uncounted }: Observed): Usage {
  const names = Object.keys(subject?.spec?.hard ?? {}).filter((name) => !uncounted.includes(name));
  const start: Usage = new Map<string, Amount>(names.map((name) => [name, zero]));
  return [...counted.values()].reduce((total, { usage }) => sum(total, usage), start);
}

/** What the objects of the last pass, and those that have come since, no longer count for. */
export function releasedUsage({ counted, before, memory }: Observed): Usage {
  let released = nothing;
  for (const [uid, { usage }] of new Map([...before, ...(memory?.counted ?? [])])) {
    const now = counted.get(uid)?.usage;
    if (now !== usage) released = sum(released, without(usage, now ?? nothing));
  }
  return released;
}

/** What was charged, of the names that some kind counts for. */
function chargedUsage({ subject }: Observed, counted: Usage): Usage {
  return new Map([...usageOf(subject?.status?.used)].filter(([name]) => counted.has(name)));
}

function settlesIn(observed: Observed): number {
  return chargedAtMs(observed) + observed.settleMs - observed.nowMs;
}

/** Some of its bounds have not been counted for yet. */
function isNew(observed: Observed): boolean {
  const used = observed.subject?.status?.used ?? {};
  return [...countedUsage(observed).keys()].some((name) => used[name] === undefined);
}

/**
 * Whether what the caches do not show would be taken for nothing: at the first count, and when time alone gives back what was charged.
 * A cache that lags must not be taken at its word then.
 */
export function trustsCaches(observed: Observed): boolean {
  if (isNew(observed)) return true;
  const counted = countedUsage(observed);
  const left = without(chargedUsage(observed, counted), releasedUsage(observed));
  return settlesIn(observed) <= 0 && !isWithin(left, counted);
}

function isUnshown(observed: Observed): boolean {
  return observed.shown === undefined && trustsCaches(observed);
}

export interface Plan {
  readonly used: Usage;
  /** What was charged for objects that are not there. */
  readonly reserved: Usage;
  readonly settlesInMs: number | undefined;
}

/**
 * What was charged shortly before may be for objects that are not there yet, and stays; only what was seen to go is taken off.
 * When nobody has charged for a while, and the caches show it all, the objects alone count.
 */
export function planOf(observed: Observed): Plan {
  const counted = countedUsage(observed);
  const settlesInMs = isUnshown(observed) ? observed.settleMs : settlesIn(observed);
  if (settlesInMs <= 0) return { used: counted, reserved: nothing, settlesInMs: undefined };
  const used = most(counted, without(chargedUsage(observed, counted), releasedUsage(observed)));
  if (isWithin(used, counted)) return { used, reserved: nothing, settlesInMs: undefined };
  return { used, reserved: without(used, counted), settlesInMs };
}

function uncountedEvent({ uncounted, subject }: Observed): Action[] {
  // Told when the bounds are looked at for the first time, or have changed.
  if (uncounted.length === 0 || jsonEqual(subject?.status?.hard, subject?.spec?.hard)) return [];
  const message = `nothing counts for ${uncounted.join(', ')}: these bounds bound nothing; check how they are written`;
  const cause = { code: 'NothingCounts', text: message };
  return [act.event(resourceQuotas, { reason: 'NothingCounts', kind: 'Warning', message }, cause)];
}

function earliest(...times: readonly (number | undefined)[]): number {
  return Math.max(1, Math.min(...times.filter((time) => time !== undefined)) + 1);
}

export function reconcile(observed: Observed): Reconciliation {
  const { subject, nowMs, nextMs, resyncMs } = observed;
  if (subject === undefined || subject.metadata.deletionTimestamp !== undefined) return { actions: [] };
  if (isNew(observed) && isUnshown(observed)) return { actions: [], requeueAfterMs: firstCountMs };
  const { used, settlesInMs } = planOf(observed);
  const status = { hard: { ...subject.spec?.hard }, used: quantitiesOf(used) };
  const requeueAfterMs = earliest(settlesInMs, nextMs === undefined ? undefined : nextMs - nowMs, resyncMs);
  if (jsonEqual(subject.status, status)) return { actions: [], requeueAfterMs };
  const cause = { code: 'UsageChanged', text: `used: ${usageText(used) || 'nothing'}` };
  return {
    actions: [act.status(resourceQuotas, subject, status, { cause }), ...uncountedEvent(observed)],
    requeueAfterMs,
  };
}

/** After a pass that came to its end. */
export function memoryAfter(observed: Observed): Memory {
  // Asked again when it would have settled once more.
  const atMs = isUnshown(observed) ? observed.nowMs : chargedAtMs(observed);
  return { counted: observed.counted, used: planOf(observed).used, chargedAtMs: atMs };
}
