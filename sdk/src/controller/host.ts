import type { Env, Logger } from '../kernel/index.ts';

/** The part of a plugin's context that informers, queues and controllers need. Every `PluginContext` fits. */
export interface ControllerHost {
  readonly name: string;
  readonly env: Env;
  readonly log: Logger;
  readonly signal: AbortSignal;
  reportFault(error: unknown): void;
}
