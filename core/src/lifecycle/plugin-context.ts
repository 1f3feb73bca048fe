import {
  KernelError,
  type AnyHookToken,
  type Instruments,
  type MetricRecord,
  type PluginContext,
  type TapOptions,
} from '@timonel/sdk';
import { isolationOf } from '../graph/check-definition.ts';
import type { UntypedTap } from '../hooks/tap.ts';
import type { KernelParts } from '../kernel/parts.ts';
import { createOwnedTimers } from './owned-timers.ts';
import type { PluginLife } from './plugin-life.ts';
import { runWithin } from './within.ts';

/** The one object that a plugin gets. Everything done through it is owned by `life`. */
export function createContext(
  life: PluginLife,
  parts: KernelParts,
  deps: Readonly<Record<string, unknown>>,
  dataDir: string | undefined,
): PluginContext {
  const { record } = life;
  const { definition } = record.entry;
  const name = definition.name;
  // Built-in plugins are on the path of every request, and those in a worker are watched there.
  const builtIn = record.entry.source === 'built-in';
  const limited = !builtIn && isolationOf(record.entry) === 'in-process';
  const tap = (hook: AnyHookToken, fn: UntypedTap, options: TapOptions = {}): void => {
    const onFault = (error: unknown): void => life.fault(error);
    const owned = parts.hooks.add(hook, { plugin: name, fn, limited, builtIn, onFault }, options);
    if (life.controller.signal.aborted) {
      owned.remove();
      const message = `plugin '${name}' has stopped: ctx.tap is not possible any more`;
      throw new KernelError('ERR_PLUGIN_STATE', message, { plugin: name });
    }
    if (!parts.hooks.isOwned(hook)) {
      parts.log.warn(
        { plugin: name, hook: hook.id },
        `no enabled plugin owns hook '${hook.id}': the tap is never called`,
      );
    }
    life.addTap(owned);
  };
  const metrics = <M extends MetricRecord>(definitions: M, refresh?: (m: Instruments<M>) => void): Instruments<M> => {
    const owner = { plugin: name, onFault: (error: unknown) => life.fault(error) };
    const { instruments, remove } = parts.metrics.open(definitions, refresh, owner);
    // What comes after the end of its life counts, but nobody sees it; aside, it would mix with that of the provider.
    if (life.aside !== undefined || life.keep(remove) === undefined) remove();
    return instruments;
  };
  return Object.freeze({
    name,
    deps,
    config: record.config,
    log: parts.log.child({ plugin: name }),
    env: Object.freeze({
      clock: parts.env.clock,
      random: parts.env.random,
      timers: createOwnedTimers(parts.env.timers, life),
    }),
    signal: life.controller.signal,
    get dataDir(): string {
      if (dataDir !== undefined) return dataDir;
      throw new KernelError('ERR_PLUGIN_STATE', 'this kernel was made without data directories (dataDirOf)', {
        plugin: name,
      });
    },
    hooks: parts.hooks.callersOf(definition.hooks),
    metrics,
    tap: tap as PluginContext['tap'],
    dispose: (fn: () => void | Promise<void>) => life.dispose(fn),
    caller: () => (parts.activity.current === name ? parts.activity.consumer : undefined),
    reportFault: (error: unknown) => life.fault(error),
    within: <T>(limitMs: number, fn: () => T) => runWithin(parts, name, limitMs, fn),
  }) as PluginContext;
}
