/** A store plugin without a kernel around it. */
import { createRealEnv } from '@timonel/core/env';
import { openMetrics, type AnyPlugin, type Logger } from '@timonel/sdk';
import type { Store, StoreAdmin } from '@timonel/sdk/contracts/store';
import type { ServerOptions } from './protocol.ts';

const log: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: (...line: unknown[]) => console.error(...line),
  error: (...line: unknown[]) => console.error(...line),
  child: () => log,
};

export interface OpenedStore {
  readonly store: Store;
  readonly admin: StoreAdmin | undefined;
}

/** Opens the store of a plugin `store-…`. Its faults end the process. */
export async function openStore({ plugin: name, dataDir, config }: ServerOptions): Promise<OpenedStore> {
  const { default: plugin } = (await import(`@timonel/plugin-${name}`)) as { default: AnyPlugin };
  const parsed = await plugin.config?.['~standard'].validate(config);
  if (parsed?.issues !== undefined) throw new Error(`wrong configuration: ${JSON.stringify(parsed.issues)}`);
  const instance = await plugin.setup({
    name,
    deps: {},
    config: parsed?.value,
    log,
    env: createRealEnv(),
    signal: new AbortController().signal,
    dataDir,
    hooks: {},
    metrics: (definitions, refresh) => openMetrics(definitions, refresh).instruments,
    tap: () => undefined,
    dispose: () => undefined,
    caller: () => undefined,
    within: (_limitMs, fn) => fn(),
    reportFault: (error) => {
      throw error;
    },
  });
  const { provides } = instance as { provides: { store: Store; admin?: StoreAdmin } };
  return { store: provides.store, admin: provides.admin };
}
