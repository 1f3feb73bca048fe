import { createSimulatedEnv, type SimulatedEnv } from '@timonel/core/env';

export type { SimulatedEnv };

/** An env whose clock moves only by `advance` and `runUntil`, with random numbers from `seed`. Its wall clock begins at `startMs`. */
export function manualEnv(seed: number | string = 1, startMs?: number): SimulatedEnv {
  return createSimulatedEnv(startMs === undefined ? { seed } : { seed, startMs });
}
