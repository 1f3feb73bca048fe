import type { StandardSchemaV1 } from '@standard-schema/spec';
import type { Env } from './env.ts';
import type { AnyHookToken, HookCallers, HookRecord, TapFunction, TapOptions } from './hook.ts';
import type { Logger } from './log.ts';
import type { MetricOpener } from './metrics/index.ts';
import type { OptionalDep, RequiredDep, ServiceOf, TokenRecord } from './service.ts';

/** The version of the plugin API that this sdk speaks. */
export const pluginApiVersion = 1;

/**
 * Where a plugin's code runs. `worker` plugins run in a thread of their own, with a bounded heap and without the kernel's
 * memory. They may only tap hooks (no services, no hooks of their own). A tap gets copies (structured clone): what it
 * changes counts only when it returns it, and hooks whose subject or context holds functions fail with ERR_TAP_FAILED. A
 * thread that loops is ended once a tap misses its deadline, and the plugin restarts with back-off; calls meanwhile pass
 * it by, as they do while a plugin is in quarantine. `ctx.env` is the real one there, under simulation too.
 *
 * `in-process` plugins run in the kernel's own thread. A loop without end in a lifecycle call stops everything until the
 * deadline of that call and is then cut off; in a tap, only when the plugin comes from a file; in a method of
 * a service, only when its caller limits it by `ctx.within`; after an `await`, never.
 */
export type Isolation = 'in-process' | 'worker';

/**
 * How a provider may be replaced while it runs. `never`: only by a restart of the process. `drain`: calls in flight end,
 * then the new one serves. `handover`: as drain, and `exportState` of the old goes to `importState` of the new.
 */
export type SwapMode = 'never' | 'drain' | 'handover';

/** `required`: the process shuts down cleanly when the plugin fails for good. `optional`: it is quarantined and restarted. */
export type Criticality = 'required' | 'optional';

/** Why a plugin is stopped. Containers and other things outside of the process may outlive all but `shutdown` and `disable`. */
export type StopReason = 'shutdown' | 'disable' | 'swap' | 'restart' | 'failure';

/** The services an instance provides, under the keys of the definition's `provides`. */
export type ProvidedServices<P extends TokenRecord> = { readonly [K in keyof P]: ServiceOf<P[K]> };

/** What `ctx.deps` holds: required services, and optional ones as references. */
export type Deps<R extends TokenRecord, O extends TokenRecord> = {
  readonly [K in keyof R]: RequiredDep<R[K]>;
} & { readonly [K in keyof O]: OptionalDep<O[K]> };

/**
 * Everything a plugin gets from the kernel. Whatever is registered through it is undone by the kernel in reverse order
 * when the plugin stops or fails half-way: taps, timers, disposers.
 */
export interface PluginContext<
  R extends TokenRecord = TokenRecord,
  O extends TokenRecord = TokenRecord,
  H extends HookRecord = HookRecord,
  C = unknown,
> {
  readonly name: string;
  readonly deps: Deps<R, O>;
  /** The checked configuration, with defaults filled in. */
  readonly config: C;
  readonly log: Logger;
  readonly env: Env;
  /** Aborted when the plugin begins to stop. */
  readonly signal: AbortSignal;
  /** A directory of the plugin's own. Exists when `setup` runs; kept over restarts. Absolute path. */
  readonly dataDir: string;
  /** The hooks this plugin owns, ready to call. */
  readonly hooks: HookCallers<H>;
  /** Opens metrics that the plugin declares; they are shown as long as it lives. Not in a worker thread. */
  readonly metrics: MetricOpener;
  /** Adds a tap. Always treated as asynchronous: `fn` may return a promise. */
  tap<T extends AnyHookToken>(hook: T, fn: TapFunction<T>, options?: TapOptions): void;
  /** Registers a clean-up. Runs in reverse order of registration, each with a deadline, also after a failed setup. */
  dispose(fn: () => void | Promise<void>): void;
  /**
   * In a method of a service of this plugin, before its first `await`: the plugin that called it. Undefined elsewhere, and in a worker
   * thread, which serves nobody.
   */
  caller(): string | undefined;
  /** Counts a fault against the plugin's error budget. For work that runs outside of kernel calls (loops, streams). */
  reportFault(error: unknown): void;
  /**
   * Calls `fn`, and cuts it off when it has not returned after `limitMs` (at least 1): for calls of services whose loop
   * without end would stop the process. Throws ERR_PLUGIN_TIMEOUT then, which names the plugin that was at work in `plugin`
   * and is counted as its fault, not the caller's. What `fn` throws passes through.
   *
   * Only what runs before `fn` returns is limited, nothing after an `await`. What is cut off ends where it stands, without
   * its `catch` and `finally`. A call costs about 0.1 ms: wrap one for a batch, not one for each element. Not in a worker
   * thread.
   */
  within<T>(limitMs: number, fn: () => T): T;
}

/** What `setup` returns. Every part but `provides` is optional. */
export interface PluginInstance<P extends TokenRecord = TokenRecord> {
  /** One implementation for each key of the definition's `provides`. May be left out when nothing is provided. */
  readonly provides?: ProvidedServices<P>;
  /** Begins the work. Services of required plugins are running by now. Resolve when ready to serve. */
  start?(signal: AbortSignal): void | Promise<void>;
  /** Throws when the instance is not fit to serve. Called before a swap switches and during probation. */
  probe?(): void | Promise<void>;
  /** Takes no new work and resolves when the old work is done; gives up at the deadline. */
  drain?(deadlineMs: number): void | Promise<void>;
  /** For `swap: 'handover'`: plain data (structured-clonable). */
  exportState?(): unknown;
  importState?(state: unknown, from: { readonly plugin: string; readonly version: string }): void | Promise<void>;
  stop?(reason: StopReason): void | Promise<void>;
  /** How long `stop` may take where that is longer than the kernel's limit of it, for work that others wait for. An hour at most. */
  readonly stopMs?: number;
}

/** A plugin: one plain object, without side effects at import. */
export interface PluginDefinition<
  P extends TokenRecord = TokenRecord,
  R extends TokenRecord = TokenRecord,
  O extends TokenRecord = TokenRecord,
  H extends HookRecord = HookRecord,
  S extends StandardSchemaV1 = StandardSchemaV1,
> {
  readonly $$type: '@timonel/plugin';
  /** `<kind>-<implementation>`, a DNS label: `scheduler-binpack`. */
  readonly name: string;
  readonly version: string;
  readonly apiVersion: number;
  /** One sentence for `timonel plugin list`. */
  readonly description: string;
  readonly provides: P;
  readonly requires: R;
  readonly optional: O;
  readonly hooks: H;
  readonly config: S | undefined;
  /** Undefined: the kernel chooses, see {@link PluginInput.isolation}. */
  readonly isolation: Isolation | undefined;
  readonly swap: SwapMode;
  readonly criticality: Criticality;
  setup(
    ctx: PluginContext<R, O, H, StandardSchemaV1.InferOutput<S>>,
  ): PluginInstance<P> | void | Promise<PluginInstance<P> | void>;
}

/** What an author writes; everything but name, version and setup has a default. */
export interface PluginInput<
  P extends TokenRecord,
  R extends TokenRecord,
  O extends TokenRecord,
  H extends HookRecord,
  S extends StandardSchemaV1,
> {
  readonly name: string;
  readonly version: string;
  readonly apiVersion: 1;
  readonly description?: string;
  readonly provides?: P;
  readonly requires?: R;
  readonly optional?: O;
  readonly hooks?: H;
  /** A Standard Schema (zod and others). Strict object schemas give better errors. */
  readonly config?: S;
  /** Default: `worker` for a plugin from a file that only taps hooks (no services, no hooks of its own), else `in-process`. */
  readonly isolation?: Isolation;
  /** Default `drain`. */
  readonly swap?: SwapMode;
  /** Default `optional`. */
  readonly criticality?: Criticality;
  setup(
    ctx: PluginContext<R, O, H, StandardSchemaV1.InferOutput<S>>,
  ): PluginInstance<P> | void | Promise<PluginInstance<P> | void>;
}

// `object` would widen the inferred records; an empty record type infers "nothing declared".
// oxlint-disable-next-line no-generated-empty-object-type
type None = Readonly<Record<never, never>>;

/** A definition of any shape, as the kernel handles it. */
// oxlint-disable-next-line no-explicit-any
export type AnyPlugin = PluginDefinition<any, any, any, any, any>;

/** Defines a plugin. Give the result as the default export of the plugin's file. */
export function definePlugin<
  const P extends TokenRecord = None,
  const R extends TokenRecord = None,
  const O extends TokenRecord = None,
  const H extends HookRecord = None,
  S extends StandardSchemaV1 = StandardSchemaV1<unknown, Record<string, never>>,
>(input: PluginInput<P, R, O, H, S>): PluginDefinition<P, R, O, H, S> {
  return {
    $$type: '@timonel/plugin',
    name: input.name,
    version: input.version,
    apiVersion: input.apiVersion,
    description: input.description ?? '',
    provides: input.provides ?? ({} as P),
    requires: input.requires ?? ({} as R),
    optional: input.optional ?? ({} as O),
    hooks: input.hooks ?? ({} as H),
    config: input.config,
    isolation: input.isolation,
    swap: input.swap ?? 'drain',
    criticality: input.criticality ?? 'optional',
    setup: (ctx) => input.setup(ctx),
  };
}
