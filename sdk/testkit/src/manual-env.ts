import { createSimulatedEnv, type SimulatedEnv } from '@timonel/core/env';

export type { SimulatedEnv };

/** An env whose clock moves only by `advance` and `runUntil`, with random numbers from `seed`. */
export function manualEnv(seed: number | string = 1): SimulatedEnv {
  return createSimulatedEnv({ seed });
}
