import { describe, expect, it } from '@jest/globals';
import type { Action } from '@timonel/sdk/controller';
import { timestampOf, type CronJob, type Job } from '@timonel/sdk/kube';
import fc from 'fast-check';
import type { Observed } from './observe.ts';
import { reconcile } from './reconcile.ts';
import { planStatus } from './status.ts';
import { atMs, cron } from './testing/cron-jobs.ts';

describe('amid jumps of the clock, crashes and ends of jobs', () => {
  const anyStep = fc.oneof(
    fc.record({ do: fc.constant('clock' as const), seconds: fc.integer({ min: -4000, max: 9000 }) }),
    fc.record({ do: fc.constant('end' as const), which: fc.nat(5) }),
    // The process dies after so many writes.
    fc.record({ do: fc.constant('pass' as const), writes: fc.nat(3) }),
    fc.constant({ do: 'pass' as const, writes: 99 }),
  );

  interface World {
    nowMs: number;
    cronJob: CronJob;
    jobs: Job[];
    readonly made: Map<string, number>;
  }

  function act(world: World, action: Action): void {
    if (action.do === 'delete')
      world.jobs = world.jobs.filter(({ metadata }) => metadata.uid !== action.object.metadata.uid);
    if (action.do !== 'create') return;
    const { name = '' } = action.object.metadata;
    if (world.jobs.some(({ metadata }) => metadata.name === name)) throw new Error(`${name} is there already`);
    world.made.set(name, (world.made.get(name) ?? 0) + 1);
    const metadata = {
      ...action.object.metadata,
      uid: `${name}#${world.made.get(name)}`,
      creationTimestamp: timestampOf(world.nowMs),
    };
    world.jobs.push({ ...(action.object as Job), metadata, status: { startTime: timestampOf(world.nowMs) } });
  }

  function pass(world: World, writes: number): number {
    const observed: Observed = {
      subject: world.cronJob,
      jobs: world.jobs,
      nowMs: world.nowMs,
      timestamp: timestampOf(world.nowMs),
    };
    const actions = reconcile(observed).actions.filter((action) => action.do !== 'event');
    const answers = new Map<Action, Job>();
    for (const action of actions.slice(0, writes)) {
      act(world, action);
      answers.set(
        action,
        action.do === 'create' ? (world.jobs.at(-1) as Job) : (('object' in action && action.object) as Job),
      );
    }
    if (actions.length >= writes) return actions.length;
    const status = planStatus(observed, { answers, existing: [] })?.status ?? {};
    const isNew = JSON.stringify(status) !== JSON.stringify(world.cronJob.status);
    world.cronJob = { ...world.cronJob, status };
    return actions.length + (isNew ? 1 : 0);
  }

  it.each(['Allow', 'Forbid', 'Replace'])(
    '%s: no time twice, as many at once as allowed, and then rest',
    (concurrencyPolicy) => {
      fc.assert(
        fc.property(fc.array(anyStep, { maxLength: 40, size: 'max' }), (steps) => {
          const subject = cron({ concurrencyPolicy });
          const world: World = { nowMs: atMs('00:00:30'), cronJob: subject, jobs: [], made: new Map() };
          const running = (): Job[] => world.jobs.filter(({ status }) => status?.conditions === undefined);
          for (const step of [...steps, { do: 'pass' as const, writes: 99 }]) {
            if (step.do === 'clock') world.nowMs += step.seconds * 1000;
            else if (step.do === 'pass') pass(world, step.writes);
            else {
              const ended = running()[step.which];
              const conditions = [{ type: 'Complete', status: 'True' as const }];
              world.jobs = world.jobs.map((job) =>
                job === ended
                  ? { ...job, status: { ...job.status, conditions, completionTime: timestampOf(world.nowMs) } }
                  : job,
              );
            }
            if (concurrencyPolicy !== 'Allow') expect(running().length).toBeLessThanOrEqual(1);
          }
          for (const [name, count] of world.made) expect({ name, count }).toEqual({ name, count: 1 });
          pass(world, 99);
          expect(pass(world, 99)).toBe(0);
        }),
        { numRuns: 150 },
      );
    },
  );
});
