/** Configuration of shadow runs and of guard rails. */
import { z } from 'zod';
import { guardRailDefaults } from './guard-rails.ts';
import { schedulerWatchDefaults, type SchedulerWatchConfig } from './scheduler-watch.ts';
import { shadowDefaults } from './shadow-run.ts';

const count = (preset: number): z.ZodDefault<z.ZodNumber> => z.number().int().min(1).default(preset);
const ms = (preset: number): z.ZodDefault<z.ZodNumber> => z.number().min(0).default(preset);
const factor = (preset: number): z.ZodDefault<z.ZodNumber> => z.number().min(1).default(preset);

export const watchConfig: z.ZodType<SchedulerWatchConfig> = z.strictObject({
  /** How long a promoted scheduler is on probation. */
  probationMs: z.number().int().min(0).default(schedulerWatchDefaults.probationMs),
  shadow: z
    .strictObject({
      /** Share of the time for the scheduler in shadow and for comparing. */
      timeShare: z.number().min(0.001).max(1).default(shadowDefaults.timeShare),
      /** Batches that wait for the scheduler in shadow; of more it sees nothing. */
      maxBatches: count(shadowDefaults.maxBatches),
      /** Pods in these batches. */
      maxPods: count(shadowDefaults.maxPods),
      /** Differences that are kept. */
      differences: count(shadowDefaults.differences),
      /** Faults that end the run. */
      faultLimit: count(shadowDefaults.faultLimit),
      /** How long the scheduler in shadow may take for one batch. */
      decisionTimeoutMs: z.number().int().min(1).default(shadowDefaults.decisionTimeoutMs),
    })
    .prefault({}),
  guardRails: z
    .strictObject({
      /** So many times slower than the scheduler before, by batch and by pod, is too slow. */
      slowdown: factor(guardRailDefaults.slowdown),
      /** Batches before the median of their times counts. */
      medianBatches: count(guardRailDefaults.medianBatches),
      /** A median up to this is never too slow. */
      medianFloorMs: ms(guardRailDefaults.medianFloorMs),
      /** Batches before the 99th percentile of their times counts. */
      tailBatches: count(guardRailDefaults.tailBatches),
      /** A 99th percentile up to this is never too slow. */
      tailFloorMs: ms(guardRailDefaults.tailFloorMs),
      /** The longest that any batch may take. */
      batchLimitMs: ms(guardRailDefaults.batchLimitMs),
      /** So many batches without a usable answer are too many. */
      failedBatches: count(guardRailDefaults.failedBatches),
      /** So many decisions that cannot be acted on are too many. */
      refusedDecisions: count(guardRailDefaults.refusedDecisions),
      /** Failed bindings are too many when they are so many … */
      bindErrors: count(guardRailDefaults.bindErrors),
      /** … and more than this share of all, and twice the share under the scheduler before. */
      bindErrorShare: z.number().min(0).max(1).default(guardRailDefaults.bindErrorShare),
      /** A pod that waits longer for a decision waits too long … */
      pendingMs: ms(guardRailDefaults.pendingMs),
      /** … when it is also so many times as long as any waited under the scheduler before. */
      pendingFactor: factor(guardRailDefaults.pendingFactor),
      /** What full garbage collections leave may grow by this … */
      leakBytes: count(guardRailDefaults.leakBytes),
      /** … or by this for each pod decided about, whichever is more. */
      leakBytesPerPod: count(guardRailDefaults.leakBytesPerPod),
    })
    .prefault({}),
});
