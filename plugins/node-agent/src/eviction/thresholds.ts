/** When a node is short of something: the kubelet's evictionHard, evictionSoft and what belongs to them. Pure. */
import { wholeQuantity } from '@timonel/sdk/kube';
import { durationMs } from '../durations.ts';
import { settableSignals, type Observation, type Observations, type SettableSignal, type Signal } from './signals.ts';

/** A share of the capacity, or an amount of its own. */
export type Amount = { readonly share: number } | { readonly quantity: number };

export interface Threshold {
  readonly signal: Signal;
  readonly amount: Amount;
  /** For how long it is met before pods are evicted; 0: hard, at once. */
  readonly gracePeriodMs: number;
  readonly isHard: boolean;
  /** Once evicting began it goes on until so much more is available. */
  readonly minimumReclaim: Amount | undefined;
}

type Amounts = Readonly<Record<string, string>>;

export interface HardThresholdSettings {
  /** Undefined: those of `evictionDefaults`. */
  readonly evictionHard: Amounts | undefined;
  /** Absent: the kubelet's. */
  readonly evictionDefaults?: keyof typeof defaultHardThresholds;
}

export interface ThresholdSettings extends HardThresholdSettings {
  readonly evictionSoft: Amounts;
  readonly evictionSoftGracePeriod: Amounts;
  readonly evictionMinimumReclaim: Amounts;
}

export const defaultHardThresholds: Readonly<Record<'kubelet' | 'shared', Amounts>> = {
  /** The kubelet's on Linux. */
  kubelet: {
    'memory.available': '100Mi',
    'nodefs.available': '10%',
    'nodefs.inodesFree': '5%',
    'imagefs.available': '15%',
    'imagefs.inodesFree': '5%',
  },
  /** Of a machine whose disk holds other things too: a tenth of it may be more than pods will ever need. */
  shared: {
    'memory.available': '100Mi',
    'nodefs.available': '1Gi',
    'nodefs.inodesFree': '1%',
    'imagefs.available': '1Gi',
    'imagefs.inodesFree': '1%',
  },
};

export function hardThresholds({ evictionHard, evictionDefaults = 'kubelet' }: HardThresholdSettings): Amounts {
  return evictionHard ?? defaultHardThresholds[evictionDefaults];
}

/** `10%` or a quantity. Undefined: neither. */
export function amountOf(text: string): Amount | undefined {
  const percent = /^(\d{1,3}(?:\.\d+)?)%$/.exec(text)?.[1];
  if (percent !== undefined) return Number(percent) <= 100 ? { share: Number(percent) / 100 } : undefined;
  const quantity = wholeQuantity(text);
  return quantity === undefined || quantity < 0 ? undefined : { quantity };
}

export function resolved(amount: Amount, capacity: number): number {
  return 'quantity' in amount ? amount.quantity : Math.trunc(capacity * amount.share);
}

function isSignal(name: string): name is SettableSignal {
  return settableSignals.some((signal) => signal === name);
}

function isNothing(amount: Amount): boolean {
  return ('quantity' in amount ? amount.quantity : amount.share) === 0;
}

/** Each with the key that is to be changed. Empty: all is well. */
export function thresholdProblems(settings: ThresholdSettings): { readonly key: string; readonly message: string }[] {
  const problems: { key: string; message: string }[] = [];
  const say = (key: string, message: string): void => void problems.push({ key, message });
  const { evictionSoft, evictionSoftGracePeriod, evictionMinimumReclaim } = settings;
  const evictionHard = hardThresholds(settings);
  for (const [key, amounts] of Object.entries({ evictionHard, evictionSoft, evictionMinimumReclaim })) {
    for (const [signal, text] of Object.entries(amounts)) {
      if (!isSignal(signal)) say(key, `"${signal}" is no signal: use ${settableSignals.join(', ')}`);
      else if (amountOf(text) === undefined) {
        say(key, `${signal}: "${text}" is neither a quantity (100Mi) nor a percentage (10%)`);
      }
    }
  }
  for (const [signal, text] of Object.entries(evictionSoftGracePeriod)) {
    if (durationMs(text) === undefined) say('evictionSoftGracePeriod', `${signal}: "${text}" is no duration (1m30s)`);
  }
  for (const signal of Object.keys(evictionSoft)) {
    if (evictionSoftGracePeriod[signal] !== undefined) continue;
    say('evictionSoftGracePeriod', `grace period must be specified for the soft eviction threshold ${signal}`);
  }
  return problems;
}

/** Of settings without problems. A threshold of 0 is none. */
export function thresholdsOf(settings: ThresholdSettings): Threshold[] {
  const { evictionSoft, evictionSoftGracePeriod, evictionMinimumReclaim } = settings;
  const evictionHard = hardThresholds(settings);
  const read = (amounts: Amounts, isHard: boolean): Threshold[] =>
    Object.entries(amounts).flatMap(([signal, text]): Threshold[] => {
      const amount = amountOf(text);
      if (!isSignal(signal) || amount === undefined || isNothing(amount)) return [];
      const gracePeriodMs = isHard ? 0 : (durationMs(evictionSoftGracePeriod[signal] ?? '0') ?? 0);
      const minimumReclaim = amountOf(evictionMinimumReclaim[signal] ?? '');
      return [{ signal, amount, gracePeriodMs, isHard, minimumReclaim }];
    });
  const hard = read(evictionHard, true);
  const ofPods = hard.filter(({ signal }) => signal === 'memory.available');
  return [
    ...hard,
    ...ofPods.map((threshold): Threshold => ({ ...threshold, signal: 'allocatableMemory.available' })),
    ...read(evictionSoft, false),
  ];
}

/** `withMinimum`: it counts as met until the minimum is reclaimed, too. */
export function isMet(threshold: Threshold, observation: Observation | undefined, withMinimum = false): boolean {
  if (observation === undefined) return false;
  const { capacity, available } = observation;
  const minimum = withMinimum ? threshold.minimumReclaim : undefined;
  const wanted = resolved(threshold.amount, capacity) + (minimum === undefined ? 0 : resolved(minimum, capacity));
  return available < wanted;
}

export function metBy(
  thresholds: readonly Threshold[],
  observations: Observations,
  withMinimum = false,
): readonly Threshold[] {
  return thresholds.filter((threshold) => isMet(threshold, observations.get(threshold.signal), withMinimum));
}
