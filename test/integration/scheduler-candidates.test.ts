/** Schedulers with faults are swapped in while pods come: they are refused or go by themselves, and every pod is bound. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { definePlugin, type AnyPlugin, type PluginContext } from '@timonel/sdk';
import { scheduler, type Scheduler } from '@timonel/sdk/contracts/scheduler';
import { schedulingRoot, type SchedulingStatus } from '@timonel/sdk/contracts/scheduler-shadow';
import { schedulerOf, standardFilters } from '@timonel/sdk/scheduling';
import schedulerDefault from '@timonel/plugin-scheduler-default';
import schedulerHost from '@timonel/plugin-scheduler-host';
import { schedulerItems, schedulersText } from '../../cli/src/commands/scheduler-text.ts';
import { startApiServer, type TestApiServer } from '../support/api-server.ts';
import { makeFakeNodes, SchedulerLoad } from '../support/scheduler-load.ts';
import { until } from '../support/until.ts';

/** That of a scheduler that is promoted. */
const probationMs = 60_000;

interface Parts {
  readonly setup?: () => void | Promise<void>;
  readonly probe?: () => void;
  readonly start?: () => void;
  /** Does instead of `inner.decide` what it likes. */
  readonly decide?: (inner: Scheduler) => Scheduler['decide'];
}

/** A sound scheduler, but for the parts that are given. */
const candidate = (name: string, { setup, probe, start, decide }: Parts): AnyPlugin =>
  definePlugin({
    name,
    version: '1.0.0',
    apiVersion: 1,
    provides: { scheduler },
    async setup({ env: { timers } }: PluginContext) {
      await setup?.();
      const sound = schedulerOf({ plugins: standardFilters(), timers });
      const made: Scheduler = decide === undefined ? sound : { traits: sound.traits, decide: decide(sound) };
      return {
        provides: { scheduler: made },
        ...(probe === undefined ? {} : { probe }),
        ...(start === undefined ? {} : { start }),
      };
    },
  });

const fail = (message: string) => (): never => {
  throw new Error(message);
};

function throwsAtEach100th(inner: Scheduler): Scheduler['decide'] {
  let decisions = 0;
  return (pods, snapshot) => {
    const before = decisions;
    decisions += pods.length;
    if (Math.floor(before / 100) !== Math.floor(decisions / 100)) throw new Error('the log overflows');
    return inner.decide(pods, snapshot);
  };
}

const bindsNowhere = (): Scheduler['decide'] => (pods) =>
  Promise.resolve(
    pods.map(({ uid }) => ({ outcome: 'bind', podUid: uid, nodeName: 'nowhere', scores: [], feasibleNodes: 1 })),
  );

/** At least ten times as long as the decision itself takes, and long enough to matter. */
const isSlow =
  (inner: Scheduler): Scheduler['decide'] =>
  async (pods, snapshot) => {
    const startedMs = performance.now();
    const decisions = await inner.decide(pods, snapshot);
    const ms = Math.max(30, 10 * (performance.now() - startedMs));
    await new Promise((resolve) => setTimeout(resolve, ms));
    return decisions;
  };

/** On a heap of this size full collections are seldom; the guard rail wants some. */
function collectAtTimes(): NodeJS.Timeout {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  return setInterval(collect, 1000);
}

function leaks(inner: Scheduler): Scheduler['decide'] {
  const much = Array.from({ length: 2 ** 16 }, (_, at) => at + 0.5);
  const kept: unknown[] = [];
  return (pods, snapshot) => {
    kept.push(much.slice());
    return inner.decide(pods, snapshot);
  };
}

const hangs = (): Scheduler['decide'] => () => new Promise(() => undefined);

const loops = (): Scheduler['decide'] => () => {
  for (;;);
};

interface Fault {
  readonly name: string;
  readonly parts: Parts;
  /** What the entry of the candidate says. */
  readonly reason: RegExp;
  /** It does not come into charge at all. */
  readonly refused?: true;
}

const faults: readonly Fault[] = [
  { name: 'fails-in-setup', parts: { setup: fail('no chart aboard') }, reason: /no chart aboard/, refused: true },
  { name: 'fails-in-probe', parts: { probe: fail('the compass spins') }, reason: /the compass spins/, refused: true },
  { name: 'fails-in-start', parts: { start: fail('the anchor is stuck') }, reason: /anchor is stuck/, refused: true },
  {
    name: 'hangs-in-setup',
    parts: { setup: () => new Promise(() => undefined) },
    reason: /ERR_PLUGIN_TIMEOUT.*setup/,
    refused: true,
  },
  { name: 'throws-at-each-100th', parts: { decide: throwsAtEach100th }, reason: /the log overflows/ },
  { name: 'hangs', parts: { decide: hangs }, reason: /did not decide within/ },
  { name: 'loops', parts: { decide: loops }, reason: /blocked the event loop|did not return/ },
  { name: 'binds-nowhere', parts: { decide: bindsNowhere }, reason: /chose the node "nowhere", which does not exist/ },
  { name: 'is-slow', parts: { decide: isSlow }, reason: /its decisions take \d+ times as long as before/ },
  { name: 'leaks', parts: { decide: leaks }, reason: /the heap has grown by \d+ MiB/ },
];

describe('a candidate in charge of a live cluster', () => {
  let server: TestApiServer;

  beforeAll(async () => {
    server = await startApiServer({
      plugins: [schedulerHost, schedulerDefault],
      available: faults.map(({ name, parts }) => candidate(name, parts)),
      config: { 'scheduler-host': { decisionTimeoutMs: 2000 } },
    });
    await makeFakeNodes(server.api, 20);
  });
  afterAll(() => server?.stop());

  /** What `timonel scheduler list` shows. */
  const shown = async (): Promise<string> => {
    const { body } = await server.send('GET', `${schedulingRoot}/status`);
    const status = body as SchedulingStatus;
    return schedulersText(schedulerItems(server.kernel.control.list(), status.inCharge, status), Date.now());
  };

  it.each(faults)(
    'that $name is gone by itself, and every pod is bound',
    async ({ name, reason, refused = false }) => {
      const { control } = server.kernel;
      const load = new SchedulerLoad(server.api, { perSecond: 80, keep: 200, prefix: name });
      await load.start();
      const collections = collectAtTimes();
      try {
        // What is usual must be known.
        await load.progress(80);
        const swap = control.swap('scheduler', name, { probationMs });
        if (refused) await expect(swap).rejects.toMatchObject({ code: 'ERR_SERVICE_SWAP' });
        else await swap;
        await until(() => control.providerOf('scheduler') === 'scheduler-default', {
          what: 'the one before to be in charge',
          timeoutMs: 70_000,
        });
        await load.progress(20);
        const { lost, boundTwice } = await load.end();
        expect({ lost, boundTwice }).toEqual({ lost: [], boundTwice: [] });
      } finally {
        clearInterval(collections);
        await load.close();
      }
      expect(control.info(name)).toMatchObject({ state: 'failed', reason: expect.stringMatching(reason) });
      const lines = (await shown()).split('\n');
      expect(lines.find((line) => line.includes(` ${name} `))).toMatch(reason);
      expect(lines.find((line) => line.startsWith('*'))).toMatch(/scheduler-default .*running *in charge/);
    },
    90_000,
  );
});
