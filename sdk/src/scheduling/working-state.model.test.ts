import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  nodeTopology,
  type ClusterObjects,
  type DomainCounts,
  type NodeRow,
  type PlacedTermKind,
  type PodClass,
  type PodInfo,
  type PodMatcher,
  type PodTerm,
  type TopologyDomains,
} from '../contracts/scheduler/index.ts';
import { PodClasses } from './pod-class.ts';
import {
  change,
  nodeSketch,
  RandomCluster,
  template,
  topologyKeys,
  type Change,
  type Template,
} from './testing/random-cluster.ts';
import { WorkingState } from './working-state.ts';

type Step =
  | { readonly kind: 'change'; readonly change: Change }
  | { readonly kind: 'sync'; readonly remembers: number; readonly newList: boolean }
  | { readonly kind: 'assume'; readonly at: number; readonly template: Template }
  | { readonly kind: 'unassume'; readonly which: number }
  | { readonly kind: 'ask'; readonly template: Template };

const startNodes = fc.array(nodeSketch, { minLength: 3, maxLength: 6 });
const wishes = { affinity: true, spread: true };
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('change' as const), change: change(wishes) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('sync' as const),
      remembers: fc.constantFrom(100, 100, 2),
      newList: fc.constantFrom(false, false, false, true),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('assume' as const), at: fc.nat({ max: 7 }), template: template(wishes) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('unassume' as const), which: fc.nat({ max: 40 }) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('ask' as const), template: template(wishes) }) },
);

/** What there should be: the rows of the last sync, with what was assumed since. */
class Model {
  rows: { node: NodeRow['node']; pods: PodInfo[] }[] = [];
  objects: ClusterObjects | undefined;

  take(cluster: RandomCluster): void {
    this.rows = cluster.rows.map(({ node, pods, nominated }) => ({
      node,
      pods: node === undefined ? [] : [...pods, ...nominated],
    }));
    this.objects = cluster.objects;
  }

  matches(matcher: PodMatcher, pod: PodClass): boolean {
    return matcher.matches(pod, this.objects?.namespaceLabels(pod.namespace) ?? {});
  }

  valueOf(row: number, topologyKey: string): string | undefined {
    const node = this.rows[row]?.node;
    if (topologyKey === nodeTopology) return node?.metadata.name;
    return new Map(Object.entries(node?.metadata.labels ?? {})).get(topologyKey);
  }

  /** By value of the label; undefined: without it. */
  count(topologyKey: string, amount: (pod: PodInfo) => number): Map<string | undefined, number> {
    const counts = new Map<string | undefined, number>();
    this.rows.forEach(({ pods }, row) => {
      for (const pod of pods) {
        const by = amount(pod);
        const value = this.valueOf(row, topologyKey);
        if (by > 0) counts.set(value, (counts.get(value) ?? 0) + by);
      }
    });
    return counts;
  }

  get pods(): { row: number; pod: PodInfo }[] {
    return this.rows.flatMap(({ pods }, row) => pods.map((pod) => ({ row, pod })));
  }
}

function byValue(domains: TopologyDomains, counts: DomainCounts): Map<string | undefined, number> {
  const result = new Map<string | undefined, number>();
  for (let domain = 0; domain < domains.count; domain += 1) {
    if (counts.of(domain) !== 0) result.set(domains.valueOf(domain), counts.of(domain));
  }
  const outside = counts.total - counts.inDomains;
  if (outside !== 0) result.set(undefined, outside);
  return result;
}

/** There are very many of them: `expect` is slow. */
function expectSame(seen: Map<string | undefined, number>, expected: Map<string | undefined, number>): void {
  const isSame = seen.size === expected.size && [...seen].every(([value, count]) => expected.get(value) === count);
  if (!isSame) expect(seen).toEqual(expected);
}

type Own = readonly (readonly [PlacedTermKind, PodTerm, number])[];

function ownTerms({ class: pod }: PodInfo): Own {
  return [
    ...pod.requiredAffinity.map((term) => ['required-affinity', term, 0] as const),
    ...pod.requiredAntiAffinity.map((term) => ['required-anti-affinity', term, 0] as const),
    ...pod.preferredAffinity.map((term) => ['preferred', term, term.weight] as const),
    ...pod.preferredAntiAffinity.map((term) => ['preferred', term, -term.weight] as const),
  ];
}

const kinds: readonly PlacedTermKind[] = ['required-affinity', 'required-anti-affinity', 'preferred'];
const sorted = (texts: Iterable<string>): string[] => [...texts].toSorted();

function checkNodes(view: WorkingState, model: Model): void {
  const present = model.rows.flatMap(({ node }, row) => (node === undefined ? [] : [row]));
  expect([...view.presentRows]).toEqual(present);
  expect(view.nodeCount).toBe(present.length);
  const seen = model.rows.map((_, row) => [
    view.names[row],
    view.rowOf(view.names[row] ?? ''),
    view.podsOf(row).map(({ uid }) => uid),
    view.podCount[row],
    view.allocatablePods[row],
    view.requested('cpu')[row],
    view.requested('example.com/gpu')[row],
    view.scoringMilliCpu[row],
  ]);
  const expected = model.rows.map(({ node, pods }, row) => {
    const sum = (of: (pod: PodClass) => number): number => pods.reduce((total, pod) => total + of(pod.class), 0);
    return [
      node?.metadata.name ?? '',
      node === undefined ? undefined : row,
      pods.map(({ uid }) => uid),
      pods.length,
      node === undefined ? 0 : 20,
      sum(({ request }) => request.milliCpu),
      sum(({ request }) => request.extended['example.com/gpu'] ?? 0),
      sum(({ scoringRequest }) => scoringRequest.milliCpu),
    ];
  });
  expect(seen).toEqual(expected);
  expect(model.rows.every(({ node }, row) => view.nodes[row] === node)).toBe(true);
}

function checkDomains(view: WorkingState, model: Model): void {
  for (const topologyKey of [...topologyKeys, nodeTopology]) {
    const domains = view.domains(topologyKey);
    const rows = Array.from({ length: view.size }, (_, row) => row);
    const values = rows.map((row) => {
      const domain = domains.ofRow[row] ?? Number.NaN;
      return domain === -1 ? undefined : domains.valueOf(domain);
    });
    expect(values).toEqual(rows.map((row) => model.valueOf(row, topologyKey)));
    const numbers = Array.from({ length: domains.count }, (_, domain) => domain);
    const sizes = numbers.map((domain) => rows.filter((row) => domains.ofRow[row] === domain).length);
    expect(numbers.map((domain) => domains.nodesIn(domain))).toEqual(sizes);
    expect(domains.count).toBeLessThanOrEqual(view.size);
  }
}

function checkUsage(view: WorkingState, model: Model): void {
  for (const key of ['app', 'constructor']) {
    const sums = new Map<string | undefined, { milliCpu: number; memoryBytes: number; pods: number }>();
    for (const { pod } of model.pods) {
      const value = new Map(Object.entries(pod.class.labels)).get(key);
      const { milliCpu, memoryBytes, pods } = sums.get(value) ?? { milliCpu: 0, memoryBytes: 0, pods: 0 };
      const { request } = pod.class;
      sums.set(value, {
        milliCpu: milliCpu + request.milliCpu,
        memoryBytes: memoryBytes + request.memoryBytes,
        pods: pods + 1,
      });
    }
    const usage = view.usageBy(key);
    expect(new Map([...usage.values()].map((value) => [value, usage.of(value)]))).toEqual(sums);
    expect(usage.of('nobody has this')).toEqual({ milliCpu: 0, memoryBytes: 0, pods: 0 });
  }
}

function checkMatching(view: WorkingState, model: Model, asked: readonly PodInfo[]): void {
  const matchers = asked.flatMap((pod) => [
    ...ownTerms(pod).map(([, { matcher }]) => matcher),
    ...pod.class.spread.map(({ matcher }) => matcher),
  ]);
  for (const matcher of matchers) {
    for (const topologyKey of [...topologyKeys, nodeTopology]) {
      for (const leaving of [true, false]) {
        const counted = view.matching(matcher, topologyKey, leaving);
        const expected = model.count(topologyKey, (pod) => {
          const isOut = !leaving && pod.pod.metadata.deletionTimestamp !== undefined;
          return !isOut && model.matches(matcher, pod.class) ? 1 : 0;
        });
        expectSame(byValue(view.domains(topologyKey), counted), expected);
      }
    }
  }
}

function checkTerms(view: WorkingState, model: Model, asked: readonly PodInfo[]): void {
  const keyOf = (term: PodTerm, weight: number): string => `${weight} ${term.key}`;
  for (const kind of kinds) {
    const placed = [...view.placedTerms(kind)];
    const expected = new Map<string, PodTerm>();
    for (const { pod } of model.pods) {
      for (const [of, term, weight] of ownTerms(pod)) if (of === kind) expected.set(keyOf(term, weight), term);
    }
    expect(sorted(placed.map(({ term, weight }) => keyOf(term, weight)))).toEqual(sorted(expected.keys()));
    for (const { term, weight, owners } of placed) {
      const counts = model.count(term.topologyKey, (pod) => {
        return ownTerms(pod).filter(([of, own, by]) => of === kind && keyOf(own, by) === keyOf(term, weight)).length;
      });
      expectSame(byValue(view.domains(term.topologyKey), owners), counts);
    }
    for (const pod of asked) {
      const about = view.placedTermsAbout(kind, pod.class).filter(({ owners }) => owners.total > 0);
      const meant = [...expected].filter(([, term]) => model.matches(term.matcher, pod.class)).map(([key]) => key);
      expect(sorted(about.map(({ term, weight }) => keyOf(term, weight)))).toEqual(sorted(meant));
      for (const one of about) expect(placed).toContain(one);
    }
  }
}

function check(view: WorkingState, model: Model, asked: readonly PodInfo[]): void {
  checkNodes(view, model);
  checkDomains(view, model);
  checkUsage(view, model);
  checkMatching(view, model, asked);
  checkTerms(view, model, asked);
  const groups = new Map<string, number>([['x/g', 0]]);
  for (const { pod } of model.pods) {
    const { group } = pod.class;
    if (pod.pod.metadata.deletionTimestamp !== undefined) continue;
    if (group !== undefined) groups.set(group.key, (groups.get(group.key) ?? 0) + 1);
  }
  for (const [key, count] of groups) expect(view.placedOfGroup(key)).toBe(count);
}

class Run {
  readonly cluster: RandomCluster = new RandomCluster(new PodClasses());
  readonly view: WorkingState = new WorkingState();
  readonly model: Model = new Model();
  readonly asked: PodInfo[] = [];

  do(step: Step): void {
    const { cluster, view, model, asked } = this;
    if (step.kind === 'change') cluster.apply(step.change);
    else if (step.kind === 'ask') asked.push(cluster.podFrom(step.template));
    else if (step.kind === 'sync') this.sync(step.remembers, step.newList);
    else if (step.kind === 'assume') {
      const row = model.rows[step.at];
      if (row?.node === undefined) return;
      const pod = cluster.podFrom(step.template);
      row.pods.push(pod);
      view.add(step.at, pod);
    } else {
      const found = model.pods.at(step.which % Math.max(1, model.pods.length));
      if (found === undefined) return;
      const pods = model.rows[found.row]?.pods ?? [];
      pods.splice(pods.lastIndexOf(found.pod), 1);
      view.remove(found.row, found.pod);
    }
    if (step.kind !== 'change') check(view, model, asked);
  }

  sync(remembers: number, newList: boolean): void {
    if (newList) this.cluster.rows = [...this.cluster.rows];
    this.view.sync(this.cluster.snapshot(remembers));
    this.model.take(this.cluster);
  }
}

describe('the columns of the scheduler', () => {
  it('answer as a count from scratch does, whatever comes, goes, moves and is assumed', () => {
    fc.assert(
      fc.property(startNodes, fc.array(step, { minLength: 10, maxLength: 60, size: 'max' }), (sketches, steps) => {
        const run = new Run();
        sketches.forEach((sketch, at) => run.cluster.apply({ kind: 'node', at, sketch }));
        run.sync(100, false);
        for (const next of steps) run.do(next);
        run.do({ kind: 'sync', remembers: 100, newList: false });
      }),
      { numRuns: 50 },
    );
  });
});
