/** Exact counting, whatever the order in which pods end, caches lag and the controller dies. */
import { describe, expect, it } from '@jest/globals';
import type { Job } from '@timonel/sdk/kube';
import fc from 'fast-check';
import { IndexSet } from './index-set.ts';
import { completionIndex, finishedCondition } from './job-pods.ts';
import { World } from './testing/world.ts';

type Step =
  | { readonly do: 'pass'; readonly jobLag: number; readonly podLag: number; readonly crashAfter: number | undefined }
  | { readonly do: 'end'; readonly which: number; readonly exitCode: number }
  | { readonly do: 'delete'; readonly which: number }
  | { readonly do: 'suspend'; readonly suspend: boolean }
  | { readonly do: 'wait'; readonly seconds: number };

const anyPass = fc.record({
  do: fc.constant('pass' as const),
  jobLag: fc.nat(3),
  podLag: fc.nat(6),
  crashAfter: fc.option(fc.integer({ min: 1, max: 5 }), { nil: undefined }),
});
const anyEnd = fc.record({ do: fc.constant('end' as const), which: fc.nat(9), exitCode: fc.nat(1) });
const anySteps = (more: readonly fc.Arbitrary<Step>[]): fc.Arbitrary<Step[]> =>
  fc.array(
    fc.oneof(
      { weight: 6, arbitrary: anyPass },
      { weight: 4, arbitrary: anyEnd },
      { weight: 1, arbitrary: fc.record({ do: fc.constant('wait' as const), seconds: fc.nat(600) }) },
      ...more.map((arbitrary) => ({ weight: 1, arbitrary })),
    ),
    { minLength: 5, maxLength: 60, size: 'max' },
  );
const deletions = fc.record({ do: fc.constant('delete' as const), which: fc.nat(9) });
const suspensions = fc.record({ do: fc.constant('suspend' as const), suspend: fc.boolean() });

async function take(world: World, step: Step): Promise<void> {
  if (step.do === 'pass') await world.pass(step);
  else if (step.do === 'wait') world.nowMs += step.seconds * 1000;
  else if (step.do === 'suspend') world.changeSpec({ suspend: step.suspend });
  else {
    const pod = world.running[step.which % Math.max(1, world.running.length)];
    if (pod === undefined) return;
    if (step.do === 'delete') world.deletePod(pod);
    else world.end(pod, step.exitCode);
  }
}

/** How many pods are in a number or will be. */
function counted(world: World): number {
  const { succeeded = 0, failed = 0, uncountedTerminatedPods: uncounted = {} } = world.job.status ?? {};
  const tracked = new Set(world.tracked.map(({ metadata }) => metadata.uid ?? ''));
  const waiting = [...(uncounted.succeeded ?? []), ...(uncounted.failed ?? [])];
  const justFreed = waiting.filter((uid) => !tracked.has(uid)).length;
  return succeeded + failed + justFreed + tracked.size;
}

/** Each pod is in exactly one number, but for those that were taken away. */
function checkNumbers(world: World): void {
  expect(counted(world) + world.removed.length).toBe(world.created);
}

async function finish(world: World): Promise<void> {
  world.changeSpec({ suspend: false });
  for (let round = 0; round < 100 && finishedCondition(world.job) === undefined; round += 1) {
    await world.settle();
    world.nowMs += 400_000;
    for (const pod of world.running) world.end(pod, 0);
  }
  await world.settle();
}

async function play(
  spec: Partial<Job['spec']>,
  steps: readonly Step[],
  check: (world: World) => void,
  isOneProcess?: boolean,
): Promise<World> {
  const world = new World(spec, isOneProcess);
  for (const step of steps) {
    await take(world, step);
    check(world);
  }
  await finish(world);
  check(world);
  expect(finishedCondition(world.job)).toBeDefined();
  expect(world.tracked).toEqual([]);
  expect(world.job.status?.uncountedTerminatedPods).toEqual({});
  return world;
}

describe('counting', () => {
  it('of a job by completions: each pod exactly once', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 4 }),
        anySteps([deletions, suspensions]),
        async (parallelism, steps) => {
          const spec = { parallelism, completions: 4, backoffLimit: 1000 };
          const { job } = await play(spec, steps, checkNumbers);
          expect(finishedCondition(job)).toBe('Complete');
          expect(job.status?.succeeded).toBeGreaterThanOrEqual(4);
        },
      ),
      { numRuns: 80 },
    );
  });

  it('of a job that fails: the pods that its end takes along are failed ones', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(2), anySteps([deletions]), async (backoffLimit, steps) => {
        const spec = { parallelism: 3, completions: 6, backoffLimit };
        const { job, created } = await play(spec, steps, checkNumbers);
        if (finishedCondition(job) === 'Failed') expect(job.status?.failed).toBeGreaterThan(backoffLimit);
        expect(created).toBeGreaterThan(0);
      }),
      { numRuns: 60 },
    );
  });

  it('by several processes at once, each with caches of its own age: no pod twice', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(3), anySteps([deletions, suspensions]), async (backoffLimit, steps) => {
        const check = (world: World): void => expect(counted(world)).toBeLessThanOrEqual(world.created);
        await play({ parallelism: 3, completions: 5, backoffLimit }, steps, check, false);
      }),
      { numRuns: 60 },
    );
  });

  it('of an indexed job: no index twice, none without a pod that succeeded', async () => {
    const policies = fc.constantFrom('TerminatingOrFailed', 'Failed');
    await fc.assert(
      fc.asyncProperty(policies, anySteps([deletions, suspensions]), async (podReplacementPolicy, steps) => {
        const spec = {
          parallelism: 3,
          completions: 5,
          completionMode: 'Indexed',
          backoffLimit: 1000,
          podReplacementPolicy,
        };
        const check = ({ job, pods, removed }: World): void => {
          const { succeeded = 0, completedIndexes } = job.status ?? {};
          const counted = IndexSet.parse(completedIndexes);
          expect(counted.size).toBe(succeeded);
          expect(succeeded).toBeLessThanOrEqual(5);
          const freed = pods.filter(
            ({ metadata, status }) =>
              status?.phase === 'Succeeded' &&
              metadata.finalizers?.length === 0 &&
              !removed.includes(metadata.uid ?? ''),
          );
          for (const pod of freed) expect(counted.has(completionIndex(pod, job) ?? -1)).toBe(true);
        };
        const { job } = await play(spec, steps, check);
        expect(finishedCondition(job)).toBe('Complete');
        expect(job.status).toMatchObject({ succeeded: 5, completedIndexes: '0-4' });
      }),
      { numRuns: 60 },
    );
  });

  it('with a back-off limit of each index: an index fails by its own failures alone', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(2), anySteps([]), async (backoffLimitPerIndex, steps) => {
        const spec = {
          parallelism: 4,
          completions: 4,
          completionMode: 'Indexed',
          backoffLimit: 1000,
          backoffLimitPerIndex,
        };
        const { job, failures } = await play(spec, steps, () => undefined);
        const { failedIndexes, completedIndexes } = job.status ?? {};
        const [failed, completed] = [IndexSet.parse(failedIndexes), IndexSet.parse(completedIndexes)];
        expect(failed.common(completed)).toBe(0);
        expect(failed.size + completed.size).toBe(4);
        for (let index = 0; index < 4; index += 1) {
          const ended = failures.filter((pod) => completionIndex(pod, job) === index).length;
          if (failed.has(index)) expect(ended).toBeGreaterThan(backoffLimitPerIndex);
        }
        expect(finishedCondition(job)).toBe(failed.size > 0 ? 'Failed' : 'Complete');
      }),
      { numRuns: 60 },
    );
  });
});
