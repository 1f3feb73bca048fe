/** The scheduler host with a candidate in shadow and with guard rails, on the real API server. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { definePlugin, kernelControl, type AnyPlugin } from '@timonel/sdk';
import { apiClient, type ApiClient } from '@timonel/sdk/contracts/api';
import { scheduler, schedulerHooks, type Scheduler } from '@timonel/sdk/contracts/scheduler';
import { defaultProfile, frameworkScheduler, pluginRegistry } from '@timonel/sdk/scheduling';
import { startTestKernel, until, type TestKernel } from '@timonel/testkit';
import { SchedulerHost } from '../../plugins/scheduler-host/src/host.ts';
import type { SchedulerWatch } from '../../plugins/scheduler-host/src/shadow/scheduler-watch.ts';
import { watchConfig } from '../../plugins/scheduler-host/src/shadow/watch-config.ts';
import { watchOf } from '../../plugins/scheduler-host/src/shadow/watch-of-host.ts';
import { asPlugin, clear, control, entry, FirstFit, makeNode, makePod, placed, remove } from './scheduler-host-bed.ts';

let watch: SchedulerWatch;

const host: AnyPlugin = definePlugin({
  name: 'watched-host',
  version: '1.0.0',
  apiVersion: 1,
  requires: { api: apiClient, scheduler, kernel: kernelControl },
  hooks: schedulerHooks,
  setup(ctx) {
    const config = watchConfig.parse({ shadow: { timeShare: 1 } });
    watch = watchOf(ctx, ctx.deps.kernel, () => made, config);
    const made = new SchedulerHost(
      ctx,
      {
        ...ctx.deps,
        schedulerName: () => ctx.deps.kernel.providerOf('scheduler') ?? 'nobody',
        observers: [watch],
      },
      {
        schedulerName: 'default-scheduler',
        batchSize: 100,
        parallelBindings: 16,
        decisionTimeoutMs: 500,
        admissionTimeoutMs: 10_000,
      },
    );
    return {
      async start() {
        await made.start();
        watch.start();
      },
      async stop() {
        watch.stop();
        await made.stop();
      },
    };
  },
});

const framework = (name: string): AnyPlugin =>
  definePlugin({
    name,
    version: '1.0.0',
    apiVersion: 1,
    provides: { scheduler },
    setup: ({ env: { timers } }) => ({
      provides: {
        scheduler: frameworkScheduler({ registry: pluginRegistry(), profiles: [defaultProfile()], timers }),
      },
    }),
  });

const lost: Scheduler = {
  decide: (pods) =>
    Promise.resolve(
      pods.map(({ uid }) => ({ outcome: 'bind', podUid: uid, nodeName: 'nowhere', scores: [], feasibleNodes: 1 })),
    ),
};

describe('a scheduler host that is watched', () => {
  let kernel: TestKernel;
  let api: ApiClient;
  const lastFit = new FirstFit();

  beforeAll(async () => {
    kernel = await startTestKernel({
      plugins: [...control, entry(host), entry(framework('default'))],
      available: [
        entry(framework('twin')),
        entry(asPlugin('first-fit', lastFit)),
        entry(
          definePlugin({
            name: 'lost',
            version: '1.0.0',
            apiVersion: 1,
            provides: { scheduler },
            setup: () => ({ provides: { scheduler: lost } }),
          }),
        ),
      ],
    });
    api = kernel.service(apiClient);
  });
  afterEach(() => clear(api));
  afterAll(() => kernel.stop());

  const place = async (count: number): Promise<string[]> => {
    const names = await Promise.all(Array.from({ length: count }, () => makePod(api, '100m')));
    await Promise.all(names.map((name) => placed(api, name)));
    return names;
  };
  const compared = (pods: number): Promise<boolean> =>
    until(() => watch.shadow.report().agreement.decisions >= pods, { what: `${pods} decisions to be compared` });

  it('has the same scheduler decide the same in shadow, while pods come and go', async () => {
    for (const name of ['a', 'b', 'c']) await makeNode(api, name, '4');
    await watch.shadow.begin('twin');
    for (let round = 0; round < 5; round += 1) {
      const names = await place(10);
      for (const name of names.slice(0, 5)) await remove(api, name);
    }
    const impossible = await makePod(api, '100');
    await until(() => watch.shadow.report().live.unschedulable > 0, { what: `${impossible} to be refused by both` });
    await compared(51);
    const report = watch.shadow.report();
    expect(report).toMatchObject({
      agreement: { share: 1, otherNode: 0, otherOutcome: 0 },
      pods: { skipped: 0, foreign: 0 },
      faults: { count: 0 },
      differences: [],
      live: { scheduler: 'default', bound: 50 },
      candidate: { scheduler: 'twin', bound: 50 },
    });
    await watch.shadow.end('enough');
  });

  it('shows what another one would do, puts it in charge and takes it back', async () => {
    for (const name of ['a', 'b']) await makeNode(api, name, '4');
    await watch.shadow.begin('first-fit');
    await place(10);
    await compared(10);
    const { live, candidate, differences } = watch.shadow.report();
    expect(candidate.bound).toBe(10);
    expect(candidate.shape.cpuDeviation).toBeGreaterThan(live.shape.cpuDeviation);
    expect(differences[0]).toMatchObject({ candidate: { nodeName: expect.stringMatching(/^[ab]$/) } });
    await watch.shadow.promote();
    const [name = ''] = await place(1);
    expect(lastFit.asked).toContain(name);
    expect(watch.shadow.status()).toMatchObject({ inCharge: 'first-fit', previous: 'default', active: true });
    await watch.shadow.revert();
    await place(1);
    expect(watch.shadow.status()).toMatchObject({ inCharge: 'default', probation: null });
  });

  it('goes back by itself when the new one chooses nodes that are not there', async () => {
    await makeNode(api, 'a', '4');
    await place(1);
    await kernel.control.swap('scheduler', 'lost');
    await place(3);
    expect(watch.shadow.status()).toMatchObject({
      inCharge: 'default',
      lastFallBack: {
        plugin: 'lost',
        reason: expect.stringContaining('chose the node "nowhere", which does not exist'),
      },
    });
  });
});
