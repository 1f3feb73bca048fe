/** Work that is done over and over, one run at a time. */
import { errorMessage, type Env, type Logger, type TimerHandle } from '@timonel/sdk';

export interface Repeated {
  /** Lets a run that is under way end. */
  stop(): Promise<void>;
}

/** A failure is tried again so soon; the namespace of the Leases is made a moment after the first start. */
const retryMs = 1000;

/** Runs at once, and each period after that; after a failure sooner. A failure that is not the first in a row is logged. */
export function repeat(env: Env, log: Logger, what: string, periodMs: number, work: () => Promise<void>): Repeated {
  let running: Promise<void> | undefined;
  let stopped = false;
  let failures = 0;
  let timer: TimerHandle | undefined;
  const once = async (): Promise<void> => {
    try {
      await work();
      failures = 0;
    } catch (error) {
      failures += 1;
      const level = failures === 2 ? 'warn' : 'debug';
      log[level]({ error: errorMessage(error) }, `${what} failed, will try again`);
    }
    if (!stopped) timer = env.timers.after(failures === 0 ? periodMs : Math.min(retryMs, periodMs), run);
  };
  const run = (): void => {
    running = once();
  };
  run();
  return {
    async stop() {
      stopped = true;
      timer?.cancel();
      await running;
    },
  };
}
