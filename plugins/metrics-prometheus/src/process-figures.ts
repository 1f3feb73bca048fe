/** Reads the figures of this process. */
import { readFileSync, readdirSync } from 'node:fs';
import {
  constants,
  monitorEventLoopDelay,
  performance,
  PerformanceObserver,
  type EventLoopUtilization,
  type IntervalHistogram,
} from 'node:perf_hooks';
import type { ProcessMetrics } from './definitions.ts';

const gcKinds: Readonly<Record<number, string>> = {
  [constants.NODE_PERFORMANCE_GC_MINOR]: 'minor',
  [constants.NODE_PERFORMANCE_GC_MAJOR]: 'major',
  [constants.NODE_PERFORMANCE_GC_INCREMENTAL]: 'incremental',
  [constants.NODE_PERFORMANCE_GC_WEAKCB]: 'weakcb',
};
/** The part of an entry that the types of Node leave out. */
interface GcEntry {
  readonly duration: number;
  readonly detail?: { readonly kind: number };
}

const lagResolutionMs = 20;

/** Absent outside of Linux. */
function fromProc<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}

function maxOpenFiles(): number | undefined {
  const limits = fromProc(() => readFileSync('/proc/self/limits', 'utf8'));
  const soft = /^Max open files\s+(\d+|unlimited)/m.exec(limits ?? '')?.[1];
  return soft === undefined || soft === 'unlimited' ? undefined : Number(soft);
}

export class ProcessFigures {
  readonly #delay: IntervalHistogram = monitorEventLoopDelay({ resolution: lagResolutionMs });
  readonly #gc: PerformanceObserver;
  readonly #startedAt = performance.timeOrigin / 1000;
  readonly #maxFiles = maxOpenFiles();
  #loop: EventLoopUtilization = performance.eventLoopUtilization();

  constructor(metrics: () => ProcessMetrics) {
    this.#delay.enable();
    this.#gc = new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) {
        const { duration, detail } = entry as unknown as GcEntry;
        const kind = gcKinds[detail?.kind ?? -1] ?? 'other';
        metrics()
          .gc.of(kind)
          .observe(duration / 1000);
      }
    });
    this.#gc.observe({ entryTypes: ['gc'] });
  }

  stop(): void {
    this.#delay.disable();
    this.#gc.disconnect();
  }

  write(metrics: ProcessMetrics): void {
    const { user, system } = process.cpuUsage();
    metrics.userCpu.of().set(user / 1e6);
    metrics.systemCpu.of().set(system / 1e6);
    metrics.cpu.of().set((user + system) / 1e6);
    metrics.startTime.of().set(this.#startedAt);
    const memory = process.memoryUsage();
    metrics.resident.of().set(memory.rss);
    metrics.heapTotal.of().set(memory.heapTotal);
    metrics.heapUsed.of().set(memory.heapUsed);
    metrics.external.of().set(memory.external);
    metrics.arrayBuffers.of().set(memory.arrayBuffers);
    const open = fromProc(() => readdirSync('/proc/self/fd').length);
    if (open !== undefined) metrics.openFiles.of().set(open);
    if (this.#maxFiles !== undefined) metrics.maxFiles.of().set(this.#maxFiles);
    metrics.version.of(process.version).set(1);
    this.#writeLoop(metrics);
  }

  #writeLoop({ loopLag, loopUtilization }: ProcessMetrics): void {
    const now = performance.eventLoopUtilization();
    loopUtilization.of().set(performance.eventLoopUtilization(now, this.#loop).utilization);
    this.#loop = now;
    const delay = this.#delay;
    if (delay.count > 0) {
      // The histogram measures the whole interval of its timer.
      const lag = (nanos: number): number => Math.max(0, nanos / 1e9 - lagResolutionMs / 1000);
      loopLag.of('mean').set(lag(delay.mean));
      loopLag.of('p50').set(lag(delay.percentile(50)));
      loopLag.of('p99').set(lag(delay.percentile(99)));
      loopLag.of('max').set(lag(delay.max));
    }
    delay.reset();
  }
}
