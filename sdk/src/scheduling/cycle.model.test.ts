/** What is kept and brought up to date must equal what is worked out from nothing. */
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { Node } from '../kube/index.ts';
import type { Decision, NodeRow, PodInfo, SchedulerSnapshot, SchedulingPlugin } from '../contracts/scheduler/index.ts';
import { Cycle } from './cycle.ts';
import { listedObjects } from './list-snapshot.ts';
import { PluginGuard } from './plugin-guard.ts';
import { PodClasses } from './pod-class.ts';
import { makeProfile, type Profile } from './profile.ts';
import { WorkingState } from './working-state.ts';

const classes = new PodClasses();

function pod(uid: number, cpu: number, zone: string | undefined): PodInfo {
  return classes.infoOf({
    metadata: { name: `p${uid}`, namespace: 'd', uid: `u${uid}` },
    spec: {
      containers: [{ name: 'c', image: 'x', resources: { requests: { cpu: String(cpu) } } }],
      ...(zone === undefined ? {} : { nodeSelector: { zone } }),
    },
  });
}

function node(name: string, cpu: number, zone: string): Node {
  return { metadata: { name, labels: { zone } }, spec: {}, status: { allocatable: { cpu: String(cpu) } } };
}

const short = { code: 'cpu', text: 'Insufficient cpu', resolvable: true };
const many = { code: 'many', text: 'Too many', resolvable: true };
const wrong = { code: 'zone', text: 'wrong zone', resolvable: false };
const crowded = { code: 'crowded', text: 'zone is crowded', resolvable: true };

const sound: SchedulingPlugin[] = [
  {
    name: 'Zone',
    filter: ({ class: { nodeSelector } }, { rows, count, view }, verdicts) => {
      const wanted = nodeSelector['zone'];
      for (const row of rows.subarray(0, count)) {
        if (wanted !== undefined && view.nodes[row]?.metadata.labels?.['zone'] !== wanted) verdicts.reject(row, wrong);
      }
    },
  },
  {
    name: 'Fit',
    filter: ({ class: { request } }, { rows, count, view }, verdicts) => {
      for (const row of rows.subarray(0, count)) {
        const used = (view.requested('cpu')[row] ?? 0) + request.milliCpu;
        if (used > (view.allocatable('cpu')[row] ?? 0)) verdicts.reject(row, short);
        if ((view.podCount[row] ?? 0) >= 3) verdicts.reject(row, many);
      }
    },
  },
  {
    // Looks at other rows: a zone holds seven pods at most.
    name: 'Crowd',
    filterScope: 'cluster',
    preFilter: ({ class: { nodeSelector } }) => ({
      status: { code: nodeSelector['zone'] === undefined ? 'success' : 'skip' },
    }),
    filter: (_pod, { rows, count, view }, verdicts) => {
      const zoneOf = (row: number): string | undefined => view.nodes[row]?.metadata.labels?.['zone'];
      for (const row of rows.subarray(0, count)) {
        let pods = 0;
        for (let other = 0; other < view.size; other += 1)
          if (zoneOf(other) === zoneOf(row)) pods += view.podCount[other] ?? 0;
        if (pods >= 7) verdicts.reject(row, crowded);
      }
    },
  },
  {
    name: 'Free',
    score: (_pod, { rows, count, view }, scores) => {
      for (const row of rows.subarray(0, count)) scores[row] = 100 / (1 + (view.podCount[row] ?? 0));
    },
  },
  {
    name: 'Size',
    normalize: 'max',
    weight: 2,
    score: (_pod, { rows, count, view }, scores) => {
      for (const row of rows.subarray(0, count)) scores[row] = view.allocatable('cpu')[row] ?? 0;
    },
  },
  {
    name: 'Used',
    normalize: 'reverse-max',
    score: (_pod, { rows, count, view }, scores) => {
      for (const row of rows.subarray(0, count)) scores[row] = view.requested('cpu')[row] ?? 0;
    },
  },
  {
    name: 'Neighbours',
    scoreScope: 'cluster',
    preScore: ({ class: { request } }) => ({ status: { code: request.milliCpu === 1000 ? 'skip' : 'success' } }),
    normalize: (scores, { rows, count }) => {
      for (const row of rows.subarray(0, count)) scores[row] = Math.min(100, scores[row] ?? 0);
    },
    score: (_pod, { rows, count, view }, scores) => {
      const all = view.podCount.subarray(0, view.size).reduce((sum, more) => sum + more, 0);
      for (const row of rows.subarray(0, count)) scores[row] = all - (view.podCount[row] ?? 0);
    },
  },
];

/** Lets the plugins throw after so many calls. */
const fuse = { left: Number.POSITIVE_INFINITY };

function fused<Args extends readonly unknown[], Result>(work: (...args: Args) => Result): (...args: Args) => Result {
  return (...args) => {
    fuse.left -= 1;
    if (fuse.left === 0) throw new Error('the fuse is blown');
    return work(...args);
  };
}

const plugins = sound.map(
  (plugin) =>
    Object.fromEntries(
      Object.entries(plugin).map(([key, part]: [string, unknown]) => [
        key,
        typeof part === 'function' ? fused(part as (...args: unknown[]) => unknown) : part,
      ]),
    ) as unknown as SchedulingPlugin,
);

const profile: Profile = makeProfile(
  { schedulerName: 'default-scheduler', plugins: plugins.map(({ name }) => ({ name })) },
  new Map(plugins.map((plugin) => [plugin.name, () => plugin])),
);

const noRow: NodeRow = { name: '', node: undefined, pods: [], nominated: [], generation: 0 };

/** A host as small as can be. */
class Host {
  readonly rows: NodeRow[] = [];
  readonly #log: number[] = [];

  set(row: number, node: Node | undefined, pods: readonly PodInfo[]): void {
    this.#log.push(row);
    this.rows[row] = { name: node?.metadata.name ?? '', node, pods, nominated: [], generation: this.#log.length };
  }

  get snapshot(): SchedulerSnapshot {
    return {
      generation: this.#log.length,
      rows: this.rows,
      nodeCount: this.rows.filter(({ node }) => node !== undefined).length,
      changedSince: (generation) => [...new Set(this.#log.slice(generation))],
      objects: listedObjects(),
    };
  }
}

type Step =
  | { readonly kind: 'node'; readonly row: number; readonly cpu: number; readonly zone: string }
  | { readonly kind: 'gone'; readonly row: number }
  | { readonly kind: 'removed'; readonly row: number }
  | {
      readonly kind: 'decide';
      readonly cpu: number;
      readonly zone: string | undefined;
      readonly keep: boolean;
      readonly fault?: number;
    };

const zones = fc.constantFrom('a', 'b');
const rowNumber = fc.integer({ min: 0, max: 7 });
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('node'),
      row: rowNumber,
      cpu: fc.integer({ min: 1, max: 6 }),
      zone: zones,
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('gone'), row: rowNumber }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('removed'), row: rowNumber }) },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('decide'),
      cpu: fc.integer({ min: 1, max: 2 }),
      zone: fc.option(zones, { nil: undefined }),
      keep: fc.boolean(),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('decide'),
      cpu: fc.integer({ min: 1, max: 2 }),
      zone: fc.option(zones, { nil: undefined }),
      keep: fc.constant(true),
      fault: fc.integer({ min: 1, max: 12 }),
    }),
  },
) as fc.Arbitrary<Step>;

function picture(cycle: Cycle, state: WorkingState, info: PodInfo): unknown {
  const findings = cycle.find(info);
  const totals = Object.fromEntries([...state.presentRows].map((row) => [state.names[row], findings.totals[row]]));
  const resolvable = [...findings.resolvableRows()];
  return { totals, fitting: findings.fitting, rejections: findings.rejections(), resolvable };
}

/** undefined: a plugin has thrown. More than some few times, and it would be left out. */
function decided(cycle: Cycle, info: PodInfo, fault: number | undefined): Decision | undefined {
  const faults = cycle.guard.faults().reduce((sum, of) => sum + of.faults, 0);
  fuse.left = fault === undefined || faults >= 9 ? Number.POSITIVE_INFINITY : fault;
  try {
    return cycle.decide(info).decision;
  } catch (error) {
    expect(error).toMatchObject({ name: 'PluginFault' });
    return undefined;
  } finally {
    fuse.left = Number.POSITIVE_INFINITY;
  }
}

describe('Cycle', () => {
  it('finds the same with what it remembers as without, also after faults of plugins', () => {
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 40 }), (steps) => {
        const host = new Host();
        for (let row = 0; row < 3; row += 1) host.set(row, node(`n${row}`, 4, row === 0 ? 'a' : 'b'), []);
        const state = new WorkingState();
        const cycle = new Cycle(state, profile, new PluginGuard());
        state.sync(host.snapshot);
        let uid = 0;
        for (const step of steps) {
          if (step.kind === 'decide') {
            uid += 1;
            const info = pod(uid, step.cpu, step.zone);
            // Before a fault nothing is brought up to date, so that it comes in the middle of that.
            if (step.fault === undefined) {
              const fresh = new WorkingState();
              fresh.sync({ ...host.snapshot, rows: rowsOf(state, host) });
              expect(picture(cycle, state, info)).toEqual(
                picture(new Cycle(fresh, profile, new PluginGuard()), fresh, info),
              );
            }
            const decision = decided(cycle, info, step.fault);
            if (!step.keep || decision?.outcome !== 'bind') continue;
            const row = state.rowOf(decision.nodeName) ?? -1;
            const before = host.rows[row] ?? noRow;
            host.set(row, before.node, [...before.pods, info]);
            continue;
          }
          while (host.rows.length <= step.row) host.set(host.rows.length, undefined, []);
          const before = host.rows[step.row] ?? noRow;
          if (step.kind === 'node') host.set(step.row, node(`n${step.row}`, step.cpu, step.zone), before.pods);
          else if (step.kind === 'gone') host.set(step.row, undefined, []);
          else host.set(step.row, before.node, before.pods.slice(1));
          state.sync(host.snapshot);
        }
      }),
      { numRuns: 300 },
    );
  });
});

/** The rows with what was assumed since the last sync. */
function rowsOf(state: WorkingState, host: Host): NodeRow[] {
  return host.rows.map((row, at) => ({ ...row, pods: state.podsOf(at) }));
}
