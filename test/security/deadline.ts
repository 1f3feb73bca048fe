import { createRealEnv } from '@timonel/core/env';

const { timers } = createRealEnv();

/** What the work gives, or `too late` when it takes longer than anything on a busy machine does. */
export async function within<T>(work: Promise<T>, ms = 10_000): Promise<T | 'too late'> {
  let late = (): void => undefined;
  const tooLate = new Promise<'too late'>((resolve) => {
    late = () => resolve('too late');
  });
  const timer = timers.after(ms, () => late());
  try {
    return await Promise.race([work, tooLate]);
  } finally {
    timer.cancel();
  }
}
