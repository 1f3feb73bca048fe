import type {
  AnyPlugin,
  Env,
  KernelControl,
  KernelError,
  Logger,
  PluginInfo,
  RequiredDep,
  ServiceToken,
  StopReason,
} from '@timonel/sdk';
import type { ServiceCallInfo } from '../services/service-registry.ts';
import type { KernelLimits } from './limits.ts';

/** A plugin with its configuration and where it came from. */
export interface PluginEntry {
  readonly definition: AnyPlugin;
  readonly config?: unknown;
  /** `built-in`, or the absolute path of its file. */
  readonly source: string;
  /**
   * URL of an ES module whose default export is the definition. Needed for isolation 'worker': each life of the plugin
   * imports it in a new worker thread.
   */
  readonly moduleUrl?: string;
}

/** What an operator changed, for an embedder that remembers it over restarts. */
export type DesiredChange =
  | {
      readonly kind: 'enable' | 'disable';
      readonly plugin: string;
      readonly source: string;
      readonly config: unknown;
    }
  | { readonly kind: 'swap'; readonly service: string; readonly from: string; readonly to: string };

/** Steps of the start-up, as they happen. */
export type KernelProgress =
  | { readonly plugin: string; readonly phase: 'setup' | 'start'; readonly ms: number }
  | { readonly plugin: string; readonly phase: 'failed'; readonly reason: string };

export interface KernelOptions {
  readonly env: Env;
  readonly log: Logger;
  /** Plugins to start with. */
  readonly plugins: readonly PluginEntry[];
  /** Known but not enabled plugins: listed as `disabled`, named as possible providers and as nearest names. */
  readonly available?: readonly PluginEntry[];
  /** Loads a definition by file path for `control.enable(file)`. Rejects with ERR_PLUGIN_IMPORT or ERR_PLUGIN_INVALID. */
  readonly loadPlugin?: (file: string) => Promise<PluginEntry>;
  /** Makes and names the data directory of a plugin. Without it a plugin that reads `ctx.dataDir` gets an error. */
  readonly dataDirOf?: (plugin: string) => string | Promise<string>;
  readonly limits?: Partial<KernelLimits>;
  /** Called after an enable, disable or swap that an operator asked for, and after a swap was taken back. */
  readonly onDesiredChange?: (change: DesiredChange) => void | Promise<void>;
  readonly onProgress?: (event: KernelProgress) => void;
}

export interface StartReport {
  readonly ms: number;
  /** How each enabled plugin came out of it, in order of the graph: providers before consumers. */
  readonly plugins: readonly PluginInfo[];
}

/** What hung or threw while the kernel stopped. */
export interface StopProblem {
  readonly plugin: string;
  readonly code: string;
  readonly message: string;
}

export interface StopReport {
  readonly ms: number;
  readonly problems: readonly StopProblem[];
}

export interface Kernel {
  /**
   * Resolves the whole set, then builds and starts it. Rejects with ERR_GRAPH (a GraphError with all `problems`; nothing
   * was run then), or with the error of a `required` plugin that failed (everything was stopped again then).
   */
  start(): Promise<StartReport>;
  /** Stops everything in reverse order of dependency, with deadlines. Idempotent. */
  stop(reason?: StopReason): Promise<StopReport>;
  readonly control: KernelControl;
  /** Resolves (never rejects) when a `required` plugin failed for good: shut down then. */
  readonly failed: Promise<KernelError>;
  /** The slot of a service, for the embedder. */
  service<S extends ServiceToken>(token: S): RequiredDep<S>;
  /**
   * Counts a fault that the embedder traced to a plugin: an exception outside of the kernel's borders, in a callback that the
   * plugin gave to somebody else. False: no plugin of that name runs.
   */
  reportFault(plugin: string, error: unknown): boolean;
  /** Figures of every service method called so far. */
  serviceCalls(): readonly ServiceCallInfo[];
}
