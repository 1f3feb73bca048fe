/** The seats of a server: how many requests of each level may be at work. A level borrows what others lend and do not use. */
import type { PriorityLevelConfiguration } from '@timonel/sdk/kube';

export interface SeatLimits {
  /** Its own share. */
  readonly nominal: number;
  /** What it keeps for itself also when it does not use it. */
  readonly least: number;
  /** What it may have with all that it borrows. */
  readonly most: number;
}

/** What a level may use of `total` seats, its share being that of all `shares`. */
export function limitsOf({ spec }: PriorityLevelConfiguration, total: number, shares: number): SeatLimits {
  const { nominalConcurrencyShares = 0, lendablePercent = 0 } = spec.limited ?? spec.exempt ?? {};
  const nominal = shares === 0 ? 0 : Math.ceil((total * nominalConcurrencyShares) / shares);
  const lendable = Math.round((nominal * lendablePercent) / 100);
  const borrowed = spec.limited?.borrowingLimitPercent;
  const most = borrowed === undefined || borrowed === null ? total : nominal + Math.round((nominal * borrowed) / 100);
  return { nominal, least: nominal - lendable, most };
}

export interface SeatTaker {
  readonly limits: SeatLimits;
  readonly inUse: number;
}

/**
 * Whether a level may seat one more. A request that is wider than all that its level can have gets in when nobody of the level is at work.
 */
export function mayTake(taker: SeatTaker, width: number, all: Iterable<SeatTaker>, total: number): boolean {
  const { limits, inUse } = taker;
  const wanted = inUse + width;
  if (wanted <= limits.nominal || inUse === 0) return true;
  if (wanted > limits.most) return false;
  let reserved = wanted;
  for (const other of all) if (other !== taker) reserved += Math.max(other.inUse, other.limits.least);
  return reserved <= total;
}
