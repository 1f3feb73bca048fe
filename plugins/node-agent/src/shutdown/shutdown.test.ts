import { describe, expect, it } from '@jest/globals';
import type { ContainerStatus } from '@timonel/sdk/contracts/runtime';
import type { Pod } from '@timonel/sdk/kube';
import { createRecordingLogger, manualEnv } from '@timonel/testkit';
import { configSchema } from '../config.ts';
import type { Ending } from '../plan/ending.ts';
import { exited, podWith, running } from '../plan/testing.ts';
import { grouped, shutdownGroups } from './groups.ts';
import { hostEnds } from './host-end.ts';
import { NodeShutdown, type Endable } from './node-shutdown.ts';

const none = {
  shutdownGracePeriod: '0s',
  shutdownGracePeriodCriticalPods: '0s',
  shutdownGracePeriodByPodPriority: [],
};
const byPriority = (...rows: [priority: number, seconds: number][]) => ({
  ...none,
  shutdownGracePeriodByPodPriority: rows.map(([priority, shutdownGracePeriodSeconds]) => ({
    priority,
    shutdownGracePeriodSeconds,
  })),
});

describe('the groups in which pods end', () => {
  it('are none unless asked for, two with a part for critical pods, or those that are given', () => {
    expect(shutdownGroups(none)).toEqual([]);
    const two = { ...none, shutdownGracePeriod: '30s', shutdownGracePeriodCriticalPods: '10s' };
    expect(shutdownGroups(two)).toEqual([
      { priority: 0, graceMs: 20_000 },
      { priority: 2_000_000_000, graceMs: 10_000 },
    ]);
    expect(shutdownGroups(byPriority([1000, 60], [-5, 10]))).toEqual([
      { priority: -5, graceMs: 10_000 },
      { priority: 1000, graceMs: 60_000 },
    ]);
  });

  it('have each pod once: with the next lower priority, below all in the first', () => {
    const groups = shutdownGroups(byPriority([0, 1], [100, 2], [1000, 3]));
    const found = grouped(groups, [-7, 0, 99, 100, 5000], (priority) => priority);
    expect(found.map(({ group, items }) => [group.priority, items])).toEqual([
      [0, [-7, 0, 99]],
      [100, [100]],
      [1000, [5000]],
    ]);
  });

  it('are refused with the key to change when they make no sense', () => {
    const problem = (given: object) => {
      const [issue] = configSchema.safeParse(given).error?.issues ?? [];
      return `${issue?.path.join('.')}: ${issue?.message}`;
    };
    expect(problem({ shutdownGracePeriod: '10s', shutdownGracePeriodCriticalPods: '11s' })).toBe(
      'shutdownGracePeriodCriticalPods: is part of shutdownGracePeriod: it cannot be longer',
    );
    expect(problem({ ...byPriority([1, 1]), shutdownGracePeriod: '10s' })).toBe(
      'shutdownGracePeriodByPodPriority: is another way to say what shutdownGracePeriod says: set one of them',
    );
    expect(problem(byPriority([1, 1], [1, 2]))).toBe('shutdownGracePeriodByPodPriority: has a priority twice');
  });
});

describe('the end of the machine', () => {
  it('is what systemd says it is', async () => {
    const env = manualEnv();
    const says = (stdout: string) => hostEnds(env, () => Promise.resolve({ stdout }));
    expect(await Promise.all(['stopping\n', 'running\n', 'degraded\n', ''].map(says))).toEqual([
      true,
      false,
      false,
      false,
    ]);
    expect(await hostEnds(env, () => Promise.reject(new Error('no systemctl')))).toBe(false);
    const silent = hostEnds(env, () => new Promise(() => undefined));
    await env.advance(2000);
    expect(await silent).toBe(false);
  });
});

/** Ends so many ms after it was told to, or never. */
function podOf(env: ReturnType<typeof manualEnv>, told: string[], name: string, priority: number, takesMs: number) {
  const containers = new Map<string, ContainerStatus>([['app', running('app')]]);
  const pod: Pod = podWith({ priority, terminationGracePeriodSeconds: name === 'brief' ? 2 : 30 }, { name, uid: name });
  const worker: Endable & { readonly endings: Ending[] } = {
    endings: [],
    pod: () => pod,
    containers,
    isResting: true,
    end(ending) {
      this.endings.push(ending);
      told.push(`${env.clock.monotonic() - begin} told ${name} ${ending.gracePeriodMs}`);
      env.timers.after(takesMs, () => {
        containers.set('app', exited('app', 0));
        told.push(`${env.clock.monotonic() - begin} ended ${name}`);
      });
      return true;
    },
  };
  const begin = env.clock.monotonic();
  return worker;
}

describe('a node that goes down', () => {
  it('ends the group of the least priority first, and the next when that is done or its time is over', async () => {
    const env = manualEnv();
    const told: string[] = [];
    const workers = [
      podOf(env, told, 'critical', 2_000_000_000, 500),
      podOf(env, told, 'quick', 0, 1000),
      podOf(env, told, 'brief', 0, 500),
      podOf(env, told, 'stubborn', 1000, 60_000),
    ];
    const shutdown = new NodeShutdown({
      groups: shutdownGroups(byPriority([0, 20], [1000, 5], [2_000_000_000, 10])),
      env,
      log: createRecordingLogger(),
      workers: () => workers,
      begun: () => void told.push('begun'),
    });
    expect([shutdown.isWanted, shutdown.hasBegun, shutdown.limitMs]).toEqual([true, false, 38_000]);
    const run = shutdown.run();
    await env.advance(10_000);
    await run;
    expect(told).toEqual([
      'begun',
      '0 told quick 20000',
      '0 told brief 2000',
      '500 ended brief',
      '1000 ended quick',
      '1000 told stubborn 5000',
      '7000 told critical 10000',
      '7500 ended critical',
    ]);
    expect(workers[0]?.endings).toEqual([
      {
        reason: 'Terminated',
        message: 'Pod was terminated in response to imminent node shutdown.',
        gracePeriodMs: 10_000,
        isDisruption: true,
        leavesNothing: false,
      },
    ]);
    expect(shutdown.hasBegun).toBe(true);
  });
});
