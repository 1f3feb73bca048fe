/** Cpu time in the units of both versions. */

export const cpuPeriodMicros = 100_000;
export const smallestShares = 2;
const largestShares = 262_144;
/** The kernel takes no less than a millisecond. */
const smallestQuotaMicros = 1000;

export function boundedShares(shares: number): number {
  return Math.round(Math.min(largestShares, Math.max(smallestShares, shares)));
}

/** The mapping of the cgroup v1 range 2…262144 to 1…10000 that the OCI runtimes agreed on. */
export function weightFromShares(shares: number): number {
  return Math.floor(1 + ((boundedShares(shares) - smallestShares) * 9999) / (largestShares - smallestShares));
}

export function quotaMicros(limitMillis: number): number {
  return Math.max(smallestQuotaMicros, Math.round((limitMillis * cpuPeriodMicros) / 1000));
}
