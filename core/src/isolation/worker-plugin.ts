import {
  KernelError,
  errorMessage,
  type AnyHookToken,
  type DeadlineWatch,
  type LogFields,
  type PluginContext,
  type PluginInstance,
  type TapOptions,
} from '@timonel/sdk';
import type { KernelLimits } from '../kernel/limits.ts';
import { WorkerThread, receivedError, type WorkerData } from './worker-thread.ts';

/** What a plugin in a worker needs beside its context. */
type Origin = Pick<WorkerData, 'moduleUrl' | 'dataDir'>;

interface WorkerTools {
  readonly limits: KernelLimits;
  readonly deadlines: DeadlineWatch;
  /** The thread is gone while the plugin was meant to live. */
  readonly onLost: (error: KernelError) => void;
}

/**
 * The setup of a plugin with isolation 'worker'. For the rest of the kernel it is a plugin like any other, whose taps,
 * clean-ups and lifecycle calls happen to pass messages to a thread: deadlines, order, figures and blame are those of
 * all plugins. Subject, context and result of a tap are copies (structured clone).
 */
export async function setupInWorker(ctx: PluginContext, origin: Origin, tools: WorkerTools): Promise<PluginInstance> {
  const { limits, deadlines } = tools;
  let setupDone = false;
  let refused: { readonly error: unknown } | undefined;

  const tap = (key: unknown, hook: AnyHookToken, options: TapOptions): void => {
    try {
      const deadlineMs = Math.min(options.deadlineMs ?? Number.POSITIVE_INFINITY, hook.options.deadlineMs);
      ctx.tap(hook, (subject, context) => callTap(thread, tools, deadlineMs, [key, subject, context]), options);
    } catch (error) {
      // The plugin cannot catch it any more: its call of ctx.tap has returned.
      if (setupDone) ctx.reportFault(error);
      else refused ??= { error };
    }
  };
  const onTold = (what: string, args: readonly unknown[]): void => {
    if (what === 'tap') tap(args[0], args[1] as AnyHookToken, args[2] as TapOptions);
    else if (what === 'dispose') ctx.dispose(() => closing(thread, 'dispose', args[0]));
    else if (what === 'fault') ctx.reportFault(receivedError(args[0]));
    else ctx.log[args[0] as 'info'](args[1] as LogFields, String(args[2]));
  };
  const onLost = (error: KernelError): void => {
    if (!ctx.signal.aborted) tools.onLost(error);
  };

  const data = { name: ctx.name, config: ctx.config, ...origin };
  let thread: WorkerThread;
  try {
    thread = new WorkerThread(data, { limits, deadlines, onTold, onLost });
  } catch (error) {
    throw unsendable('the configuration', error);
  }
  ctx.dispose(() => thread.terminate());
  ctx.signal.addEventListener('abort', () => thread.abort(errorMessage(ctx.signal.reason)), { once: true });
  await thread.request('setup');
  setupDone = true;
  if (refused !== undefined) throw refused.error;
  return {
    start: async () => {
      await thread.request('start');
      // A loop in a callback of the plugin's own misses no deadline.
      ctx.env.timers.every(limits.probeMs, () => void thread.ping(limits.probeMs).catch(() => undefined));
    },
    probe: async () => void (await thread.request('probe')),
    drain: (deadlineMs) => closing(thread, 'drain', deadlineMs),
    stop: (reason) => closing(thread, 'stop', reason),
  };
}

function unsendable(what: string, error: unknown): Error {
  const why = `${what} cannot be sent to a worker thread (${errorMessage(error)})`;
  return new Error(`${why}: give the plugin isolation 'in-process'`, { cause: error });
}

/** Calls one tap. A call over its deadline is the tap's matter; whether the thread still lives is looked at here. */
function callTap(
  thread: WorkerThread,
  { limits, deadlines }: WorkerTools,
  deadlineMs: number,
  args: readonly unknown[],
): Promise<unknown> {
  if (thread.waitingCalls >= limits.workerCallsLimit) {
    throw new Error(`${thread.waitingCalls} calls wait in its worker thread already`);
  }
  let answer: Promise<unknown>;
  try {
    answer = thread.request('tap', ...args);
  } catch (error) {
    throw unsendable('the subject or context', error);
  }
  const deadline = deadlines.add(deadlineMs, () => {
    // When it fails the thread is lost, which is reported there.
    thread.assertAnswers().catch(() => undefined);
  });
  const over = (): void => deadlines.remove(deadline);
  answer.then(over, over);
  return answer;
}

/** A call on the way out: not made when the thread is gone, and not waited for when its event loop stands still. */
async function closing(thread: WorkerThread, method: string, ...args: unknown[]): Promise<void> {
  if (thread.ended !== undefined) return;
  await thread.assertAnswers();
  await thread.request(method, ...args);
}
