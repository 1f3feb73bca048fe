import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AnyPlugin, Env, KernelControl, RequiredDep, ServiceToken, StopReason } from '@timonel/sdk';
import {
  createKernel,
  createRealEnv,
  type Kernel,
  type KernelOptions,
  type PluginEntry,
  type StartReport,
  type StopReport,
} from '@timonel/core';
import { createRecordingLogger, type RecordingLogger } from './recording-logger.ts';

/** Options of {@link startTestKernel}. Those of the kernel that are not named here pass through. */
export interface TestKernelOptions<E extends Env = Env> extends Omit<
  Partial<KernelOptions>,
  'env' | 'log' | 'plugins' | 'dataDirOf'
> {
  /** Definitions or whole entries. */
  readonly plugins: readonly (AnyPlugin | PluginEntry)[];
  /** Configuration by plugin name, for plugins given as definitions. */
  readonly config?: Readonly<Record<string, unknown>>;
  /** Default: the real one. With a simulated env, drive `start` and `stop` by `env.runUntil` if plugins wait for timers. */
  readonly env?: E;
  /** Where data directories are made. Default: a temporary directory that `stop` removes. */
  readonly dataDir?: string;
  /** Called with the kernel before it starts. */
  readonly onKernel?: (kernel: Kernel) => void;
}

/** A running kernel for tests. */
export interface TestKernel<E extends Env = Env> {
  readonly kernel: Kernel;
  readonly control: KernelControl;
  readonly env: E;
  readonly log: RecordingLogger;
  readonly report: StartReport;
  readonly dataDir: string;
  service<S extends ServiceToken>(token: S): RequiredDep<S>;
  /** Stops the kernel and removes the temporary data directory. Idempotent. */
  stop(reason?: StopReason): Promise<StopReport>;
  [Symbol.asyncDispose](): Promise<void>;
}

function toEntry(plugin: AnyPlugin | PluginEntry, config: Readonly<Record<string, unknown>>): PluginEntry {
  if ('definition' in plugin) return plugin;
  const own = config[plugin.name];
  return { definition: plugin, source: 'built-in', ...(own === undefined ? {} : { config: own }) };
}

/** Starts a kernel with the given plugins. Rejects as `kernel.start` does; nothing is left behind then. */
export async function startTestKernel<E extends Env = Env>(options: TestKernelOptions<E>): Promise<TestKernel<E>> {
  const { plugins, config = {}, env: givenEnv, dataDir: givenDir, limits, onKernel, ...rest } = options;
  const env = (givenEnv ?? createRealEnv()) as E;
  const log = createRecordingLogger();
  const dataDir = givenDir ?? mkdtempSync(join(tmpdir(), 'timonel-test-'));
  const cleanUp = (): void => {
    if (givenDir === undefined) rmSync(dataDir, { recursive: true, force: true });
  };
  const kernel = createKernel({
    ...rest,
    env,
    log,
    plugins: plugins.map((plugin) => toEntry(plugin, config)),
    // Under simulation the periodic check of the event loop would be a timer that never ends.
    limits: { ...(givenEnv === undefined ? {} : { stallCheckMs: 0 }), ...limits },
    // Synchronous: a simulated env cannot wait for the disk.
    dataDirOf: (plugin) => {
      const dir = join(dataDir, plugin);
      mkdirSync(dir, { recursive: true });
      return dir;
    },
  });
  onKernel?.(kernel);
  let report: StartReport;
  try {
    report = await kernel.start();
  } catch (error) {
    cleanUp();
    throw error;
  }
  const stop = async (reason?: StopReason): Promise<StopReport> => {
    const stopped = await kernel.stop(reason);
    cleanUp();
    return stopped;
  };
  return {
    kernel,
    control: kernel.control,
    env,
    log,
    report,
    dataDir,
    service: (token) => kernel.service(token),
    stop,
    [Symbol.asyncDispose]: async () => {
      await stop();
    },
  };
}
