import { notifyHook, type HookToken, type TapErrorPolicy } from './hook.ts';
import { defineService, type ServiceToken } from './service.ts';

/** The state of a plugin, in order of a normal life; `failed` and `quarantined` are the other ways. */
export type PluginState =
  | 'disabled'
  | 'declared'
  | 'checked'
  | 'built'
  | 'starting'
  | 'running'
  | 'draining'
  | 'stopped'
  | 'disposed'
  | 'failed'
  | 'quarantined';

/** Figures of one tap. Times in µs. */
export interface TapInfo {
  readonly hook: string;
  readonly stage: number;
  /** What happens to a call when this tap throws or is late: `fail` refuses it (closed), `skip` goes on without (open). */
  readonly onError: TapErrorPolicy;
  readonly calls: number;
  readonly errors: number;
  readonly timeouts: number;
  /** Calls that brought findings, of a hook that collects them. */
  readonly refusals: number;
  readonly p50Us: number;
  readonly p99Us: number;
}

/**
 * What stands between a plugin and the rest: `closed` lets calls through; with one fault more than `limit` within `windowMs` it opens,
 * the plugin is stopped and calls pass it by until it is started anew, after `retryInMs`. Without that it stays out.
 */
export interface BreakerInfo {
  readonly state: 'closed' | 'open';
  /** Those that count still. */
  readonly faults: number;
  readonly limit: number;
  readonly windowMs: number;
  readonly retryInMs?: number;
}

/** One entry of `timonel plugin list`. */
export interface PluginInfo {
  readonly name: string;
  readonly version: string;
  readonly description: string;
  /** `built-in`, or the absolute path of the file it came from. */
  readonly source: string;
  /** Whether it is one of those that are to run; not so one that is tried aside, or that failed to take another's place. */
  readonly enabled: boolean;
  readonly state: PluginState;
  /** Why it is in that state, when it is not a normal one: code and message of the last fault, or what it runs aside of. */
  readonly reason: string | undefined;
  /** RFC 3339: when it came into that state. */
  readonly since: string;
  /** Duration of `setup` and of `start` in ms, once known. */
  readonly setupMs: number | undefined;
  readonly startMs: number | undefined;
  readonly criticality: 'required' | 'optional';
  readonly isolation: 'in-process' | 'worker';
  readonly swap: 'never' | 'drain' | 'handover';
  readonly provides: readonly string[];
  readonly requires: readonly string[];
  readonly taps: readonly TapInfo[];
  readonly breaker: BreakerInfo;
  readonly faults: number;
  readonly restarts: number;
}

/** What a swap did. Times in ms. */
export interface SwapReport {
  readonly service: string;
  readonly from: string;
  readonly to: string;
  /** How long new calls were held back. */
  readonly pauseMs: number;
  readonly heldCalls: number;
  readonly drainedCalls: number;
}

/** A plugin that runs beside the provider of a service, where nobody but its watcher notices. */
export interface AsideProvider {
  readonly plugin: string;
  /**
   * The service, wrapped as consumers have it: calls are attributed to the plugin, a block of the event loop is its
   * fault, and what it throws comes through. When the plugin has ended, calls fail with ERR_SERVICE_UNAVAILABLE.
   */
  readonly service: unknown;
  /** Aborted when the plugin ends, whoever ended it. */
  readonly signal: AbortSignal;
  /** Stops the plugin; calls under way fail. `reason` is shown in its entry. May be called again. */
  close(reason?: string): Promise<void>;
}

/** Options of {@link KernelControl.swap}. */
export interface SwapOptions {
  /** How long the new provider is on probation, in ms; 0: not at all. Default: the kernel's limit `probationMs`, 10 s. */
  readonly probationMs?: number;
}

/** A provider that was swapped in and must still prove itself: on trouble the one before serves again. */
export interface ProbationInfo {
  readonly plugin: string;
  /** The plugin that served before. */
  readonly previous: string;
  readonly endsInMs: number;
}

/** Looking into and steering the running kernel. Provided by the kernel itself. */
export interface KernelControl {
  /** Every plugin the kernel knows: enabled ones and those that could be enabled, sorted by name. */
  list(): readonly PluginInfo[];
  /** @throws KernelError ERR_PLUGIN_UNKNOWN, which suggests the nearest name. */
  info(name: string): PluginInfo;
  /** Loads (a name or a path of a .ts, .mts, .js or .mjs file), checks, builds and starts a plugin. The error says why it did not. */
  enable(nameOrFile: string, config?: unknown): Promise<PluginInfo>;
  /** Stops a plugin and undoes all it registered. Refused with ERR_PLUGIN_IN_USE while others require it. */
  disable(name: string): Promise<PluginInfo>;
  /** Replaces the provider of a `one` service while it is in use. On any failure the old one goes on serving. */
  swap(serviceId: string, candidate: string, options?: SwapOptions): Promise<SwapReport>;
  /**
   * Loads, checks, builds, probes and starts a plugin that could take the place of the provider of a `one` service, and
   * gives its service to the caller alone: its taps stay silent, its metrics are not shown, nobody else reaches its
   * services, and its faults are counted against it but touch nobody. Its entry says `aside of service '…'`. On any
   * failure it is gone, and the error says why.
   *
   * It ends by `close`, with the plugin that called, when it is disabled, when it used up its error budget (it is not
   * restarted), and when a service is swapped to it: the swap builds it anew, as it was loaded and configured here. A
   * plugin runs aside only once. Do not wait for this in `setup` or `start`.
   */
  aside(serviceId: string, nameOrFile: string, config?: unknown): Promise<AsideProvider>;
  /** The probation that the provider of a service is in after a swap. */
  probation(serviceId: string): ProbationInfo | undefined;
  /**
   * Says that a provider in probation is no good. The kernel swaps back as after a failed probe, in the background, and
   * shows `reason` in the plugin's entry and in the log. False: no probation is under way, and nothing happens.
   */
  unfit(serviceId: string, reason: string): boolean;
  /** The current provider of a `one` service. */
  providerOf(serviceId: string): string | undefined;
}

/** Token of {@link KernelControl}. */
export const kernelControl: ServiceToken<KernelControl, 'one'> = defineService<KernelControl>('kernel.control', {
  major: 1,
  cardinality: 'one',
  sync: ['list', 'info', 'probation', 'providerOf', 'unfit'],
});

/** A change of state of a plugin. */
export interface PluginStateChange {
  readonly plugin: string;
  readonly from: PluginState;
  readonly to: PluginState;
  readonly reason: string | undefined;
}

/** The hooks the kernel itself owns. */
export const kernelHooks: {
  readonly pluginState: HookToken<PluginStateChange, { readonly at: string }, void, void>;
} = Object.freeze({
  pluginState: notifyHook<PluginStateChange, { readonly at: string }>('kernel.plugin.state', {
    description: 'After a plugin changed its state. Called by the kernel; the subject must not be changed.',
  }),
});
