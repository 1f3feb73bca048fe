import type { AnyHookToken, HookCallOptions, HookCaller } from '@timonel/sdk';
import { AsyncSeriesBailHook, AsyncSeriesHook, AsyncSeriesWaterfallHook } from 'tapable';
import { Tap, type TapDone } from './tap.ts';

/** One call, as every tap of it sees it. */
interface HookCall {
  readonly findings: unknown[];
  /** Monotonic ms. */
  readonly endsAt: number;
  readonly options: HookCallOptions;
}

const forAnybody: HookCallOptions = Object.freeze({});

type Arguments = [subject: unknown, context: unknown, call: HookCall];

// The three classes have different type arguments; the kernel uses only what they share.
interface AsyncHook {
  readonly taps: { readonly name: string }[];
  readonly interceptors: unknown[];
  intercept(interceptor: object): void;
  tapAsync(options: { name: string; stage: number }, fn: (...args: [...Arguments, TapDone]) => void): void;
  callAsync(...args: [...Arguments, TapDone]): void;
}

function createHook({ kind, id }: AnyHookToken): AsyncHook {
  // tapable passes no arguments at all to taps of a hook that was made without their names.
  const names = ['subject', 'context', 'call'] as const;
  if (kind === 'waterfall') return new AsyncSeriesWaterfallHook<Arguments>(names, id);
  if (kind === 'bail') return new AsyncSeriesBailHook<Arguments, unknown>(names, id);
  // Its taps have no result to give; what they give is ignored.
  return new AsyncSeriesHook<Arguments>(names, id) as unknown as AsyncHook;
}

function collectInto(findings: unknown[], done: TapDone): TapDone {
  return (error, found) => {
    if (Array.isArray(found)) findings.push(...(found as unknown[]));
    done(error);
  };
}

/** A hook by its id: outlives the plugins that own it and the plugins that tap it. */
export class HookPoint implements HookCaller<AnyHookToken> {
  /** The owner's token once one is known, else that of the first tap. */
  token: AnyHookToken;
  private readonly hook: AsyncHook;
  private readonly taps = new Set<Tap>();
  private sequence = 0;
  private readonly now: () => number;

  /** `now`: monotonic ms. */
  constructor(token: AnyHookToken, now: () => number) {
    this.token = token;
    this.now = now;
    this.hook = createHook(token);
  }

  /** Live taps. */
  get size(): number {
    let live = 0;
    for (const tap of this.taps) if (tap.live) live++;
    return live;
  }

  /** Adds a tap that does nothing until it is live. Returns its removal. */
  add(tap: Tap): () => void {
    const name = `${tap.settings.plugin}#${this.sequence++}`;
    this.taps.add(tap);
    const collects = this.token.kind === 'collect';
    this.hook.tapAsync({ name, stage: tap.settings.stage }, (subject, context, call, done) => {
      const { findings, endsAt } = call;
      if (tap.passesBy(call.options)) done(null);
      else tap.invoke({ subject, context, endsAt, done: collects ? collectInto(findings, done) : done });
    });
    return () => this.remove(name, tap);
  }

  /** `subject` and `context` go to every tap in order of stage. See HookKind for what comes back. */
  call(subject: unknown, context: unknown, callOptions: HookCallOptions = forAnybody): Promise<unknown> {
    const { kind, options } = this.token;
    if (this.size === 0) return Promise.resolve(kind === 'waterfall' ? subject : kind === 'collect' ? [] : undefined);
    return new Promise((resolve, reject) => {
      const findings: unknown[] = [];
      const answer: TapDone = (error, result) => {
        // tapable leaves it out when there is none.
        if (error) reject(error);
        else resolve(kind === 'collect' ? findings : kind === 'notify' ? undefined : result);
      };
      // A token that was made elsewhere may have none.
      const endsAt = Number.isFinite(options.budgetMs) ? this.now() + options.budgetMs : Number.POSITIVE_INFINITY;
      this.hook.callAsync(subject, context, { findings, endsAt, options: callOptions }, answer);
    });
  }

  private remove(name: string, tap: Tap): void {
    if (!this.taps.delete(tap)) return;
    const index = this.hook.taps.findIndex((other) => other.name === name);
    if (index >= 0) this.hook.taps.splice(index, 1);
    // Adding an interceptor makes tapable forget the compiled function, which still calls the removed tap.
    this.hook.intercept({});
    this.hook.interceptors.pop();
    tap.release();
  }
}
