import type {
  BreakerInfo,
  DeadlineWatch,
  Env,
  KernelError,
  KernelFigures,
  Logger,
  MetricRegistry,
  PluginStateChange,
} from '@timonel/sdk';
import type { HookRegistry } from '../hooks/hook-registry.ts';
import type { PluginRecord } from '../lifecycle/plugin-record.ts';
import type { PluginScopes } from '../services/plugin-scopes.ts';
import type { ServiceRegistry } from '../services/service-registry.ts';
import type { Activity } from '../supervision/activity.ts';
import type { Supervisor } from '../supervision/supervisor.ts';
import type { Launcher } from './launcher.ts';
import type { KernelLimits } from './limits.ts';
import type { Operations } from './operations.ts';
import type { DesiredChange, KernelProgress } from './options.ts';
import type { PluginSet } from './plugin-set.ts';

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
  readonly metrics: MetricRegistry;
  readonly figures: KernelFigures;
  readonly records: Map<string, PluginRecord>;
  readonly dataDirOf: (plugin: string) => Promise<string | undefined>;
  readonly onProgress: (event: KernelProgress) => void;
  /** Counts a fault against the plugin's error budget. */
  readonly onFault: (record: PluginRecord, error: unknown) => void;
  readonly breakerOf: (record: PluginRecord) => BreakerInfo;
  readonly onStateChange: (change: PluginStateChange) => void;
  /** The worker thread of a plugin is gone. */
  readonly onLost: (record: PluginRecord, error: KernelError) => void;
}

/** What changes the set of plugins: parts that use each other, and so are made after {@link KernelParts}. */
export interface KernelTools {
  readonly parts: KernelParts;
  readonly set: PluginSet;
  readonly operations: Operations;
  readonly launcher: Launcher;
  readonly supervisor: Supervisor;
  /** Tells the embedder what an operator changed. */
  readonly remember: (change: DesiredChange) => Promise<void>;
}
