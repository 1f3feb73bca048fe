/** Pods that victims make room for, while others are decided about. */
import { describe, expect, it } from '@jest/globals';
import type { Node, Pod } from '../kube/index.ts';
import type { Decision, NodeRow, PodInfo, SchedulerSnapshot, SchedulingPlugin } from '../contracts/scheduler/index.ts';
import { listSnapshot } from './list-snapshot.ts';
import { PodClasses } from './pod-class.ts';
import { schedulerOf } from './scheduler-of.ts';
import { standardFilters } from './standard-plugins.ts';
import type { FrameworkScheduler } from './framework.ts';

const classes = new PodClasses();
let serial = 0;

interface PodOptions {
  readonly priority?: number;
  readonly labels?: Record<string, string>;
  readonly affinity?: Pod['spec']['affinity'];
  readonly more?: Record<string, unknown>;
}

function pod(cpu: number, { priority = 0, labels = {}, affinity, more = {} }: PodOptions = {}): PodInfo {
  serial += 1;
  return classes.infoOf({
    metadata: { name: `p${serial}`, namespace: 'default', uid: `u${serial}`, labels },
    spec: {
      priority,
      containers: [{ name: 'c', image: 'x', resources: { requests: { cpu: String(cpu) } } }],
      ...(affinity === undefined ? {} : { affinity }),
      ...more,
    },
  });
}

function node(name: string, cpu = 4): Node {
  const allocatable = { cpu: String(cpu), pods: '110' };
  return { metadata: { name, labels: { zone: name } }, spec: {}, status: { allocatable } };
}

interface On {
  readonly pods?: readonly PodInfo[];
  readonly nominated?: readonly PodInfo[];
}

function snapshotOf(on: Readonly<Record<string, On>>): SchedulerSnapshot {
  const plain = listSnapshot(Object.keys(on).map((name) => node(name)));
  const rows = plain.rows.map((row): NodeRow => ({ ...row, pods: [], nominated: [], ...on[row.name] }));
  return { ...plain, rows };
}

const scheduler = (...more: SchedulingPlugin[]): FrameworkScheduler =>
  schedulerOf({ plugins: [...standardFilters(), ...more], timers: { after: () => ({ cancel: () => undefined }) } });

const whereOf = (decision: Decision | undefined): string | undefined =>
  decision?.outcome === 'bind' || decision?.outcome === 'preempt'
    ? `${decision.outcome} ${decision.nodeName}`
    : decision?.outcome;

const near = (app: string): Pod['spec']['affinity'] => ({
  podAffinity: {
    requiredDuringSchedulingIgnoredDuringExecution: [{ topologyKey: 'zone', labelSelector: { matchLabels: { app } } }],
  },
});

describe('Nominated pods', () => {
  it('are no victims of more important pods of the same batch', async () => {
    const low = pod(4);
    const [middle, high] = [pod(4, { priority: 5 }), pod(4, { priority: 10 })];
    const decisions = await scheduler().decide([middle, high], snapshotOf({ a: { pods: [low] } }));
    expect(decisions).toMatchObject([
      { outcome: 'preempt', victims: [{ uid: low.uid }] },
      { outcome: 'preempt', victims: [{ uid: low.uid }] },
    ]);
    expect(decisions[1]?.outcome === 'preempt' && decisions[1].victims).toHaveLength(1);
  });

  it('keep their room while they cannot be placed yet', async () => {
    const waiting = pod(3, { priority: 5 });
    const leaving = pod(2);
    const snapshot = snapshotOf({ a: { pods: [leaving], nominated: [waiting] } });
    const filters = standardFilters().filter(({ name }) => name !== 'DefaultPreemption');
    const one = schedulerOf({ plugins: filters, timers: { after: () => ({ cancel: () => undefined }) } });
    const decisions = await one.decide([waiting, pod(2)], snapshot);
    expect(decisions.map(whereOf)).toEqual(['unschedulable', 'unschedulable']);
  });

  it('leave their room when they get another place', async () => {
    const waiting = pod(3, { priority: 5 });
    const snapshot = snapshotOf({ a: { pods: [pod(2)], nominated: [waiting] }, b: {} });
    const decisions = await scheduler().decide([waiting, pod(2)], snapshot);
    expect(decisions.map(whereOf)).toEqual(['bind b', 'bind a']);
  });

  it('may be decided again and again beside more important ones', async () => {
    const [middle, high] = [pod(4, { priority: 5 }), pod(4, { priority: 10 })];
    const snapshot = snapshotOf({ a: { pods: [pod(4)], nominated: [middle] } });
    const decisions = await scheduler().decide([middle, high, pod(4, { priority: 10 })], snapshot);
    expect(decisions.map(whereOf)).toEqual(['preempt a', 'preempt a', 'unschedulable']);
  });

  it('are nobody whom affinity can count on: they are not there yet', async () => {
    const peer = pod(1, { priority: 5, labels: { app: 'db' } });
    const snapshot = snapshotOf({ a: { nominated: [peer] } });
    const [decision] = await scheduler().decide([pod(1, { affinity: near('db') })], snapshot);
    expect(decision).toMatchObject({ outcome: 'unschedulable', rejections: [{ plugin: 'InterPodAffinity' }] });
    const there = snapshotOf({ a: { pods: [peer] } });
    expect(whereOf((await scheduler().decide([pod(1, { affinity: near('db') })], there))[0])).toBe('bind a');
  });

  it('even out nothing before they are there', async () => {
    const labels = { app: 'web' };
    const constraint = {
      topologyKey: 'zone',
      maxSkew: 1,
      whenUnsatisfiable: 'DoNotSchedule',
      labelSelector: { matchLabels: labels },
    };
    const spread = { labels, more: { topologySpreadConstraints: [constraint] } };
    // b is full but for the nominated pod; only the evenness that it would bring lets a third pod go to a.
    const snapshot = snapshotOf({
      a: { pods: [pod(1, { labels })] },
      b: { pods: [pod(3)], nominated: [pod(1, { ...spread, priority: 5 })] },
    });
    const [decision] = await scheduler().decide([pod(1, spread)], snapshot);
    expect(decision?.outcome).toBe('unschedulable');
  });
});
