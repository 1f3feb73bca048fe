import { describe, expect, it } from '@jest/globals';
import type { Service } from '@timonel/sdk/kube';
import fc from 'fast-check';
import type { NodeFacts } from './nodes.ts';
import { reconcile, type Observed } from './reconcile.ts';
import { allEndpoints, aPod, aService, observed, step } from './testing/objects.ts';

const node = (zone: string | undefined, cpuMillis = 4000, counts = true): NodeFacts => ({ zone, cpuMillis, counts });
const auto = aService({}, { annotations: { 'service.kubernetes.io/topology-mode': 'Auto' } });

function podsOn(counts: Readonly<Record<string, number>>): ReturnType<typeof aPod>[] {
  return Object.entries(counts).flatMap(([nodeName, count]) =>
    Array.from({ length: count }, (_, index) => aPod(`${nodeName}${index}`, { nodeName })),
  );
}

function withPods(
  subject: Service,
  counts: Readonly<Record<string, number>>,
  nodes: Readonly<Record<string, NodeFacts>>,
): Observed {
  return observed({ subject, pods: podsOn(counts) }, nodes);
}

const hintsOf = (state: Observed): (string | undefined)[] =>
  allEndpoints(state.slices).map(({ hints }) => hints?.forZones?.map(({ name }) => name).join());

function shares(state: Observed): Record<string, number> {
  const result: Record<string, number> = {};
  for (const zone of hintsOf(state)) result[zone ?? 'none'] = (result[zone ?? 'none'] ?? 0) + 1;
  return result;
}

function events(state: Observed): string[] {
  return reconcile(state).actions.flatMap((action) =>
    action.do === 'event' ? [`${action.event.reason}: ${String(action.event.message)}`] : [],
  );
}

describe('trafficDistribution', () => {
  const nodes = { a: node('za'), b: node('zb'), c: node(undefined) };

  it.each(['PreferClose', 'PreferSameZone'])('%s keeps traffic to the zone', (trafficDistribution) => {
    const state = step(withPods(aService({ trafficDistribution }), { a: 1, b: 1, c: 1 }, nodes));
    expect(hintsOf(state)).toEqual(['za', 'zb', undefined]);
    expect(reconcile(state).actions).toEqual([]);
  });

  it('PreferSameNode names the node, too', () => {
    const state = step(withPods(aService({ trafficDistribution: 'PreferSameNode' }), { a: 1 }, nodes));
    expect(allEndpoints(state.slices)[0]?.hints).toEqual({ forZones: [{ name: 'za' }], forNodes: [{ name: 'a' }] });
  });

  it('PreferSameNode names the node also where nodes have no zones', () => {
    const state = step(withPods(aService({ trafficDistribution: 'PreferSameNode' }), { c: 1 }, nodes));
    expect(allEndpoints(state.slices)[0]?.hints).toEqual({ forNodes: [{ name: 'c' }] });
    expect(reconcile(state).actions).toEqual([]);
  });

  it('goes when the field goes', () => {
    const state = step(withPods(aService({ trafficDistribution: 'PreferClose' }), { a: 1 }, nodes));
    expect(hintsOf(step({ ...state, subject: aService() }))).toEqual([undefined]);
  });
});

describe('topology mode Auto', () => {
  it('shares the endpoints out by CPU, and says that it does', () => {
    const state = withPods(auto, { a: 5, b: 1 }, { a: node('za', 4000), b: node('zb', 2000) });
    expect(events(state)).toEqual([
      'TopologyAwareHintsEnabled: Topology Aware Hints has been enabled, addressType: IPv4',
    ]);
    expect(shares(step(state))).toEqual({ za: 4, zb: 2 });
    expect(reconcile(step(state)).actions).toEqual([]);
  });

  it.each<[string, Readonly<Record<string, number>>, Readonly<Record<string, NodeFacts>>]>([
    ['Nodes only ready in one zone', { a: 3 }, { a: node('za'), b: node('zb', 4000, false) }],
    ['Insufficient Node information', { a: 3 }, { a: node('za'), b: node(undefined) }],
    ['Insufficient number of endpoints', { a: 1 }, { a: node('za'), b: node('zb') }],
    [
      'One or more endpoints do not have a zone',
      { a: 2, c: 1 },
      { a: node('za'), b: node('zb'), c: node('', 1, false) },
    ],
    ['Unable to allocate minimum required endpoints', { a: 2, b: 1 }, { a: node('za', 5000), b: node('zb', 3500) }],
  ])('gives no hints: %s', (why, counts, nodes) => {
    const fixed = Object.fromEntries(
      Object.entries(nodes).map(([name, facts]) => [name, { ...facts, zone: facts.zone || undefined }]),
    );
    const state = withPods(auto, counts, fixed);
    expect(events(state)).toEqual([expect.stringMatching(new RegExp(`^TopologyAwareHintsDisabled: ${why}`))]);
    expect(new Set(hintsOf(step(state)))).toEqual(new Set([undefined]));
    expect(reconcile(step(state)).actions).toEqual([]);
  });

  it('withdraws hints when a zone is lost, and says so', () => {
    const state = step(withPods(auto, { a: 3, b: 3 }, { a: node('za'), b: node('zb') }));
    const lost = { ...state, nodes: () => [node('za')] };
    expect(events(lost)).toEqual([expect.stringContaining('TopologyAwareHintsDisabled: Nodes only ready in one zone')]);
    expect(hintsOf(step(lost))).toEqual(Array.from({ length: 6 }));
  });

  it('no zone bears more than a fifth above its share, little changes, a second pass does nothing', () => {
    const counts = fc.record({ a: fc.nat(30), b: fc.nat(30), c: fc.nat(30) });
    const cpus = fc.record({
      a: fc.integer({ min: 1, max: 64 }),
      b: fc.integer({ min: 1, max: 64 }),
      c: fc.integer({ min: 1, max: 64 }),
    });
    fc.assert(
      fc.property(counts, counts, cpus, (first, second, cpu) => {
        const nodes = { a: node('a', cpu.a), b: node('b', cpu.b), c: node('c', cpu.c) };
        let state = withPods(auto, first, nodes);
        for (const population of [first, second]) {
          state = step({ ...state, pods: podsOn(population) });
          expect(reconcile(state).actions).toEqual([]);
          const given = shares(state);
          if ((given['none'] ?? 0) > 0) {
            expect(Object.keys(given)).toEqual(['none']);
            continue;
          }
          const count = allEndpoints(state.slices).length;
          const all = cpu.a + cpu.b + cpu.c;
          for (const zone of count === 0 ? [] : (['a', 'b', 'c'] as const)) {
            const load = ((cpu[zone] / all) * count) / (given[zone] ?? 0);
            expect(load).toBeLessThanOrEqual(1.2 + 1e-9);
          }
        }
      }),
      { numRuns: 200 },
    );
  });
});
