/**
 * Hooks: typed extension points. A hook is a token; the kernel holds the tapable hook behind it. The kind states the
 * semantics:
 *
 * | kind      | a tap returns                | the caller gets                             | a throw (policy `fail`)   |
 * | waterfall | the new subject or undefined | the last subject                            | the call fails            |
 * | collect   | a list of findings or undefined | all findings of all taps                 | the call fails            |
 * | bail      | an answer or undefined       | the first answer, or undefined              | the call fails            |
 * | notify    | nothing                      | nothing                                     | skipped and blamed        |
 *
 * `undefined` always means "no opinion". With policy `skip` a tap that throws or exceeds its deadline is left out and
 * blamed; with `fail` the caller gets `ERR_TAP_FAILED` or `ERR_TAP_TIMEOUT`, which names the plugin.
 */
export type HookKind = 'waterfall' | 'collect' | 'bail' | 'notify';

/** What happens to the call when a tap throws or runs past its deadline. */
export type TapErrorPolicy = 'fail' | 'skip';

/** Options of a hook, chosen by its owner. */
export interface HookOptions {
  /** What a reader must know: when it is called, by whom, and whether a tap may mutate the subject. */
  readonly description: string;
  /** Time allowed to one tap in ms. Default 1000. */
  readonly deadlineMs?: number;
  /** Time allowed to all taps of one call together, in ms: those that come late get what is left. Default: no limit but that of each. */
  readonly budgetMs?: number;
  /** Default: `fail`, for `notify` always `skip`. */
  readonly onError?: TapErrorPolicy;
  /** Named places in the order of taps; lower runs first. A tap without a stage runs at 0. */
  readonly stages?: Readonly<Record<string, number>>;
}

/** A typed hook. `S`: subject, `C`: context, `R`: what one tap may return, `O`: what the caller gets. */
export interface HookToken<S = unknown, C = unknown, R = unknown, O = unknown> {
  readonly $$type: '@timonel/hook';
  /** `<owner>.<subject>.<moment>`, for example `api.object.mutate`. */
  readonly id: string;
  readonly kind: HookKind;
  readonly options: Required<HookOptions>;
  /** Phantom. Never present at run time. */
  readonly types?: { subject: S; context: C; result: R; outcome: O };
}

// A phantom that a tuple position cannot hold; `any` keeps the constraint open for every subject type.
// oxlint-disable-next-line no-explicit-any
export type AnyHookToken = HookToken<any, any, any, any>;

function hook<S, C, R, O>(kind: HookKind, id: string, options: HookOptions): HookToken<S, C, R, O> {
  return {
    $$type: '@timonel/hook',
    id,
    kind,
    options: {
      description: options.description,
      deadlineMs: options.deadlineMs ?? 1000,
      budgetMs: options.budgetMs ?? Number.POSITIVE_INFINITY,
      onError: kind === 'notify' ? 'skip' : (options.onError ?? 'fail'),
      stages: options.stages ?? {},
    },
  };
}

/** Every tap may return a changed subject; the caller gets the last one. */
export function waterfallHook<S, C>(id: string, options: HookOptions): HookToken<S, C, S, S> {
  return hook('waterfall', id, options);
}

/** Every tap may return findings; the caller gets them all. */
export function collectHook<S, C, I>(id: string, options: HookOptions): HookToken<S, C, readonly I[], I[]> {
  return hook('collect', id, options);
}

/** The first tap that returns something other than undefined decides. */
export function bailHook<S, C, R>(id: string, options: HookOptions): HookToken<S, C, R, R | undefined> {
  return hook('bail', id, options);
}

/** Tells everybody; nobody can stop it. */
export function notifyHook<S, C>(id: string, options: HookOptions): HookToken<S, C, void, void> {
  return hook('notify', id, options);
}

/** The function a plugin taps with. */
export type TapFunction<H extends AnyHookToken> =
  H extends HookToken<infer S, infer C, infer R>
    ? (subject: S, context: C) => R | undefined | void | Promise<R | undefined | void>
    : never;

/** Options of `ctx.tap`. */
export interface TapOptions {
  /** Order among taps: lower first. Use the hook's named stages. Default 0. */
  readonly stage?: number;
  /** Overrides the hook's policy for this tap. */
  readonly onError?: TapErrorPolicy;
  /** Shortens the hook's deadline for this tap, in ms. */
  readonly deadlineMs?: number;
  /**
   * Asked also about what its own plugin does, which is passed by otherwise: for a tap that the plugin's own objects need, as those
   * of others do. One that refuses can stop its own plugin by this.
   */
  readonly ownToo?: boolean;
}

/** On whose behalf a hook is called: some taps must not get in the way. */
export interface HookCallOptions {
  /** The plugin that wants it (see `ctx.caller`): its own taps are passed by. */
  readonly by?: string | undefined;
  /** The cluster locks itself out when this is stopped: only taps of built-in plugins are asked. */
  readonly essential?: boolean;
}

/** What the owner of a hook calls. */
export interface HookCaller<H extends AnyHookToken> {
  /** Number of live taps. A caller on a hot path skips the call at 0. */
  readonly size: number;
  call(
    subject: H extends HookToken<infer S> ? S : never,
    context: H extends HookToken<unknown, infer C> ? C : never,
    options?: HookCallOptions,
  ): Promise<H extends HookToken<unknown, unknown, unknown, infer O> ? O : never>;
}

/** The hooks an owner declares: one frozen record. */
export type HookRecord = Readonly<Record<string, AnyHookToken>>;

/** The callable form of an owner's hooks. */
export type HookCallers<H extends HookRecord> = { readonly [K in keyof H]: HookCaller<H[K]> };
