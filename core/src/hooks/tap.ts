import {
  KernelError,
  Latency,
  errorMessage,
  type AnyHookToken,
  type Clock,
  type DeadlineWatch,
  type Histogram,
  type HookCallOptions,
  type KernelErrorCode,
  type KernelErrorOptions,
  type KernelFigures,
  type TapErrorPolicy,
  type TapInfo,
} from '@timonel/sdk';
import { callWithin, cutOff } from '../lifecycle/call-within.ts';
import type { Activity } from '../supervision/activity.ts';
import type { Busy } from '../lifecycle/drained.ts';
import { isThenable } from '../lifecycle/thenable.ts';

/** What every tap needs from the kernel. */
export interface TapSurroundings {
  readonly clock: Clock;
  readonly deadlines: DeadlineWatch;
  readonly activity: Activity;
  /** Absent in tests of hooks alone. */
  readonly figures?: Pick<KernelFigures, 'hookDuration' | 'hookFailures'>;
}

/** The function as the kernel calls it: nothing is known of its types. */
export type UntypedTap = (subject: unknown, context: unknown) => unknown;

/** Ends one call of a tap: an error, or its answer. */
export type TapDone = (error: Error | null, result?: unknown) => void;

/** One call of a tap. */
export interface TapCall {
  readonly subject: unknown;
  readonly context: unknown;
  /** When the time of all taps of the call is over: monotonic ms. */
  readonly endsAt: number;
  readonly done: TapDone;
}

/** Whose a tap is. */
export interface TapOwner {
  readonly plugin: string;
  readonly fn: UntypedTap;
  /** Cut off also when it does not return at all: costs about 0.1 ms a call. */
  readonly limited: boolean;
  readonly builtIn: boolean;
  readonly onFault: (error: KernelError) => void;
}

/** A call whose answer is still to come. */
interface PendingCall extends Pick<TapCall, 'subject' | 'done'> {
  readonly startedAt: number;
  readonly limitMs: number;
}

export interface TapSettings extends TapOwner {
  readonly token: AnyHookToken;
  readonly stage: number;
  readonly deadlineMs: number;
  readonly onError: TapErrorPolicy;
  /** Asked also about what its own plugin does. */
  readonly ownToo: boolean;
}

/** Why a result does not fit the hook, as far as can be told without knowing the types. */
function shapeProblem(token: AnyHookToken, subject: unknown, result: unknown): string | undefined {
  if (result === undefined || token.kind === 'bail' || token.kind === 'notify') return undefined;
  if (token.kind === 'collect') return Array.isArray(result) ? undefined : 'a list of findings or undefined';
  if (subject === null || subject === undefined) return undefined;
  if (Array.isArray(subject) !== Array.isArray(result)) return Array.isArray(subject) ? 'a list' : 'the subject';
  const fits = result !== null && typeof result === typeof subject;
  return fits ? undefined : `a value of type ${typeof subject} or undefined`;
}

/** One function on one hook: owned, timed, guarded by a deadline, blamed for what it does. */
export class Tap implements Busy {
  /** Only then calls reach it; those it has when it goes may end. */
  live = false;
  /** Takes it off its hook for good. */
  remove: () => void = () => undefined;
  readonly settings: TapSettings;
  private readonly surroundings: TapSurroundings;
  private readonly latency = new Latency();
  private readonly duration: Histogram | undefined;
  readonly pending: Set<() => void> = new Set();
  onIdle: (() => void) | undefined;
  private readonly counts = { calls: 0, errors: 0, timeouts: 0, refusals: 0 };

  constructor(settings: TapSettings, surroundings: TapSurroundings) {
    this.settings = settings;
    this.surroundings = surroundings;
    this.duration = surroundings.figures?.hookDuration.of(settings.token.id, settings.plugin);
  }

  info(): TapInfo {
    return {
      hook: this.settings.token.id,
      stage: this.settings.stage,
      onError: this.settings.onError,
      ...this.counts,
      p50Us: this.latency.quantileUs(0.5),
      p99Us: this.latency.quantileUs(0.99),
    };
  }

  /** Answers the calls that still wait with "no opinion": their plugin is gone. */
  release(): void {
    this.live = false;
    for (const cut of this.pending) cut();
  }

  /** Whether it must not get in the way of such a call. */
  passesBy({ by, essential }: HookCallOptions): boolean {
    const { plugin, builtIn, ownToo } = this.settings;
    return (essential === true && !builtIn) || (by === plugin && !ownToo);
  }

  invoke({ subject, context, endsAt, done }: TapCall): void {
    if (!this.live) {
      done(null);
      return;
    }
    const { clock, activity } = this.surroundings;
    const { plugin, fn, limited } = this.settings;
    const startedAt = clock.monotonic();
    const limitMs = Math.min(this.settings.deadlineMs, endsAt - startedAt);
    if (limitMs <= 0) {
      this.cameTooLate(done);
      return;
    }
    this.counts.calls++;
    const caller = activity.current;
    activity.current = plugin;
    let result: unknown;
    let thrown: { readonly error: unknown } | undefined;
    try {
      result = limited ? callWithin(limitMs, () => fn(subject, context)) : fn(subject, context);
    } catch (error) {
      thrown = { error };
    }
    const leftAt = activity.leave(plugin, caller, startedAt);
    if (isThenable(result)) {
      this.await(result, { startedAt, limitMs, subject, done });
      return;
    }
    this.took(leftAt - startedAt);
    if (thrown !== undefined) this.threw(thrown.error, done);
    else if (result === cutOff) this.timedOut(limitMs, done);
    else this.answer(subject, result, done);
  }

  private await(result: PromiseLike<unknown>, { startedAt, limitMs, subject, done }: PendingCall): void {
    const { clock, deadlines, activity } = this.surroundings;
    const finish = (): boolean => {
      if (!this.pending.delete(cut)) return false;
      if (this.pending.size === 0) this.onIdle?.();
      deadlines.remove(deadline);
      this.took(clock.monotonic() - startedAt);
      activity.last = activity.current;
      return true;
    };
    const cut = (): void => {
      if (finish()) done(null);
    };
    const deadline = deadlines.add(limitMs, () => {
      if (finish()) this.timedOut(limitMs, done);
    });
    this.pending.add(cut);
    result.then(
      (value) => finish() && this.answer(subject, value, done),
      (error: unknown) => finish() && this.threw(error, done),
    );
  }

  private took(ms: number): void {
    this.latency.record(ms);
    this.duration?.observe(ms / 1000);
  }

  private answer(subject: unknown, result: unknown, done: TapDone): void {
    const wanted = shapeProblem(this.settings.token, subject, result);
    if (wanted === undefined) {
      if (this.settings.token.kind === 'collect' && (result as readonly unknown[] | undefined)?.length)
        this.counts.refusals++;
      done(null, result);
    } else this.failed('ERR_TAP_RESULT', `must return ${wanted}`, done);
  }

  private threw(cause: unknown, done: TapDone): void {
    this.failed('ERR_TAP_FAILED', `threw: ${errorMessage(cause)}`, done, { cause });
  }

  private timedOut(limitMs: number, done: TapDone): void {
    this.failed('ERR_TAP_TIMEOUT', `did not answer within ${Math.ceil(limitMs)} ms`, done, { retryable: true });
  }

  /** The taps before it have taken all the time there was: that is not its fault. */
  private cameTooLate(done: TapDone): void {
    const { plugin, token, onError } = this.settings;
    const message = `the tap of plugin '${plugin}' on hook '${token.id}' was not asked: those before it took all of the ${token.options.budgetMs} ms`;
    done(onError === 'skip' ? null : new KernelError('ERR_TAP_TIMEOUT', message, { retryable: true }));
  }

  private failed(code: KernelErrorCode, what: string, done: TapDone, options: KernelErrorOptions = {}): void {
    const { plugin, token, onFault, onError } = this.settings;
    const isTimeout = code === 'ERR_TAP_TIMEOUT';
    this.counts[isTimeout ? 'timeouts' : 'errors']++;
    this.surroundings.figures?.hookFailures.of(token.id, plugin, isTimeout ? 'timeout' : 'error').add();
    const message = `the tap of plugin '${plugin}' on hook '${token.id}' ${what}`;
    const error = new KernelError(code, message, { ...options, plugin });
    onFault(error);
    done(onError === 'skip' ? null : error);
  }
}
