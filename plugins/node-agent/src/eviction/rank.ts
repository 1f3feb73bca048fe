/** Which pod goes first when a resource is short: the kubelet's order. Pure. */
import type { Pod } from '@timonel/sdk/kube';
import { podRequest } from '@timonel/sdk/scheduling';
import { ephemeralStorage, logsAndVolumes, writtenBy, type Candidate, type PodUse, type Space } from './pod-use.ts';
import { meaningOf, type Signal } from './signals.ts';

/** Negative: `a` goes first. */
type Order = (a: Candidate, b: Candidate) => number;

/** First who has this to answer for. */
const first =
  (holds: (candidate: Candidate) => boolean): Order =>
  (a, b) =>
    Number(holds(b)) - Number(holds(a));

const most =
  (amount: (candidate: Candidate) => number): Order =>
  (a, b) =>
    amount(b) - amount(a);

const isUnknown = first(({ use }) => use === undefined);
const leastPriority: Order = (a, b) => priorityOf(a.pod) - priorityOf(b.pod);

export function priorityOf({ spec }: Pod): number {
  return spec.priority ?? 0;
}

/** `ownImages`: the images and what containers write lie on a filesystem of their own. */
export function ranked(candidates: readonly Candidate[], signal: Signal, ownImages: boolean): Candidate[] {
  const orders = ordersOf(signal, ownImages);
  return candidates.toSorted((a, b) => {
    for (const order of orders) {
      const result = order(a, b);
      if (result !== 0) return result;
    }
    return 0;
  });
}

function ordersOf(signal: Signal, ownImages: boolean): readonly Order[] {
  const { resource } = meaningOf(signal);
  if (resource === 'pids') return [leastPriority, isUnknown, most(({ use }) => use?.pids ?? 0)];
  const above = aboveRequest(signal, ownImages);
  return [isUnknown, first((candidate) => above(candidate) > 0), leastPriority, most(above)];
}

/** By how much a pod is above what it asked for; negative below. */
function aboveRequest(signal: Signal, ownImages: boolean): (candidate: Candidate) => number {
  const { resource } = meaningOf(signal);
  if (resource === 'memory') return ({ pod, use }) => (use?.memoryBytes ?? 0) - podRequest(pod).memoryBytes;
  const spaceOf = spaceOn(signal, ownImages);
  const spaceOrNone = (use: PodUse | undefined): Space => (use === undefined ? { bytes: 0, inodes: 0 } : spaceOf(use));
  if (resource === 'inodes') return ({ use }) => spaceOrNone(use).inodes;
  return ({ pod, use }) => spaceOrNone(use).bytes - podRequest(pod).ephemeralStorageBytes;
}

function spaceOn(signal: Signal, ownImages: boolean): (use: PodUse) => Space {
  if (!ownImages) return ephemeralStorage;
  return signal.startsWith('imagefs') ? writtenBy : logsAndVolumes;
}
