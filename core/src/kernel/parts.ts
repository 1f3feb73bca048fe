import type { Env, KernelError, Logger } from '@timonel/sdk';
import type { HookRegistry } from '../hooks/hook-registry.ts';
import type { DeadlineWatch } from '../lifecycle/deadline.ts';
import type { PluginRecord } from '../lifecycle/plugin-record.ts';
import type { PluginScopes } from '../services/plugin-scopes.ts';
import type { ServiceRegistry } from '../services/service-registry.ts';
import type { Activity } from '../supervision/activity.ts';
import type { KernelLimits } from './limits.ts';
import type { KernelProgress } from './options.ts';

/** What the parts of the kernel share. */
export interface KernelParts {
  readonly env: Env;
  readonly log: Logger;
  readonly limits: KernelLimits;
  readonly deadlines: DeadlineWatch;
  readonly activity: Activity;
  readonly services: ServiceRegistry;
  readonly scopes: PluginScopes;
  readonly hooks: HookRegistry;
  readonly records: Map<string, PluginRecord>;
  readonly dataDirOf: (plugin: string) => Promise<string | undefined>;
  readonly onProgress: (event: KernelProgress) => void;
  /** Counts a fault against the plugin's error budget. */
  readonly onFault: (record: PluginRecord, error: unknown) => void;
  /** The worker thread of a plugin is gone. */
  readonly onLost: (record: PluginRecord, error: KernelError) => void;
}
