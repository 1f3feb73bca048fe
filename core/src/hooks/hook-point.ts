import type { AnyHookToken, HookCaller } from '@timonel/sdk';
import { AsyncSeriesBailHook, AsyncSeriesHook, AsyncSeriesWaterfallHook } from 'tapable';
import { Tap, type TapDone } from './tap.ts';

type Answer = (error: unknown, result?: unknown) => void;

// The three classes have different type arguments; the kernel uses only what they share.
interface AsyncHook {
  readonly taps: { readonly name: string }[];
  readonly interceptors: unknown[];
  intercept(interceptor: object): void;
  tapAsync(options: { name: string; stage: number }, fn: (...args: unknown[]) => void): void;
  callAsync(subject: unknown, context: unknown, findingsOrAnswer: unknown, answer?: Answer): void;
}

// tapable passes no arguments at all to taps of a hook that was made without their names.
function createHook({ kind, id }: AnyHookToken): AsyncHook {
  if (kind === 'waterfall') return new AsyncSeriesWaterfallHook<[unknown, unknown]>(['subject', 'context'], id);
  if (kind === 'bail') return new AsyncSeriesBailHook<[unknown, unknown], unknown>(['subject', 'context'], id);
  if (kind === 'notify') return new AsyncSeriesHook<[unknown, unknown]>(['subject', 'context'], id);
  const names = ['subject', 'context', 'findings'] as const;
  return new AsyncSeriesHook<[unknown, unknown, unknown]>(names, id) as unknown as AsyncHook;
}

/** A hook by its id: outlives the plugins that own it and the plugins that tap it. */
export class HookPoint implements HookCaller<AnyHookToken> {
  /** The owner's token once one is known, else that of the first tap. */
  token: AnyHookToken;
  private readonly hook: AsyncHook;
  private readonly taps = new Set<Tap>();
  private sequence = 0;

  constructor(token: AnyHookToken) {
    this.token = token;
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
    this.hook.tapAsync({ name, stage: tap.settings.stage }, (subject, context, third, fourth) => {
      if (!collects) {
        tap.invoke(subject, context, third as TapDone);
        return;
      }
      tap.invoke(subject, context, (error, found) => {
        if (Array.isArray(found)) (third as unknown[]).push(...(found as unknown[]));
        (fourth as TapDone)(error);
      });
    });
    return () => this.remove(name, tap);
  }

  /** `subject` and `context` go to every tap in order of stage. See HookKind for what comes back. */
  call(subject: unknown, context: unknown): Promise<unknown> {
    const { kind } = this.token;
    if (this.size === 0) return Promise.resolve(kind === 'waterfall' ? subject : kind === 'collect' ? [] : undefined);
    return new Promise((resolve, reject) => {
      const findings: unknown[] = [];
      const answer: Answer = (error, result) => {
        // Taps make every error a KernelError.
        if (error !== null && error !== undefined) reject(error);
        else resolve(kind === 'collect' ? findings : kind === 'notify' ? undefined : result);
      };
      if (kind === 'collect') this.hook.callAsync(subject, context, findings, answer);
      else this.hook.callAsync(subject, context, answer);
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
