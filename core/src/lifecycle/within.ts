import { KernelError } from '@timonel/sdk';
import type { KernelParts } from '../kernel/parts.ts';
import { callWithin, cutOff } from './call-within.ts';

/** Runs `fn` as code of `plugin`, for `limitMs` at most. The fault is that of the plugin that was at work when the time was over. */
export function runWithin<T>(parts: KernelParts, plugin: string, limitMs: number, fn: () => T): T {
  const { activity, env, records } = parts;
  let culprit = plugin;
  const result = activity.run(plugin, () => {
    // Until the end of `run`.
    activity.within = (held) => runWithin(parts, plugin, limitMs, held);
    const startedAt = env.clock.monotonic();
    const answer = callWithin(limitMs, fn);
    if (answer === cutOff && activity.current !== undefined && activity.current !== plugin) {
      culprit = activity.current;
      // What is cut off does not give the stack back itself.
      activity.leave(culprit, plugin, startedAt);
    }
    return answer;
  });
  if (result !== cutOff) return result;
  const caller = culprit === plugin ? 'its own' : `plugin '${plugin}'`;
  const message = `plugin '${culprit}' did not return from a call of ${caller} within ${limitMs} ms`;
  const error = new KernelError('ERR_PLUGIN_TIMEOUT', message, { plugin: culprit });
  records.get(culprit)?.life?.fault(error);
  throw error;
}
