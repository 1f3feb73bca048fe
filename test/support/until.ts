/** The wait of the testkit, for conditions that cost more to look at: programs, clusters, other machines. */
import { until as untilOften, type Held, type UntilOptions } from '@timonel/testkit/until';

export function until<T>(condition: () => T | Promise<T>, options: UntilOptions): Promise<Held<T>> {
  return untilOften(condition, { intervalMs: 50, ...options });
}
