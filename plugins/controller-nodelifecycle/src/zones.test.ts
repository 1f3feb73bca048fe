import { describe, expect, it } from '@jest/globals';
import type { Node } from '@timonel/sdk/kube';
import { manualEnv, type SimulatedEnv } from '@timonel/testkit';
import fc from 'fast-check';
import { configSchema, type NodeLifecycleConfig } from './config.ts';
import { unreachableTaint } from './taints.ts';
import { zoneOf, Zones } from './zones.ts';

const config: NodeLifecycleConfig = configSchema.parse({});
const zoneLabel = 'topology.kubernetes.io/zone';

interface NodeShape {
  readonly zone?: string;
  readonly ready?: boolean;
  readonly tainted?: boolean | string;
  readonly since?: string;
}

function nodeOf(
  name: string,
  { zone = 'a', ready = true, tainted = false, since = '2026-01-01T00:00:00Z' }: NodeShape = {},
): Node {
  const timeAdded = typeof tainted === 'string' ? { timeAdded: tainted } : {};
  return {
    metadata: { name, labels: { [zoneLabel]: zone } },
    spec: tainted === false ? {} : { taints: [{ key: unreachableTaint, effect: 'NoExecute', ...timeAdded }] },
    status: { conditions: [{ type: 'Ready', status: ready ? 'True' : 'Unknown', lastTransitionTime: since }] },
  };
}

/** Some ready and some lost nodes of zone `a`, seen for longer than the grace period. */
async function bed(
  ready: number,
  lost: number,
  rules: Partial<NodeLifecycleConfig> = {},
): Promise<[Zones, SimulatedEnv]> {
  const env = manualEnv();
  const zones = new Zones({ ...config, ...rules }, env.clock);
  for (let n = 0; n < ready; n++) zones.seen(nodeOf(`ready-${n}`));
  for (let n = 0; n < lost; n++) zones.seen(nodeOf(`lost-${n}`, { ready: false }));
  await env.advance(config.gracePeriodMs);
  return [zones, env];
}

describe('the turn of a node', () => {
  it('comes at once for the first, and every 10 s for the next', async () => {
    const [zones, env] = await bed(5, 2);
    expect(zones.turnOf('lost-0')).toMatchObject({ state: 'Normal', now: true, waitMs: 0 });
    expect(zones.turnOf('lost-1')).toMatchObject({ now: false, waitMs: 10_000 });
    zones.seen(nodeOf('lost-0', { ready: false, tainted: true }));
    await env.advance(9999);
    expect(zones.turnOf('lost-1')).toMatchObject({ now: false, waitMs: 1 });
    await env.advance(1);
    expect(zones.turnOf('lost-1')).toMatchObject({ now: true });
  });

  it('is that of the one that has been lost for longest', async () => {
    const [zones] = await bed(5, 1);
    zones.seen(nodeOf('zz', { ready: false, since: '2025-12-31T00:00:00Z' }));
    expect([zones.turnOf('zz')?.now, zones.turnOf('lost-0')?.now]).toEqual([true, false]);
  });

  it.each<[string, number, number, Partial<NodeLifecycleConfig>, object]>([
    ['two of three are lost', 1, 2, {}, { state: 'Normal', now: true }],
    ['most of a small zone are lost', 2, 3, {}, { state: 'PartialDisruption', now: false, waitMs: undefined }],
    ['most of a large zone are lost', 2, 3, { largeZoneSize: 4 }, { state: 'PartialDisruption', now: true }],
    ['all are lost', 0, 3, {}, { state: 'FullDisruption', everywhere: true, now: false, waitMs: undefined }],
  ])('when %s', async (_what, ready, lost, rules, turn) => {
    const [zones] = await bed(ready, lost, rules);
    expect(zones.turnOf('lost-0')).toMatchObject(turn);
  });

  it('comes slowly in a large zone that is disrupted', async () => {
    const [zones] = await bed(2, 3, { largeZoneSize: 4 });
    expect(zones.turnOf('lost-1')?.waitMs).toBe(100_000);
  });

  it('comes in a zone that is lost as a whole when another is not', async () => {
    const [zones] = await bed(0, 3);
    zones.seen(nodeOf('elsewhere', { zone: 'b' }));
    // One is back: the others get the time to return as well.
    expect(zones.turnOf('lost-0')).toMatchObject({ state: 'FullDisruption', now: false, waitMs: config.gracePeriodMs });
  });

  it('waits after a restart for those that were tainted before it', async () => {
    const env = manualEnv();
    const zones = new Zones(config, env.clock);
    await env.advance(config.gracePeriodMs);
    zones.seen(nodeOf('ready'));
    zones.seen(nodeOf('old', { ready: false, tainted: new Date(env.clock.now()).toISOString() }));
    zones.seen(nodeOf('lost', { ready: false }));
    expect(zones.turnOf('lost')).toMatchObject({ now: false, waitMs: config.gracePeriodMs });
  });

  it('is nobody’s who is ready, has the taint, is new or is gone', async () => {
    const [zones] = await bed(5, 0);
    zones.seen(nodeOf('tainted', { ready: false, tainted: true }));
    zones.seen({ metadata: { name: 'new', labels: { [zoneLabel]: 'a' } }, spec: {} });
    zones.seen(nodeOf('lost', { ready: false }));
    for (const name of ['ready-0', 'tainted', 'new']) expect(zones.turnOf(name)).toMatchObject({ now: false });
    expect(zones.turnOf('lost')?.waitMs).toBe(10_000);
    zones.gone('lost');
    expect(zones.turnOf('lost')).toBeUndefined();
  });
});

describe('a change', () => {
  it('concerns the one whose turn it may be, and all that are lost when every node is, or is no more', async () => {
    const [zones] = await bed(1, 2);
    expect(zones.seen(nodeOf('lost-2', { ready: false }))).toEqual(['lost-0']);
    expect(zones.seen(nodeOf('lost-2', { ready: false }))).toEqual([]);
    expect(zones.seen(nodeOf('lost-0', { ready: false, tainted: true }))).toEqual(['lost-1']);
    expect(zones.seen(nodeOf('ready-0', { ready: false })).toSorted()).toEqual([
      'lost-0',
      'lost-1',
      'lost-2',
      'ready-0',
    ]);
    expect(zones.seen(nodeOf('lost-1')).toSorted()).toEqual(['lost-0', 'lost-2', 'ready-0']);
    expect(zones.gone('lost-1').toSorted()).toEqual(['lost-0', 'lost-2', 'ready-0']);
  });

  it('of a thousand nodes that are lost at once costs little', async () => {
    const [zones] = await bed(1000, 0);
    const told = Array.from({ length: 999 }, (_, n) => zones.seen(nodeOf(`ready-${n}`, { ready: false })));
    expect(told.every((names) => names.length === 1)).toBe(true);
    expect(zones.turnOf('ready-998')).toMatchObject({ state: 'PartialDisruption', waitMs: expect.any(Number) });
  });
});

describe('the state of a zone', () => {
  it('does not count nodes that have not reported as yet, nor those that ask not to be', async () => {
    const [zones] = await bed(3, 1);
    for (let n = 0; n < 10; n++) zones.seen({ metadata: { name: `new-${n}`, labels: { [zoneLabel]: 'a' } }, spec: {} });
    expect(zones.turnOf('lost-0')).toMatchObject({ state: 'Normal', nodes: 4, ready: 3, now: true });
    for (let n = 0; n < 10; n++) {
      const node = nodeOf(`spot-${n}`, { ready: false });
      const labels = { ...node.metadata.labels, 'node.kubernetes.io/exclude-disruption': 'true' };
      zones.seen({ ...node, metadata: { ...node.metadata, labels } });
    }
    expect(zones.turnOf('lost-0')).toMatchObject({ state: 'Normal', nodes: 4, ready: 3, now: true });
    expect(zones.turnOf('spot-0')).toMatchObject({ state: 'Normal', waitMs: 10_000 });
    for (let n = 0; n < 10; n++) zones.gone(`new-${n}`);
    expect(zones.turnOf('lost-0')).toMatchObject({ nodes: 4, ready: 3 });
  });

  it('is normal where no node counts', async () => {
    const [zones] = await bed(1, 0);
    const labels = { [zoneLabel]: 'b', 'node.kubernetes.io/exclude-disruption': '' };
    zones.seen({ ...nodeOf('spot', { ready: false }), metadata: { name: 'spot', labels } });
    expect(zones.turnOf('spot')).toMatchObject({ state: 'Normal', nodes: 0, now: true });
  });
});

describe('zoneOf', () => {
  it('is region and zone, by the labels of today or of old', () => {
    const of = (labels: Record<string, string>): string => zoneOf({ metadata: { labels }, spec: {} });
    expect(of({ 'topology.kubernetes.io/region': 'r', [zoneLabel]: 'z' })).toBe('r/z');
    expect(of({ 'failure-domain.beta.kubernetes.io/zone': 'z' })).toBe('z');
    expect(of({})).toBe('');
  });
});

describe('properties', () => {
  const event = fc.record({
    node: fc.nat(9),
    ready: fc.boolean(),
    waitMs: fc.nat(30_000),
  });

  it('never taints faster than the rate, nor while all are lost, and all lost nodes get their turn', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(event, { maxLength: 25, size: 'max' }), async (events) => {
        const env = manualEnv();
        const zones = new Zones(config, env.clock);
        const state = new Map<string, NodeShape>();
        const taintedAt: number[] = [];
        const set = (name: string, shape: NodeShape): void => {
          state.set(name, shape);
          zones.seen(nodeOf(name, shape));
        };
        /** As the controller does when it looks at all nodes. */
        const pass = (): void => {
          const nobody = [...state.values()].every(({ ready }) => ready !== true);
          for (const [name, shape] of state) {
            const turn = zones.turnOf(name);
            if (turn?.now !== true) continue;
            expect([shape.ready, shape.tainted, nobody]).toEqual([false, false, false]);
            set(name, { ...shape, tainted: true });
            taintedAt.push(env.clock.monotonic());
          }
        };
        for (let n = 0; n < 10; n++) set(`n${n}`, { ready: true });
        for (const { node, ready, waitMs } of events) {
          set(`n${node}`, { ready, tainted: ready ? false : (state.get(`n${node}`)?.tainted ?? false) });
          pass();
          await env.advance(waitMs);
          pass();
        }
        taintedAt.slice(1).forEach((at, index) => expect(at - (taintedAt[index] ?? 0)).toBeGreaterThanOrEqual(10_000));
        for (let n = 3; n < 10; n++) set(`n${n}`, { ready: true });
        for (let n = 0; n < 10; n++) {
          await env.advance(60_000);
          pass();
        }
        for (const { ready, tainted } of state.values()) expect(ready === true || tainted === true).toBe(true);
      }),
      { numRuns: 40 },
    );
  });
});
