/** Puts the watch over schedulers beside a host. */
import type { KernelControl, PluginContext } from '@timonel/sdk';
import type { Core } from '../core.ts';
import { watchHeapFloor } from './heap-floor.ts';
import { SchedulerWatch, type SchedulerWatchConfig } from './scheduler-watch.ts';

/** `host`: is asked once the watch has started; the host has the watch among its observers. */
export function watchOf(
  { env, log, within }: Pick<PluginContext, 'env' | 'log' | 'within'>,
  control: KernelControl,
  host: () => { readonly core: Pick<Core, 'active' | 'queue'> },
  config: SchedulerWatchConfig,
): SchedulerWatch {
  return new SchedulerWatch(
    {
      env,
      log,
      control,
      within: (limitMs, fn) => within(limitMs, fn),
      active: () => host().core.active(),
      waiting: () => host().core.queue.all(),
      watchHeapFloor,
    },
    config,
  );
}
