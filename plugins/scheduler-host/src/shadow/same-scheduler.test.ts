/** The same scheduler decides the same in shadow: if the snapshots are the same. */
import { expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { PodInfo } from '@timonel/sdk/contracts/scheduler';
import { defaultProfile, frameworkScheduler, pluginRegistry, type FrameworkScheduler } from '@timonel/sdk/scheduling';
import { manualEnv } from '@timonel/testkit';
import { ClusterState } from '../state/cluster-state.ts';
import { aNode, aPodInfo, noObjects } from '../testing/stand-ins.ts';
import { ShadowRun } from './shadow-run.ts';
import { liveBatch } from './testing/live-cluster.ts';

const env = manualEnv();
const defaultScheduler = (): FrameworkScheduler =>
  frameworkScheduler({ registry: pluginRegistry(), profiles: [defaultProfile()], timers: env.timers });

const wish = fc.record({
  cpu: fc.constantFrom('100m', '500m', '1500m'),
  memory: fc.constantFrom('100Mi', '1Gi', '3Gi'),
  priority: fc.constantFrom(0, 0, 0, 10),
  disk: fc.constantFrom(undefined, undefined, 'ssd'),
  tolerates: fc.boolean(),
  port: fc.constantFrom(undefined, undefined, 8080),
});
type Wish = typeof wish extends fc.Arbitrary<infer T> ? T : never;

const sketch = fc.record({
  disk: fc.constantFrom(undefined, 'ssd'),
  tainted: fc.boolean(),
  cpu: fc.constantFrom('2', '4'),
});
const event = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('batch' as const),
      wishes: fc.array(wish, { minLength: 1, maxLength: 8 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('node' as const), at: fc.nat({ max: 6 }), sketch }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('node-gone' as const), at: fc.nat({ max: 6 }) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('pod-gone' as const), which: fc.nat({ max: 50 }) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('time' as const), ms: fc.constantFrom(0, 1, 5000) }) },
);

function podOf(name: string, { cpu, memory, priority, disk, tolerates, port }: Wish): PodInfo {
  const ports = port === undefined ? [] : [{ containerPort: port, hostPort: port }];
  return aPodInfo(name, {
    containers: [{ name: 'c', image: 'x:1', ports, resources: { requests: { cpu, memory } } }],
    priority,
    ...(disk && { nodeSelector: { disk } }),
    ...(tolerates && { tolerations: [{ operator: 'Exists' }] }),
  });
}

it('agrees with itself in every decision on random clusters', async () => {
  let decisions = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(event, { minLength: 4, maxLength: 30 }), async (events) => {
      const state = new ClusterState(noObjects, 16);
      const live = defaultScheduler();
      const run = new ShadowRun({
        env,
        name: 'same',
        scheduler: defaultScheduler(),
        inCharge: () => 'live',
        onEnd: () => undefined,
      });
      const placed: string[] = [];
      let pods = 0;
      for (let at = 0; at < 3; at += 1) state.setNode(aNode(`n${at}`));
      for (const step of events) {
        if (step.kind === 'batch') {
          const batch = step.wishes.map((each) => podOf(`p${(pods += 1)}`, each));
          await liveBatch(env, { state, live, run }, batch);
          placed.push(...batch.map(({ uid }) => uid));
        } else if (step.kind === 'node') {
          const { disk, tainted, cpu } = step.sketch;
          state.setNode(
            aNode(`n${step.at}`, {
              metadata: { name: `n${step.at}`, labels: disk === undefined ? {} : { disk } },
              spec: tainted ? { taints: [{ key: 'dedicated', effect: 'NoSchedule' }] } : {},
              status: { allocatable: { cpu, memory: '4Gi', pods: '10' } },
            }),
          );
        } else if (step.kind === 'node-gone') state.removeNode(`n${step.at}`);
        else if (step.kind === 'pod-gone') state.remove(placed[step.which % Math.max(1, placed.length)] ?? '');
        else await env.advance(step.ms);
      }
      await env.advance(60_000);
      const { agreement, batches, faults, differences } = run.report();
      expect(differences).toEqual([]);
      expect(agreement.same).toBe(pods);
      expect([batches.skipped, batches.waiting, faults.count]).toEqual([0, 0, 0]);
      run.end('done');
      decisions += pods;
    }),
    { numRuns: 150 },
  );
  expect(decisions).toBeGreaterThan(1000);
});
