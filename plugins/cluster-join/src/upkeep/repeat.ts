/** Work that is done over and over, one run at a time. */
import { errorMessage, type Env, type Logger } from '@timonel/sdk';

export interface Repeated {
  /** Lets a run that is under way end. */
  stop(): Promise<void>;
}

/** Runs at once, and each period after that; a failure is logged and tried again at the next run. */
export function repeat(env: Env, log: Logger, what: string, periodMs: number, work: () => Promise<void>): Repeated {
  let running: Promise<void> | undefined;
  let stopped = false;
  const run = (): void => {
    if (running !== undefined || stopped) return;
    running = work()
      .catch((error: unknown) => log.warn({ error: errorMessage(error) }, `${what} failed, will try again`))
      .finally(() => (running = undefined));
  };
  run();
  const timer = env.timers.every(periodMs, run);
  return {
    async stop() {
      stopped = true;
      timer.cancel();
      await running;
    },
  };
}
