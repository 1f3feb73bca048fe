import { expect, it } from '@jest/globals';
import type { Node } from '../kube/index.ts';
import type { PodInfo, SchedulingPlugin } from '../contracts/scheduler/index.ts';
import { listSnapshot } from './list-snapshot.ts';
import { PodClasses } from './pod-class.ts';
import type { SamplingSettings } from './profile.ts';
import { sampleSize } from './sampling.ts';
import { frameworkScheduler } from './framework.ts';

it.each<[number, SamplingSettings | undefined, number]>([
  [10_000, undefined, 10_000],
  [15_000, undefined, 750],
  [300, { aboveNodes: 200 }, 142],
  [150, { aboveNodes: 100 }, 100],
  [1000, { aboveNodes: 100, percentage: 50 }, 500],
  [1000, { aboveNodes: 100, percentage: 200 }, 1000],
])('of %i nodes, with %j, %i are scored', (nodes, settings, wanted) => {
  expect(sampleSize(settings, nodes)).toBe(wanted);
});

it.each([true, false])(
  'scores other nodes each time, and finds the only one that fits (filter of the cluster: %s)',
  async (filters) => {
    const seen = new Set<number>();
    let asked = 0;
    const far = { code: 'far', text: 'far away', resolvable: false };
    const plugin: SchedulingPlugin = {
      name: 'All',
      ...(filters
        ? {
            filterScope: 'cluster',
            filter: ({ class: { priority } }, { rows, count }, verdicts) => {
              for (const row of rows.subarray(0, count)) if (priority === 1 && row !== 250) verdicts.reject(row, far);
            },
          }
        : {}),
      scoreScope: 'cluster',
      score: (_pod, { rows, count }, scores) => {
        asked = count;
        for (const row of rows.subarray(0, count)) {
          seen.add(row);
          scores[row] = 1;
        }
      },
    };
    const one = frameworkScheduler({
      registry: new Map([['All', () => plugin]]),
      profiles: [
        {
          schedulerName: 'default-scheduler',
          plugins: [{ name: 'All' }],
          sampling: { aboveNodes: 200, percentage: 10 },
        },
      ],
      timers: { after: () => ({ cancel: () => undefined }) },
    });
    const nodes = Array.from({ length: 300 }, (_, n): Node => ({ metadata: { name: `n${n}` }, spec: {} }));
    const classes = new PodClasses();
    const pod = (uid: string, priority: number): PodInfo =>
      classes.infoOf({ metadata: { name: uid, uid }, spec: { containers: [], priority } });
    const snapshot = listSnapshot(nodes);
    for (let round = 0; round < 300; round += 1) {
      const [decision] = await one.decide([pod(`p${round}`, 0)], snapshot);
      expect(decision).toMatchObject({ outcome: 'bind', feasibleNodes: 100 });
      expect(asked).toBe(100);
    }
    expect(seen.size).toBe(300);
    if (!filters) return;
    expect((await one.decide([pod('x', 1)], snapshot))[0]).toMatchObject({ nodeName: 'n250' });
  },
);
