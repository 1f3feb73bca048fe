import { afterEach, describe, expect, it } from '@jest/globals';
import { definePlugin, defineService, type AnyPlugin, type RequiredDep } from '@timonel/sdk';
import { startTestKernel, until, type TestKernel } from '@timonel/testkit';

interface Worker {
  work(what: 'loop' | 'quick' | 'throw'): Promise<string>;
}
interface Boss {
  order(what: Parameters<Worker['work']>[0], limitMs: number): Promise<string>;
  loop(): Promise<void>;
}
const worker = defineService<Worker>('within.worker', { major: 1, cardinality: 'one' });
const boss = defineService<Boss>('within.boss', { major: 1, cardinality: 'one' });
const failure = new Error('of its own');
const loop = (): never => {
  for (;;);
};

const workerPlugin: AnyPlugin = definePlugin({
  name: 'worker',
  version: '1.0.0',
  apiVersion: 1,
  provides: { worker },
  setup: () => ({
    provides: {
      worker: {
        work: (what) => {
          if (what === 'loop') return loop();
          if (what === 'throw') throw failure;
          return Promise.resolve('done');
        },
      },
    },
  }),
});
let draining = false;
let endDrain: () => void = () => undefined;
const slowToDrain: AnyPlugin = definePlugin({
  name: 'slow-to-drain',
  version: '1.0.0',
  apiVersion: 1,
  provides: { worker },
  setup: () => ({
    provides: { worker: { work: () => Promise.resolve('done slowly') } },
    drain: () => {
      draining = true;
      return new Promise((resolve) => {
        endDrain = resolve;
      });
    },
  }),
});
const bossPlugin: AnyPlugin = definePlugin({
  name: 'boss',
  version: '1.0.0',
  apiVersion: 1,
  provides: { boss },
  requires: { worker },
  setup: (ctx) => ({
    provides: {
      boss: {
        order: async (what, limitMs) => ctx.within(limitMs, () => ctx.deps.worker.work(what)),
        loop: async () => ctx.within(20, loop),
      },
    },
  }),
});

describe('ctx.within', () => {
  let kernel: TestKernel;
  let service: RequiredDep<typeof boss>;
  const start = async (limits = {}): Promise<void> => {
    kernel = await startTestKernel({ plugins: [workerPlugin, bossPlugin], limits });
    service = kernel.service(boss);
  };
  const faults = (name: string): number => kernel.control.info(name).faults;
  afterEach(() => kernel.stop());

  it('gives what the call gives, and passes on what it throws', async () => {
    await start();
    expect(await service.order('quick', 1000)).toBe('done');
    await expect(service.order('throw', 1000)).rejects.toBe(failure);
    expect([faults('worker'), faults('boss')]).toEqual([0, 0]);
  });

  it('cuts off a service that loops and blames its plugin, which goes on serving', async () => {
    await start();
    await expect(service.order('loop', 20)).rejects.toMatchObject({
      code: 'ERR_PLUGIN_TIMEOUT',
      plugin: 'worker',
      message: `plugin 'worker' did not return from a call of plugin 'boss' within 20 ms`,
    });
    expect([faults('worker'), faults('boss')]).toEqual([1, 0]);
    expect(await service.order('quick', 1000)).toBe('done');
    expect(kernel.control.info('worker').state).toBe('running');
  });

  it('blames the time on it, too: the caller did not block the event loop', async () => {
    await start({ stallWarnMs: 20, stallFaultMs: 100_000 });
    await expect(service.order('loop', 60)).rejects.toMatchObject({ plugin: 'worker' });
    const stalls = kernel.log.lines.filter(({ message }) => message.includes('blocked the event loop'));
    expect(stalls.map(({ fields }) => fields['plugin'])).toEqual(['worker']);
  });

  it('quarantines a plugin that loops again and again', async () => {
    await start({ faultLimit: 1 });
    for (const _ of [1, 2]) await expect(service.order('loop', 5)).rejects.toMatchObject({ plugin: 'worker' });
    await expect(service.order('quick', 1000)).rejects.toMatchObject({ code: 'ERR_SERVICE_UNAVAILABLE' });
  });

  it('limits a call that a swap holds back, too, when the new provider gets it', async () => {
    kernel = await startTestKernel({
      plugins: [slowToDrain, bossPlugin],
      available: [{ definition: workerPlugin, source: 'built-in' }],
    });
    const swapping = kernel.control.swap('within.worker', 'worker');
    await until(() => draining, { what: 'the swap to hold calls back' });
    const held = ['loop', 'quick', 'throw'] as const;
    const answers = Promise.allSettled(held.map((what) => kernel.service(boss).order(what, 20)));
    endDrain();
    expect(await swapping).toMatchObject({ heldCalls: 3 });
    expect(await answers).toMatchObject([
      { reason: { code: 'ERR_PLUGIN_TIMEOUT', plugin: 'worker' } },
      { value: 'done' },
      { reason: failure },
    ]);
    expect([faults('worker'), faults('boss')]).toEqual([1, 0]);
  });

  it('blames the caller for a loop of its own', async () => {
    await start();
    await expect(service.loop()).rejects.toMatchObject({ code: 'ERR_PLUGIN_TIMEOUT', plugin: 'boss' });
    expect([faults('worker'), faults('boss')]).toEqual([0, 1]);
  });
});
