import { describe, expect, it } from '@jest/globals';
import { createSimulatedEnv, type SimulatedEnv } from '@timonel/core';
import type { Env, Logger, TimerHandle } from '@timonel/sdk';
import type { Lease } from '@timonel/sdk/kube';
import { electionConfig } from './config.ts';
import { Elector } from './elector.ts';
import { LeaseClient } from './lease-client.ts';
import { LeaseApi, soundLine, type Line } from './testing/lease-api.ts';

const silent: Logger = { debug() {}, info() {}, warn() {}, error() {}, child: () => silent };
const config = electionConfig.parse({});

/** A process whose timers do not run while it is paused; its clock goes on, as that of a stopped process does. */
class Process {
  readonly env: Env;
  readonly line: Line = soundLine();
  readonly elector: Elector;
  readonly told: boolean[] = [];
  #paused = false;
  #late: (() => void)[] = [];

  constructor(env: SimulatedEnv, api: LeaseApi, identity: string) {
    const after = (delayMs: number, fn: () => void): TimerHandle => {
      let live = true;
      const run = (): void => {
        if (live && this.#paused) this.#late.push(run);
        else if (live) fn();
      };
      const timer = env.timers.after(delayMs, run);
      return { cancel: () => ((live = false), timer.cancel()) };
    };
    const sleep = (delayMs: number, signal?: AbortSignal): Promise<void> =>
      new Promise((resolve, reject) => {
        const timer = after(delayMs, resolve);
        signal?.addEventListener('abort', () => (timer.cancel(), reject(signal.reason as Error)), { once: true });
      });
    this.env = { ...env, timers: { ...env.timers, after, sleep } };
    const client = new LeaseClient(api.client(this.line), { namespace: 'kube-system', name: 'l' }, 'test');
    const reportFault = (error: unknown): void => {
      throw error;
    };
    this.elector = new Elector({ client, identity, config, env: this.env, log: silent, reportFault });
    this.elector.onChange((leading) => this.told.push(leading));
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    for (const run of this.#late.splice(0)) run();
  }

  get paused(): boolean {
    return this.#paused;
  }
}

function bench(count: number, seed = 1): { env: SimulatedEnv; api: LeaseApi; processes: Process[] } {
  const env = createSimulatedEnv({ seed });
  const api = new LeaseApi(env);
  const processes = Array.from({ length: count }, (_, at) => new Process(env, api, `p${at}`));
  return { env, api, processes };
}

const leaders = (processes: readonly Process[]): number[] =>
  processes.flatMap(({ elector }, at) => (elector.leading() ? [at] : []));

async function stopAll(env: SimulatedEnv, processes: readonly Process[]): Promise<void> {
  const stopped = Promise.all(processes.map(({ elector }) => elector.stop()));
  await env.advance(10_000);
  await stopped;
  expect(env.pendingTimers).toBe(0);
}

describe('Elector', () => {
  it('makes the namespace and the lease, leads, renews, and releases when it stops', async () => {
    const { env, api, processes } = bench(1);
    const [one] = processes;
    await one?.elector.start();
    expect(one?.elector.status()).toEqual({ identity: 'p0', holder: 'p0', leading: true, transitions: 0 });
    const taken = (api.lease as Lease).spec;
    expect(taken).toMatchObject({ holderIdentity: 'p0', leaseDurationSeconds: 15, leaseTransitions: 0 });
    await env.advance(60_000);
    const renewed = (api.lease as Lease).spec;
    expect(renewed?.acquireTime).toBe(taken?.acquireTime);
    expect(renewed?.renewTime).not.toBe(taken?.renewTime);
    expect(one?.told).toEqual([true]);
    await stopAll(env, processes);
    expect(one?.told).toEqual([true, false]);
    expect((api.lease as Lease).spec?.holderIdentity).toBeUndefined();
  });

  it('hands over within one attempt when the leader stops, and counts the transition', async () => {
    const { env, api, processes } = bench(2);
    api.makeNamespace('kube-system');
    const [one, two] = processes;
    await one?.elector.start();
    await two?.elector.start();
    await env.advance(30_000);
    expect(leaders(processes)).toEqual([0]);
    expect(two?.elector.status()).toMatchObject({ holder: 'p0', leading: false });
    await one?.elector.stop();
    two?.elector.hurry();
    await env.settle();
    expect(two?.elector.status()).toEqual({ identity: 'p1', holder: 'p1', leading: true, transitions: 1 });
    await stopAll(env, processes.slice(1));
  });

  it('takes over from a leader that vanished when its lease runs out, not before', async () => {
    const { env, processes } = bench(2);
    const [one, two] = processes;
    await one?.elector.start();
    await two?.elector.start();
    await env.advance(20_000);
    one?.pause();
    await env.advance(12_000);
    expect(leaders(processes)).toEqual([]);
    await env.advance(6_000);
    expect(leaders(processes)).toEqual([1]);
    one?.resume();
    await env.settle();
    expect([one?.told, two?.told]).toEqual([[true, false], [true]]);
    await stopAll(env, processes);
  });

  it('stops leading at the renew deadline without an API, and leads again when it is back', async () => {
    const { env, processes } = bench(1);
    const [one] = processes;
    if (one === undefined) throw new Error('no process');
    await one.elector.start();
    await env.advance(2_000);
    one.line.down = true;
    await env.advance(7_900);
    expect(one.elector.leading()).toBe(true);
    await env.advance(2_200);
    expect(one.told).toEqual([true, false]);
    one.line.down = false;
    await env.advance(3_000);
    expect(one.told).toEqual([true, false, true]);
    expect(one.elector.status().transitions).toBe(0);
    await stopAll(env, processes);
  });

  it('does not believe a renewal whose answer never came', async () => {
    const { env, api, processes } = bench(1);
    const [one] = processes;
    if (one === undefined) throw new Error('no process');
    await one.elector.start();
    one.line.mute = true;
    await env.advance(11_000);
    expect((api.lease as Lease).spec?.holderIdentity).toBe('p0');
    expect(one.told).toEqual([true, false]);
    one.line.mute = false;
    await stopAll(env, processes);
  });

  it('goes on after a listener threw', async () => {
    const env = createSimulatedEnv({ seed: 1 });
    const api = new LeaseApi(env);
    const client = new LeaseClient(api.client(soundLine()), { namespace: 'a', name: 'l' }, 'x');
    const faults: unknown[] = [];
    const elector = new Elector({
      client,
      identity: 'p',
      config,
      env,
      log: silent,
      reportFault: (error) => faults.push(error),
    });
    const seen: boolean[] = [];
    elector.onChange(() => {
      throw new Error('a bug');
    });
    const undo = elector.onChange((leading) => seen.push(leading));
    await elector.start();
    undo();
    const stopped = elector.stop();
    await env.advance(1);
    await stopped;
    expect([seen, faults.length]).toEqual([[true], 2]);
  });

  it('never has two leaders, whatever the lines and processes do, and always one again', async () => {
    let changes = 0;
    for (let seed = 1; seed <= 25; seed += 1) {
      const { env, processes } = bench(3, seed);
      const { random } = env;
      await Promise.all(processes.map(({ elector }) => elector.start()));
      for (let step = 0; step < 1_500; step += 1) {
        if (step % 20 === 0) {
          const process = processes[random.int(3)];
          if (process === undefined) continue;
          const { line } = process;
          line.down = random.int(3) === 0;
          line.mute = random.int(4) === 0;
          line.delayMs = random.int(3) === 0 ? random.int(12_000) : random.int(20);
          line.answerDelayMs = random.int(3) === 0 ? random.int(14_000) : 0;
          if (process.paused) process.resume();
          else if (random.int(4) === 0) process.pause();
        }
        await env.advance(100);
        const now = leaders(processes);
        if (now.length > 1) throw new Error(`seed ${seed}, step ${step}: ${now.join(' and ')} lead`);
      }
      for (const process of processes) {
        Object.assign(process.line, soundLine());
        process.resume();
      }
      await env.advance(40_000);
      expect(leaders(processes)).toHaveLength(1);
      changes += processes[0]?.elector.status().transitions ?? 0;
      await stopAll(env, processes);
    }
    // The faults were worth something.
    expect(changes).toBeGreaterThan(20);
  }, 60_000);
});

describe('the configuration', () => {
  const problems = (value: unknown): string[] =>
    (electionConfig.safeParse(value).error?.issues ?? []).map(({ message }) => message);

  it('refuses times with which two could lead', () => {
    expect(problems({ renewDeadlineSeconds: 15 })).toEqual([expect.stringContaining('leaseDurationSeconds')]);
    expect(problems({ retryPeriodSeconds: 9 })).toEqual([expect.stringContaining('renewDeadlineSeconds')]);
    expect(problems({ leaseDurationSeconds: 3, renewDeadlineSeconds: 2, retryPeriodSeconds: 0.5 })).toEqual([]);
  });
});
