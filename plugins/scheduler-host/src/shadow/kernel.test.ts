/** Shadow and guard rails on the real kernel, with a host that only asks. */
import { afterEach, describe, expect, it } from '@jest/globals';
import { definePlugin, kernelControl, type AnyPlugin, type PluginContext } from '@timonel/sdk';
import { scheduler, type Decision, type Scheduler } from '@timonel/sdk/contracts/scheduler';
import { startTestKernel, until, type TestKernel } from '@timonel/testkit';
import { aPodInfo } from '../testing/stand-ins.ts';
import { SchedulerWatch, schedulerWatchDefaults } from './scheduler-watch.ts';
import { aClusterOf, bindTo, podsOf, toNode } from './testing/live-cluster.ts';

const provides = (name: string, make: (ctx: PluginContext) => Scheduler): AnyPlugin =>
  definePlugin({
    name,
    version: '1.0.0',
    apiVersion: 1,
    provides: { scheduler },
    setup: (ctx) => ({ provides: { scheduler: make(ctx) } }),
  });

const wrongNode: Scheduler = { decide: (pods) => Promise.resolve(pods.map((pod) => bindTo(pod, 'nowhere'))) };
const throwing: Scheduler = { decide: () => Promise.reject(new Error('boom')) };
const looping: Scheduler = {
  decide() {
    for (;;);
  },
};
const traited: Scheduler = { ...toNode('b'), traits: { profiles: () => ['default-scheduler'] } };

interface Cluster {
  readonly kernel: TestKernel;
  readonly watch: SchedulerWatch;
  readonly batch: () => Promise<readonly Decision[]>;
}

let open: TestKernel | undefined;
afterEach(async () => {
  await open?.stop();
  open = undefined;
});

async function cluster(): Promise<Cluster> {
  const parts: { watch?: SchedulerWatch; service?: Scheduler } = {};
  const host = definePlugin({
    name: 'host',
    version: '1.0.0',
    apiVersion: 1,
    requires: { scheduler, control: kernelControl },
    setup(ctx) {
      const watch = new SchedulerWatch(
        {
          env: ctx.env,
          log: ctx.log,
          control: ctx.deps.control,
          within: (limitMs, fn) => ctx.within(limitMs, fn),
          active: () => true,
          waiting: () => [],
        },
        {
          ...schedulerWatchDefaults,
          shadow: { ...schedulerWatchDefaults.shadow, timeShare: 1, decisionTimeoutMs: 100, faultLimit: 3 },
        },
      );
      Object.assign(parts, { watch, service: ctx.deps.scheduler });
      return { start: () => watch.start(), stop: () => watch.stop() };
    },
  });
  const others = [
    provides('other', () => traited),
    provides('wrong', () => wrongNode),
    provides('throwing', () => throwing),
    provides('looping', () => looping),
    definePlugin({ name: 'idle', version: '1.0.0', apiVersion: 1, setup: () => undefined }),
  ];
  const kernel = await startTestKernel({
    plugins: [provides('old', () => toNode('a')), host],
    available: others.map((definition) => ({ definition, source: 'built-in' as const })),
  });
  open = kernel;
  const { watch, service } = parts;
  if (watch === undefined || service === undefined) throw new Error('the host was set up');
  const state = aClusterOf('a', 'b');
  let batches = 0;
  const batch = async (): Promise<readonly Decision[]> => {
    const pods = podsOf(`b${(batches += 1)}-`, 2);
    const watched = watch.deciding(pods, state);
    const decisions = await service.decide(pods, state);
    watched.decided?.(decisions);
    for (const decision of decisions) {
      if (decision.outcome === 'bind' && !state.hasNode(decision.nodeName))
        watch.refused(aPodInfo('p'), 'chose a node that is not there');
    }
    return decisions;
  };
  return { kernel, watch, batch };
}

describe('on the kernel', () => {
  it('a candidate decides in shadow, is promoted, and is reverted', async () => {
    const { kernel, watch, batch } = await cluster();
    await watch.shadow.begin('other');
    expect(kernel.control.info('other').state).toBe('running');
    for (let at = 0; at < 3; at += 1) await batch();
    await until(() => watch.shadow.report().batches.compared === 3, { what: 'three batches to be compared' });
    expect(watch.shadow.report()).toMatchObject({
      agreement: { decisions: 6, otherNode: 6 },
      live: { scheduler: 'old' },
      faults: { count: 0 },
    });
    expect(await watch.shadow.promote()).toMatchObject({ from: 'old', to: 'other' });
    expect(watch.shadow.report()).toMatchObject({ state: 'ended', reason: 'it was promoted' });
    expect((await batch())[0]).toMatchObject({ nodeName: 'b' });
    expect(watch.shadow.status()).toMatchObject({
      inCharge: 'other',
      previous: 'old',
      probation: { plugin: 'other', previous: 'old' },
    });
    expect(watch.shadow.status().probation?.endsInMs).toBeGreaterThan(50_000);
    expect(await watch.shadow.revert()).toMatchObject({ from: 'other', to: 'old' });
    expect(watch.shadow.status()).toMatchObject({
      inCharge: 'old',
      previous: null,
      probation: null,
      lastFallBack: null,
    });
  });

  it('a scheduler that breaks a guard rail is swapped back, and the reason is told', async () => {
    const { kernel, watch, batch } = await cluster();
    await kernel.control.swap('scheduler', 'wrong');
    await batch();
    await batch();
    await until(() => kernel.control.providerOf('scheduler') === 'old', { what: 'the old scheduler to be back' });
    await until(() => watch.shadow.status().lastFallBack !== null, { what: 'the fall-back to be told' });
    expect(watch.shadow.status().lastFallBack).toMatchObject({
      plugin: 'wrong',
      reason: expect.stringContaining(
        'its decisions could not be acted on, the last one: it chose a node that is not there',
      ),
    });
    expect(watch.shadow.status()).toMatchObject({ inCharge: 'old', previous: null });
  });

  it.each([
    ['throwing', 'threw: boom'],
    ['looping', 'threw: '],
    ['wrong', 'which does not exist'],
  ])('a candidate that is %s is blamed alone, and ended', async (name, fault) => {
    const { kernel, watch, batch } = await cluster();
    await watch.shadow.begin(name);
    for (let at = 0; at < 3; at += 1) {
      expect((await batch())[0]).toMatchObject({ nodeName: 'a' });
      await until(() => watch.shadow.report().faults.count > at, { what: 'a fault to be counted' });
    }
    const report = watch.shadow.report();
    expect(report).toMatchObject({ state: 'ended', agreement: { decisions: 0 } });
    expect(report.reason).toContain(fault);
    await until(() => kernel.control.info(name).state !== 'running', { what: 'the candidate to be ended' });
    expect(kernel.control.info('old').state).toBe('running');
    expect(kernel.control.info('host').faults).toBe(0);
  });

  it('a candidate that is disabled ends the run; one that is swapped in, too', async () => {
    const { kernel, watch } = await cluster();
    await watch.shadow.begin('other');
    await kernel.control.disable('other');
    await until(() => watch.shadow.report().state === 'ended', { what: 'the run to end' });
    await watch.shadow.begin('other');
    await kernel.control.swap('scheduler', 'other');
    expect(watch.shadow.report().reason).toContain('its plugin has ended');
    expect(watch.shadow.status()).toMatchObject({ inCharge: 'other', shadow: { state: 'ended' } });
  });

  it('the kernel stops while a candidate is in shadow', async () => {
    const { kernel, watch, batch } = await cluster();
    await watch.shadow.begin('other');
    await batch();
    expect((await kernel.stop()).problems).toEqual([]);
    expect(watch.shadow.report()).toMatchObject({ state: 'ended', reason: 'the host of the schedulers has ended' });
  });

  it('a candidate that cannot start is not in shadow', async () => {
    const { watch } = await cluster();
    await expect(watch.shadow.begin('nobody')).rejects.toMatchObject({ code: 'ERR_PLUGIN_UNKNOWN' });
    await expect(watch.shadow.begin('old')).rejects.toMatchObject({ message: expect.stringContaining('already') });
    await expect(watch.shadow.begin('idle')).rejects.toMatchObject({
      message: expect.stringContaining('does not provide'),
    });
    expect(watch.shadow.status().shadow).toBeNull();
  });
});
