/** What plugins do wrong harms the pod that is asked about, not what is known about others. */
import { describe, expect, it } from '@jest/globals';
import type { Node } from '../kube/index.ts';
import type { Decision, PodInfo, SchedulingPlugin } from '../contracts/scheduler/index.ts';
import { listSnapshot } from './list-snapshot.ts';
import { PodClasses } from './pod-class.ts';
import { schedulerOf } from './scheduler-of.ts';
import type { FrameworkScheduler } from './framework.ts';

const classes = new PodClasses();
let serial = 0;

function pod(name = 'p'): PodInfo {
  serial += 1;
  return classes.infoOf({
    metadata: { name: `${name}${serial}`, namespace: 'default', uid: `u${serial}` },
    spec: { containers: [{ name: 'c', image: 'x' }] },
  });
}

function node(name: string, rank = 0): Node {
  return { metadata: { name, labels: { rank: String(rank) } }, spec: {}, status: { allocatable: { pods: '110' } } };
}

const scheduler = (...plugins: SchedulingPlugin[]): FrameworkScheduler =>
  schedulerOf({ plugins, timers: { after: () => ({ cancel: () => undefined }) } });

const nodeOf = (decision: Decision | undefined): string | undefined =>
  decision?.outcome === 'bind' ? decision.nodeName : decision?.outcome;

const full = { code: 'full', text: 'is full', resolvable: true };

/** One pod for each node. */
const single: SchedulingPlugin = {
  name: 'Single',
  filter: (_pod, { rows, count, view }, verdicts) => {
    for (const row of rows.subarray(0, count)) if ((view.podCount[row] ?? 0) > 0) verdicts.reject(row, full);
  },
};

describe('Plugins that do not keep to their batch', () => {
  it('refuse only nodes that they were asked about', async () => {
    const wild: SchedulingPlugin = {
      name: 'Wild',
      filter: (_pod, { view }, verdicts) => {
        // All that it can think of, also nodes that are gone and nodes that never were.
        for (let row = 0; row < view.size + 10; row += 1) if ((view.podCount[row] ?? 0) > 0) verdicts.reject(row, full);
        verdicts.reject(99, full);
        verdicts.reject(-1, full);
      },
    };
    const decisions = await scheduler(wild).decide(
      [pod(), pod(), pod(), pod()],
      listSnapshot([node('a'), node('b'), node('c')]),
    );
    expect(decisions.map((decision) => decision.outcome === 'bind' && decision.feasibleNodes)).toEqual([
      3,
      2,
      1,
      false,
    ]);
    expect(decisions[3]).toMatchObject({ rejections: [{ code: 'full', nodeCount: 3, nodes: ['a', 'b', 'c'] }] });
  });

  it('score only nodes that they were asked about', async () => {
    const rank: SchedulingPlugin = {
      name: 'Rank',
      normalize: 'max',
      score: (_pod, { rows, count, view }, scores) => {
        scores.fill(0);
        for (const row of rows.subarray(0, count)) scores[row] = Number(view.nodes[row]?.metadata.labels?.['rank']);
      },
    };
    const nodes = ['a', 'b', 'c', 'd'].map((name, at) => node(name, 4 - at));
    const decisions = await scheduler(single, rank).decide([pod(), pod(), pod(), pod()], listSnapshot(nodes));
    expect(decisions.map(nodeOf)).toEqual(['a', 'b', 'c', 'd']);
  });

  it('give 0 where they say nothing', async () => {
    const empty: SchedulingPlugin = {
      name: 'Empty',
      score: (_pod, { rows, count, view }, scores) => {
        for (const row of rows.subarray(0, count)) if (view.podCount[row] === 0) scores[row] = 100;
      },
    };
    const decisions = await scheduler(empty).decide([pod(), pod()], listSnapshot([node('a'), node('b')]));
    const totals = decisions.map(
      (decision) => decision.outcome === 'bind' && decision.scores.map(({ total }) => total),
    );
    expect(totals).toEqual([
      [100, 100],
      [100, 0],
    ]);
  });

  it.each(['max', 'reverse-max'] as const)(
    'are blamed for scores below 0 that are normalised to the %s',
    async (normalize) => {
      const below: SchedulingPlugin = {
        name: 'Below',
        normalize,
        score: (_pod, { rows, count }, scores) => {
          for (const row of rows.subarray(0, count)) scores[row] = row === 0 ? -1 : 1;
        },
      };
      const [decision] = await scheduler(below).decide([pod()], listSnapshot([node('a'), node('b')]));
      expect(decision).toMatchObject({ outcome: 'error', plugin: 'Below' });
    },
  );
});

describe('Reasons', () => {
  it('have a bound for each plugin, and others keep theirs', async () => {
    const chatty: SchedulingPlugin = {
      name: 'Chatty',
      filterScope: 'cluster',
      filter: ({ name }, { rows, count }, verdicts) => {
        for (const row of rows.subarray(0, count)) {
          verdicts.reject(row, { code: 'no', text: `not ${name} on ${row}`, resolvable: row > 0 });
        }
      },
    };
    const one = scheduler(chatty);
    const snapshot = listSnapshot(Array.from({ length: 1000 }, (_, at) => node(`n${at}`)));
    let last: Decision | undefined;
    for (let round = 0; round < 70; round += 1) [last] = await one.decide([pod()], snapshot);
    expect(last).toMatchObject({
      outcome: 'unschedulable',
      rejections: [
        { plugin: 'Chatty', code: 'other', nodeCount: 999, resolvable: true },
        { plugin: 'Chatty', code: 'other', nodeCount: 1, resolvable: false },
      ],
    });
  });

  it('that differ only in whether pods could make room are two', async () => {
    const half: SchedulingPlugin = {
      name: 'Half',
      filter: (_pod, { rows, count }, verdicts) => {
        for (const row of rows.subarray(0, count)) verdicts.reject(row, { ...full, resolvable: row > 0 });
      },
      postFilter: (_pod, { resolvableRows }) => ({ outcome: 'nothing', why: `rows ${resolvableRows.join(' ')}` }),
    };
    const [decision] = await scheduler(half).decide([pod()], listSnapshot([node('a'), node('b'), node('c')]));
    expect(decision).toMatchObject({ preemption: 'rows 1 2', rejections: [{ nodeCount: 2 }, { nodeCount: 1 }] });
  });
});
