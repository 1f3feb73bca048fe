import type { SchedulingPlugin } from '../contracts/scheduler/index.ts';
import type { Timers } from './permission.ts';
import { frameworkScheduler, type FrameworkScheduler } from './framework.ts';

export interface SchedulerOfOptions {
  /** In the order in which they run. Scores count with the weight of their plugin. */
  readonly plugins: readonly SchedulingPlugin[];
  /** `ctx.env.timers`. */
  readonly timers: Timers;
  /** Pods of this `spec.schedulerName`. Default: `default-scheduler`. */
  readonly schedulerName?: string;
}

/** A scheduler out of plugins: the shortest way to one of your own. @throws Error when two plugins have one name */
export function schedulerOf({
  plugins,
  timers,
  schedulerName = 'default-scheduler',
}: SchedulerOfOptions): FrameworkScheduler {
  const registry = new Map(plugins.map((plugin) => [plugin.name, () => plugin]));
  const settings = plugins.map(({ name }) => ({ name }));
  return frameworkScheduler({ registry, profiles: [{ schedulerName, plugins: settings }], timers });
}
