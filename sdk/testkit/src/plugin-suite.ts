import { describe, expect, it } from '@jest/globals';
import { createRealEnv, type PluginEntry } from '@timonel/core';
import type { AnyPlugin, PluginInstance, ServiceToken, TokenRecord } from '@timonel/sdk';
import { countingEnv, type CountingEnv } from './counting-env.ts';
import { captureResources, compareResources, type Resources } from './resources.ts';
import { startTestKernel, type TestKernel, type TestKernelOptions } from './test-kernel.ts';
import { until } from './until.ts';

/** What {@link pluginSuite} needs to know of a plugin. */
export interface PluginSuiteEntry {
  readonly entry: PluginEntry;
  /** Providers of what the plugin requires, fakes or real ones. Fresh for each call of `makeEntry`. */
  readonly dependencies: readonly PluginEntry[];
  /** One piece of work through the plugin. Rejects when it was done wrong. Run over and over while the plugin is swapped. */
  readonly load?: (kernel: TestKernel) => Promise<void>;
  /** Options for the kernel, for example shorter limits. */
  readonly kernel?: Omit<Partial<TestKernelOptions>, 'plugins' | 'env'>;
}

const loadWorkers = 4;
const swapRounds = 3;

/** Starts a kernel around the plugin; counts its timers. */
async function start(made: PluginSuiteEntry, plugins: readonly PluginEntry[], more: Partial<TestKernelOptions> = {}) {
  const env = countingEnv(createRealEnv());
  const kernel = await startTestKernel<CountingEnv>({ ...made.kernel, ...more, plugins, env });
  return kernel;
}

function withDefinition(entry: PluginEntry, change: Partial<AnyPlugin>): PluginEntry {
  return { ...entry, definition: { ...entry.definition, ...change } };
}

/** The same plugin, whose instance is changed before the kernel sees it. */
function withInstance(entry: PluginEntry, change: (instance: PluginInstance) => PluginInstance): PluginEntry {
  return withDefinition(entry, {
    setup: async (ctx) => change(((await entry.definition.setup(ctx)) ?? {}) as PluginInstance),
  });
}

async function expectNoLeak(before: Resources, env: CountingEnv): Promise<void> {
  const leaks = (): string[] => [
    ...compareResources(before, captureResources()),
    ...(env.runningTimers === 0 ? [] : [`timers of the env: ${env.runningTimers} still run`]),
  ];
  // Sockets and files are closed by the system some turns later.
  await until(() => leaks().length === 0, { what: 'resources to be released', timeoutMs: 2000 }).catch(() => undefined);
  expect(leaks()).toEqual([]);
}

/** Starts with a plugin that must fail, and stops. A `required` plugin makes the start itself fail. */
async function expectFailure(
  made: PluginSuiteEntry,
  plugins: readonly PluginEntry[],
  name: string,
): Promise<CountingEnv> {
  const env = countingEnv(createRealEnv());
  const options = { ...made.kernel, plugins, env };
  if (made.entry.definition.criticality === 'required') {
    await expect(startTestKernel(options)).rejects.toMatchObject({ code: expect.any(String) });
    return env;
  }
  const kernel = await startTestKernel(options);
  expect(kernel.control.info(name)).toMatchObject({ state: 'failed', reason: expect.any(String) });
  await kernel.stop();
  return env;
}

function swappableToken(definition: AnyPlugin): ServiceToken | undefined {
  if (definition.swap === 'never') return undefined;
  return Object.values(definition.provides as TokenRecord).find(({ cardinality }) => cardinality === 'one');
}

async function swapUnderLoad(made: PluginSuiteEntry, token: ServiceToken): Promise<void> {
  const { entry, dependencies, load } = made;
  const { name } = entry.definition;
  const twin = withDefinition(entry, { name: `${name}-b` });
  const kernel = await start(made, [...dependencies, entry], { available: [twin] });
  const problems: unknown[] = [];
  let rounds = 0;
  const stop = new AbortController();
  const worker = async (): Promise<void> => {
    while (!stop.signal.aborted) {
      await load?.(kernel).catch((error: unknown) => problems.push(error));
      rounds++;
      await new Promise((resolve) => {
        setImmediate(resolve);
      });
    }
  };
  const workers = load === undefined ? [] : Array.from({ length: loadWorkers }, worker);
  try {
    for (let round = 0; round < swapRounds; round++) {
      for (const candidate of [`${name}-b`, name]) {
        const before = rounds;
        const report = await kernel.control.swap(token.id, candidate);
        expect(report).toMatchObject({ service: token.id, to: candidate });
        expect(kernel.control.providerOf(token.id)).toBe(candidate);
        if (load !== undefined) await until(() => rounds > before, { what: 'load to go on after the swap' });
      }
    }
  } finally {
    stop.abort();
    await Promise.all(workers);
    await kernel.stop();
  }
  expect(problems).toEqual([]);
}

/**
 * The jest suite that every plugin passes: it leaves nothing behind when it stops, fails half-way, is disabled and
 * enabled again; and when it is the provider of a `one` service, it can be swapped against a twin of itself under load.
 * `makeEntry` is called once for each test, and once to look at the definition. A plugin with isolation 'worker' is given
 * as an 'in-process' one: the suite wraps its setup, which a thread would import from the file as it is.
 */
export function pluginSuite(name: string, makeEntry: () => PluginSuiteEntry): void {
  const { entry, dependencies } = makeEntry();
  const plugin = entry.definition.name;

  describe(`plugin suite: ${name}`, () => {
    it('starts and stops twice and leaves nothing behind', async () => {
      const run = async (): Promise<CountingEnv> => {
        const made = makeEntry();
        const kernel = await start(made, [...made.dependencies, made.entry]);
        try {
          expect(kernel.control.info(plugin)).toMatchObject({ state: 'running', reason: undefined });
          await made.load?.(kernel);
        } finally {
          expect((await kernel.stop()).problems).toEqual([]);
        }
        return kernel.env;
      };
      await run(); // what is opened once for the whole process does not count
      const before = captureResources();
      await run();
      await expectNoLeak(before, await run());
    });

    for (const [index, dependency] of dependencies.entries()) {
      const required = Object.values(entry.definition.requires as TokenRecord).some((token) =>
        Object.values(dependency.definition.provides as TokenRecord).some(({ id }) => id === token.id),
      );
      const test = required ? it : it.skip;
      test(`cleans up when its dependency ${dependency.definition.description || index} fails in setup`, async () => {
        const made = makeEntry();
        const before = captureResources();
        const plugins = made.dependencies.map((other, at) =>
          at === index ? withDefinition(other, { setup: () => Promise.reject(new Error('injected')) }) : other,
        );
        await expectNoLeak(before, await expectFailure(made, [...plugins, made.entry], plugin));
      });
    }

    it('cleans up when its setup breaks the contract', async () => {
      const made = makeEntry();
      const before = captureResources();
      const broken = withInstance(made.entry, (instance) => ({
        ...bound(instance),
        provides: { undeclared: {} },
      }));
      await expectNoLeak(before, await expectFailure(made, [...made.dependencies, broken], plugin));
    });

    it('cleans up when its start fails', async () => {
      const made = makeEntry();
      const before = captureResources();
      const broken = withInstance(made.entry, (instance) => ({
        ...bound(instance),
        start: async (signal) => {
          await instance.start?.(signal);
          throw new Error('injected');
        },
      }));
      await expectNoLeak(before, await expectFailure(made, [...made.dependencies, broken], plugin));
    });

    it('cleans up when the kernel is stopped while it starts', async () => {
      const made = makeEntry();
      const before = captureResources();
      let stopping: Promise<unknown> | undefined;
      const watched = withInstance(made.entry, (instance) => ({
        ...bound(instance),
        start: (signal) => {
          stopping = kernelStop();
          return instance.start?.(signal);
        },
      }));
      let kernelStop: () => Promise<unknown> = () => Promise.resolve();
      const env = countingEnv(createRealEnv());
      const started = startTestKernel({
        ...made.kernel,
        plugins: [...made.dependencies, watched],
        env,
        onKernel: (kernel) => {
          kernelStop = () => kernel.stop();
        },
      });
      const kernel = await started;
      await stopping;
      await kernel.stop();
      await expectNoLeak(before, env);
    });

    it('is disabled and enabled on a running kernel', async () => {
      const made = makeEntry();
      const before = captureResources();
      const kernel = await start(made, [...made.dependencies, made.entry]);
      for (let round = 0; round < 2; round++) {
        expect(await kernel.control.disable(plugin)).toMatchObject({ state: 'disabled', taps: [] });
        expect(await kernel.control.enable(plugin)).toMatchObject({ state: 'running' });
        await made.load?.(kernel);
      }
      await kernel.stop();
      await expectNoLeak(before, kernel.env);
    });

    const token = swappableToken(entry.definition);
    if (token === undefined) {
      it.skip(`is swapped under load (it has no 'one' service, or swap: 'never')`, () => undefined);
    } else {
      it('is swapped under load against a twin', () => swapUnderLoad(makeEntry(), token), 30_000);
    }
  });
}

/** The optional methods of an instance, still called on it: it may be of a class. */
function bound(instance: PluginInstance): PluginInstance {
  const copy: Record<string, unknown> = { provides: instance.provides };
  for (const key of ['start', 'probe', 'drain', 'exportState', 'importState', 'stop'] as const) {
    const method = instance[key] as ((...args: unknown[]) => unknown) | undefined;
    if (method !== undefined) copy[key] = (...args: unknown[]) => Reflect.apply(method, instance, args);
  }
  return copy;
}
