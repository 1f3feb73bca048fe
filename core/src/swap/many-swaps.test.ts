import { setFlagsFromString } from 'node:v8';
import { Script, runInNewContext } from 'node:vm';
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import {
  counterMetric,
  definePlugin,
  defineService,
  kernelControl,
  kernelMetrics,
  notifyHook,
  type AnyPlugin,
} from '@timonel/sdk';
import { createRealEnv } from '../env/index.ts';
import { captureResources, compareResources, countingEnv, startTestKernel, until } from '@timonel/testkit';

interface Scheduler {
  decide(): Promise<string>;
}
interface Caller {
  callOften(): void;
  counts(): { readonly answered: number; readonly failed: number; readonly called: number; readonly changes: number };
  tryAside(name: string): Promise<string>;
}
const scheduler = defineService<Scheduler>('many-swaps.scheduler', { major: 1, cardinality: 'one' });
const caller = defineService<Caller>('many-swaps.caller', {
  major: 1,
  cardinality: 'one',
  sync: ['callOften', 'counts'],
});
const bound = notifyHook<object, null>('many-swaps.bound', { description: 'for tests' });
const decided = { decided: counterMetric('many_swaps_decided_total', { help: 'for tests', labels: ['plugin'] }) };
const swapCount = 1000;
const lives: WeakRef<object>[] = [];

/** A scheduler that registers one of everything, and hands its state over. */
const busyScheduler = (name: string): AnyPlugin =>
  definePlugin({
    name,
    version: '1.0.0',
    apiVersion: 1,
    provides: { scheduler },
    optional: { caller },
    swap: 'handover',
    setup: (ctx) => {
      const count = ctx.metrics(decided).decided.of(name);
      const service = {
        decide: async () => {
          await ctx.env.timers.sleep(2);
          count.add();
          return name;
        },
      };
      lives.push(new WeakRef(service));
      ctx.tap(bound, () => void service);
      ctx.deps.caller.onChange(() => void service);
      ctx.env.timers.every(60_000, () => void service);
      ctx.env.timers.after(60_000, () => void service);
      ctx.signal.addEventListener('abort', () => void service);
      ctx.dispose(() => void service);
      return {
        provides: { scheduler: service },
        start: () => undefined,
        probe: () => undefined,
        drain: () => undefined,
        exportState: () => ({ of: name }),
        importState: () => undefined,
        stop: () => undefined,
      };
    },
  });

/** Calls the scheduler 500 times a second, and takes others aside. */
const busyCaller: AnyPlugin = definePlugin({
  name: 'caller',
  version: '1.0.0',
  apiVersion: 1,
  provides: { caller },
  requires: { control: kernelControl },
  optional: { scheduler },
  hooks: { bound },
  setup: (ctx) => {
    const counts = { called: 0, answered: 0, failed: 0, changes: 0 };
    const { scheduler: slot } = ctx.deps;
    const call = (): void => {
      counts.called++;
      slot.current?.decide().then(
        () => counts.answered++,
        () => counts.failed++,
      );
    };
    slot.onChange(() => counts.changes++);
    return {
      provides: {
        caller: {
          callOften: () => void ctx.env.timers.every(2, call),
          counts: () => ({ ...counts }),
          tryAside: async (name) => {
            const aside = await ctx.deps.control.aside('many-swaps.scheduler', name);
            const answer = await (aside.service as Scheduler).decide();
            await aside.close();
            return answer;
          },
        },
      },
    };
  },
});

function collectGarbage(): void {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
}

describe('a thousand swaps', () => {
  let stop: () => Promise<unknown> = async () => undefined;
  const kernelWith = async (plugins: readonly AnyPlugin[], available: readonly AnyPlugin[]) => {
    const env = countingEnv(createRealEnv());
    const entries = available.map((definition) => ({ definition, source: 'built-in' }));
    const kernel = await startTestKernel({ plugins, available: entries, env, limits: { stallWarnMs: 0 } });
    stop = () => kernel.stop();
    return kernel;
  };
  afterEach(() => stop());

  it('under calls lose none, and leave nothing behind', async () => {
    const kernel = await kernelWith([busyScheduler('one'), busyCaller], [busyScheduler('other')]);
    const user = kernel.service(caller);
    const swap = async (times: number): Promise<void> => {
      for (let n = 0; n < times; n++) {
        const next = kernel.control.providerOf('many-swaps.scheduler') === 'one' ? 'other' : 'one';
        if (n % 10 === 0) expect(await user.tryAside(next)).toBe(next);
        await kernel.control.swap('many-swaps.scheduler', next);
        // Some swaps come at once, some with calls under way.
        if (n % 3 === 0) await kernel.env.timers.sleep(n % 5);
      }
    };
    const quiet = async (): Promise<void> => {
      await until(() => user.counts().answered + user.counts().failed + 5 >= user.counts().called, {
        what: 'the calls under way to end',
      });
    };
    const stock = () => ({
      plugins: kernel.control.list().map(({ name, state, taps }) => [name, state, taps.length]),
      series: kernel
        .service(kernelMetrics)
        .collect()
        .map(({ name, samples }) => [name, samples.length]),
      methods: kernel.kernel.serviceCalls().map(({ service, method }) => `${service} ${method}`),
    });
    user.callOften();
    await swap(20);
    await quiet();
    const [before, resources, timers, changes] = [
      stock(),
      captureResources(),
      kernel.env.runningTimers,
      user.counts().changes,
    ];
    await swap(swapCount);
    await quiet();
    expect(stock()).toEqual(before);
    expect(compareResources(resources, captureResources())).toEqual([]);
    // Sleeps of calls under way.
    expect(kernel.env.runningTimers).toBeLessThan(timers + 10);
    expect(user.counts()).toMatchObject({ failed: 0, changes: changes + swapCount });
    expect(user.counts().answered).toBeGreaterThan(swapCount / 10);
    collectGarbage();
    expect(lives.length).toBeGreaterThan(swapCount);
    expect(lives.filter((life) => life.deref() !== undefined).length).toBeLessThan(10);
  }, 60_000);

  it('limit no call that is not made: only setup costs a thread', async () => {
    const bare = (name: string): AnyPlugin =>
      definePlugin({
        name,
        version: '1.0.0',
        apiVersion: 1,
        provides: { scheduler },
        setup: () => ({ provides: { scheduler: { decide: async () => name } } }),
      });
    const kernel = await kernelWith([bare('one')], [bare('other')]);
    const limited = jest.spyOn(Script.prototype, 'runInThisContext');
    await kernel.control.swap('many-swaps.scheduler', 'other');
    expect(limited).toHaveBeenCalledTimes(1);
    limited.mockRestore();
  });
});
