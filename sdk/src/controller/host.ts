import type { Env, Logger, MetricOpener } from '../kernel/index.ts';

/** The part of a plugin's context that informers, queues and controllers need. Every `PluginContext` fits. */
export interface ControllerHost {
  readonly name: string;
  readonly env: Env;
  readonly log: Logger;
  readonly signal: AbortSignal;
  /** Absent: no metrics are kept. */
  readonly metrics?: MetricOpener;
  reportFault(error: unknown): void;
}
