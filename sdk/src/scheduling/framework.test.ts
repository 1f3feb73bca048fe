import { describe, expect, it } from '@jest/globals';
import type { Node, Pod } from '../kube/index.ts';
import type { Decision, PodInfo, SchedulingPlugin } from '../contracts/scheduler/index.ts';
import { frameworkScheduler, type FrameworkScheduler } from './framework.ts';
import { listSnapshot } from './list-snapshot.ts';
import { PodClasses } from './pod-class.ts';
import type { PluginSetting } from './profile.ts';

const classes = new PodClasses();
let serial = 0;

function node(name: string, cpu = '4', labels: Record<string, string> = {}): Node {
  const allocatable = { cpu, memory: '8Gi', pods: '10' };
  return { metadata: { name, labels }, spec: {}, status: { allocatable } };
}

function pod(
  cpu: string,
  more: { labels?: Record<string, string>; spec?: Partial<Pod['spec']>; group?: number } = {},
): PodInfo {
  serial += 1;
  const { labels = {}, spec = {}, group } = more;
  const annotations = group === undefined ? {} : { 'scheduling.timonel.dev/min-member': String(group) };
  const allLabels = group === undefined ? labels : { ...labels, 'scheduling.timonel.dev/pod-group': 'gang' };
  return classes.infoOf({
    metadata: { name: `p${serial}`, namespace: 'default', uid: `u${serial}`, labels: allLabels, annotations },
    spec: { containers: [{ name: 'c', image: 'x', resources: { requests: { cpu } } }], ...spec },
  });
}

const short = { code: 'insufficient-cpu', text: 'Insufficient cpu', resolvable: true };

/** Cpu alone. */
const fit: SchedulingPlugin = {
  name: 'Fit',
  filter(info, { rows, count, view }, verdicts) {
    const [allocatable, requested] = [view.allocatable('cpu'), view.requested('cpu')];
    for (const row of rows.subarray(0, count)) {
      const wanted = (requested[row] ?? 0) + info.class.request.milliCpu;
      if (wanted > (allocatable[row] ?? 0)) verdicts.reject(row, short);
    }
  },
};

const emptiest: SchedulingPlugin = {
  name: 'Emptiest',
  score(_info, { rows, count, view }, scores) {
    for (const row of rows.subarray(0, count)) {
      scores[row] = 100 * (1 - (view.requested('cpu')[row] ?? 0) / (view.allocatable('cpu')[row] ?? 1));
    }
  },
};

function scheduler(plugins: readonly SchedulingPlugin[], settings: readonly PluginSetting[] = []): FrameworkScheduler {
  const registry = new Map(plugins.map((plugin) => [plugin.name, () => plugin]));
  const all = plugins.map(({ name }) => settings.find((setting) => setting.name === name) ?? { name });
  const timers = { after: () => ({ cancel: () => undefined }) };
  return frameworkScheduler({ registry, profiles: [{ schedulerName: 'default-scheduler', plugins: all }], timers });
}

const nodeOf = (decision: Decision | undefined): string | undefined =>
  decision?.outcome === 'bind' ? decision.nodeName : decision?.outcome;

describe('frameworkScheduler', () => {
  it('takes earlier decisions of a batch into account, and equal nodes in turn', async () => {
    const nodes = ['a', 'b', 'c'].map((name) => node(name));
    const decisions = await scheduler([fit, emptiest]).decide(
      [pod('1'), pod('1'), pod('1'), pod('4'), pod('3')],
      listSnapshot(nodes),
    );
    const names = decisions.map(nodeOf);
    expect(new Set(names.slice(0, 3))).toEqual(new Set(['a', 'b', 'c']));
    expect(names[3]).toBe('unschedulable');
    expect(['a', 'b', 'c']).toContain(names[4]);
    expect(decisions[3]).toMatchObject({
      rejections: [
        { plugin: 'Fit', code: 'insufficient-cpu', reason: 'Insufficient cpu', nodeCount: 3, resolvable: true },
      ],
    });
  });

  it('chooses among equal nodes by the pod, whatever it has decided before, and not always the same', async () => {
    const snapshot = listSnapshot(Array.from({ length: 20 }, (_, at) => node(`n${at}`)));
    const [fresh, used] = [scheduler([fit]), scheduler([fit])];
    for (let count = 0; count < 7; count += 1) await used.decide([pod('1')], snapshot);
    const chosen = new Set<string | undefined>();
    for (let count = 0; count < 20; count += 1) {
      const one = pod('1');
      const [decision] = await fresh.decide([one], snapshot);
      expect(nodeOf((await used.decide([one], snapshot))[0])).toBe(nodeOf(decision));
      chosen.add(nodeOf(decision));
    }
    expect(chosen.size).toBeGreaterThan(5);
  });

  it('forgets what it assumed when the snapshot says otherwise', async () => {
    const one = scheduler([fit]);
    const snapshot = listSnapshot([node('a')]);
    for (let round = 0; round < 3; round += 1) {
      expect((await one.decide([pod('4'), pod('4')], snapshot)).map(nodeOf)).toEqual(['a', 'unschedulable']);
    }
  });

  it('weighs, normalises, and tells the scores of the best', async () => {
    const byLabel: SchedulingPlugin = {
      name: 'Rank',
      normalize: 'max',
      score(_info, { rows, count, view }, scores) {
        for (const row of rows.subarray(0, count)) {
          scores[row] = Number(view.nodes[row]?.metadata.labels?.['rank']);
        }
      },
    };
    const nodes = [node('a', '4', { rank: '1' }), node('b', '4', { rank: '4' }), node('c', '4', { rank: '2' })];
    const [decision] = await scheduler([fit, byLabel], [{ name: 'Rank', weight: 3 }]).decide(
      [pod('1')],
      listSnapshot(nodes),
    );
    expect(decision).toMatchObject({
      nodeName: 'b',
      feasibleNodes: 3,
      scores: [
        { nodeName: 'b', total: 300, scores: { Rank: 100 } },
        { nodeName: 'c', total: 150, scores: { Rank: 50 } },
        { nodeName: 'a', total: 75, scores: { Rank: 25 } },
      ],
    });
  });

  it('normalises anew when the best node is full', async () => {
    const byLabel: SchedulingPlugin = {
      name: 'Rank',
      normalize: 'reverse-max',
      score(_info, { rows, count, view }, scores) {
        for (const row of rows.subarray(0, count)) {
          scores[row] = Number(view.nodes[row]?.metadata.labels?.['rank']);
        }
      },
    };
    const nodes = [node('a', '1', { rank: '1' }), node('b', '1', { rank: '2' }), node('c', '1', { rank: '4' })];
    const decisions = await scheduler([fit, byLabel]).decide([pod('1'), pod('1'), pod('1')], listSnapshot(nodes));
    expect(decisions.map(nodeOf)).toEqual(['a', 'b', 'c']);
    expect(decisions.map((decision) => decision.outcome === 'bind' && decision.scores[0]?.total)).toEqual([75, 50, 0]);
  });

  it('normalises over the nodes that all filters have left', async () => {
    const size: SchedulingPlugin = {
      name: 'Size',
      normalize: 'max',
      score(_info, { rows, count, view }, scores) {
        for (const row of rows.subarray(0, count)) scores[row] = view.allocatable('cpu')[row] ?? 0;
      },
    };
    const notTheFirst: SchedulingPlugin = {
      name: 'NotTheFirst',
      filterScope: 'cluster',
      filter: (_info, _nodes, verdicts) =>
        verdicts.reject(0, { code: 'first', text: 'is the first', resolvable: false }),
    };
    const nodes = [node('a', '8'), node('b', '4'), node('c', '2')];
    const [decision] = await scheduler([fit, notTheFirst, size]).decide([pod('1')], listSnapshot(nodes));
    expect(decision).toMatchObject({
      feasibleNodes: 2,
      scores: [
        { nodeName: 'b', total: 100 },
        { nodeName: 'c', total: 50 },
      ],
    });
  });

  it('places a group as a whole or not at all', async () => {
    const members = (count: number): PodInfo[] => Array.from({ length: count }, () => pod('2', { group: 3 }));
    const snapshot = listSnapshot([node('a'), node('b', '2')]);
    const gang = scheduler([fit]);
    expect(
      (await gang.decide(members(3), snapshot)).map(nodeOf).toSorted((a = '', b = '') => a.localeCompare(b)),
    ).toEqual(['a', 'a', 'b']);
    const two = await gang.decide(members(2), snapshot);
    expect(two).toMatchObject([{ message: 'pod group "default/gang": 2 of 3 members are there' }, {}]);
    const short = await gang.decide([...members(3), pod('2')], listSnapshot([node('a')]));
    expect(short.map(nodeOf)).toEqual(['unschedulable', 'unschedulable', 'unschedulable', 'a']);
    expect(short[0]).toMatchObject({ message: 'pod group "default/gang": 2 of 3 members find a node' });
  });

  it.each<[string, Partial<SchedulingPlugin>, RegExp]>([
    [
      'throws',
      {
        filter: () => {
          throw new Error('no chart');
        },
      },
      /plugin Odd threw: no chart/,
    ],
    [
      'scores NaN',
      { score: (_pod, { rows }, scores) => void (scores[rows[0] ?? 0] = Number.NaN) },
      /plugin Odd gave node a the score NaN/,
    ],
    [
      'scores too much',
      { score: (_pod, { rows }, scores) => void (scores[rows[0] ?? 0] = 101) },
      /plugin Odd gave node a the score 101/,
    ],
  ])('blames a plugin that %s, and leaves it out in the end', async (_what, parts, message) => {
    const one = scheduler([fit, { name: 'Odd', ...parts }]);
    const snapshot = listSnapshot([node('a')]);
    for (let round = 0; round < 10; round += 1) {
      const [decision] = await one.decide([pod('1')], snapshot);
      expect(decision).toMatchObject({ outcome: 'error', plugin: 'Odd', message: expect.stringMatching(message) });
    }
    expect(one.traits.faults?.()).toMatchObject([{ plugin: 'Odd', faults: 10, quarantined: true }]);
    expect(nodeOf((await one.decide([pod('1')], snapshot))[0])).toBe('a');
  });

  it('decides a batch in another order, which sees what was decided before, and answers in the order of the pods', async () => {
    const timers = { after: () => ({ cancel: () => undefined }) };
    const used: number[] = [];
    const one = frameworkScheduler({
      registry: new Map([['Fit', () => fit]]),
      profiles: [{ schedulerName: 'default-scheduler', plugins: [{ name: 'Fit' }] }],
      timers,
      *order(parts, view) {
        for (const part of parts.toReversed()) {
          used.push(view.usageBy('team').of('blue').milliCpu);
          yield part;
        }
      },
    });
    const pods = ['3', '2', '1'].map((cpu) => pod(cpu, { labels: { team: 'blue' } }));
    const decisions = await one.decide(pods, listSnapshot([node('a', '3')]));
    expect(decisions.map(nodeOf)).toEqual(['unschedulable', 'a', 'a']);
    expect(decisions.map(({ podUid }) => podUid)).toEqual(pods.map(({ uid }) => uid));
    expect(used).toEqual([0, 1000, 3000]);
  });

  it('has other traits after a change of profiles, and forgets faults', async () => {
    const odd: SchedulingPlugin = {
      name: 'Odd',
      filter: () => {
        throw new Error('no chart');
      },
    };
    const one = scheduler([fit, odd]);
    const before = one.traits;
    await one.decide(
      Array.from({ length: 10 }, () => pod('1')),
      listSnapshot([node('a')]),
    );
    expect(one.traits).toBe(before);
    expect(one.traits.faults?.()).toMatchObject([{ plugin: 'Odd', quarantined: true }]);
    one.configure([{ schedulerName: 'second', plugins: [{ name: 'Fit' }] }]);
    expect(one.traits).not.toBe(before);
    expect(one.traits.profiles?.()).toEqual(['second']);
    expect(one.traits.faults?.()).toEqual([]);
  });

  it('explains a refusal by PreFilter with the figures that the plugin gives', async () => {
    const no: SchedulingPlugin = {
      name: 'Closed',
      preFilter: () => ({
        status: {
          code: 'unschedulable',
          reasonCode: 'closed',
          reason: 'it is closed',
          detail: { opens: 8 },
          unblock: 'wait until 8',
        },
      }),
    };
    const { rejections } = (await scheduler([fit, no]).explain?.(pod('1'), listSnapshot([node('a')]))) ?? {};
    expect(rejections).toMatchObject([
      { plugin: 'Closed', code: 'closed', reason: 'it is closed', detail: { opens: 8 }, unblock: 'wait until 8' },
    ]);
  });

  it('refuses profiles that cannot run', () => {
    expect(() => scheduler([fit], [{ name: 'Fit', weight: -1 }])).toThrow('gives "Fit" the weight -1');
    const one = scheduler([fit]);
    const bad = { schedulerName: 'x', plugins: [{ name: 'Fitt' }] };
    expect(() => one.configure([bad])).toThrow('has a plugin "Fitt" that nobody offers');
    expect(one.settings()[0]?.plugins).toEqual([{ name: 'Fit' }]);
  });
});
