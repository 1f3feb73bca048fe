import { describe, expect, it } from '@jest/globals';
import type { Condition, Lease, Node, Pod, Taint } from '@timonel/sdk/kube';
import { manualEnv } from '@timonel/testkit';
import fc from 'fast-check';
import { explain } from './explain.ts';
import { Heartbeats } from './heartbeats.ts';
import { reconcile, statusOf, type Observed } from './reconcile.ts';
import { wantedTaints } from './taints.ts';
import type { Turn } from './zones.ts';

const timestamp = '2026-01-01T01:00:00Z';
const early = '2026-01-01T00:00:00Z';

function nodeOf(conditions: readonly Pick<Condition, 'type' | 'status'>[], spec: Node['spec'] = {}): Node {
  const full = conditions.map((one) => ({ ...one, lastHeartbeatTime: early, lastTransitionTime: early }));
  return { metadata: { name: 'n', uid: 'u', creationTimestamp: early }, spec, status: { conditions: full } };
}

const turn: Turn = { zone: '', state: 'Normal', nodes: 3, ready: 2, everywhere: false, now: false, waitMs: undefined };

function observed(subject: Node, more: Partial<Observed> = {}): Observed {
  return { subject, nowMs: Date.parse(timestamp), timestamp, silentMs: 0, graceMs: 50_000, turn, pods: [], ...more };
}

/** What the API has after one pass. */
function applied(node: Node, seen: Partial<Observed>): Node {
  let next = node;
  for (const action of reconcile(observed(node, seen)).actions) {
    if (action.do !== 'patch') continue;
    const { spec } = action.patch.body as { spec: { taints: Taint[] } };
    next = { ...next, spec: { ...next.spec, taints: spec.taints } };
  }
  const plan = statusOf(observed(next, seen));
  return plan === undefined ? next : { ...next, status: plan.status };
}

const keys = (node: Node): string[] =>
  (node.spec.taints ?? []).map(({ key, effect }) => `${key.split('/').at(-1)}:${effect}`);

describe('reconcile', () => {
  const ready = nodeOf([{ type: 'Ready', status: 'True' }]);
  const unknown = nodeOf([{ type: 'Ready', status: 'Unknown' }]);

  it('does nothing for a ready node, and looks again when it would have been silent for too long', () => {
    expect(reconcile(observed(ready, { silentMs: 20_000 }))).toEqual({ actions: [], requeueAfterMs: 30_000 });
    expect(statusOf(observed(ready, { silentMs: 49_999 }))).toBeUndefined();
  });

  it('first says that a node is lost, then acts on it', () => {
    const silent = { silentMs: 50_000 };
    const first = reconcile(observed(ready, silent));
    expect(first.actions).toMatchObject([{ do: 'event', event: { reason: 'NodeNotReady' } }]);
    const lost = applied(ready, silent);
    expect(
      lost.status?.conditions?.map(({ type, status, lastHeartbeatTime }) => [type, status, lastHeartbeatTime]),
    ).toEqual(['Ready', 'MemoryPressure', 'DiskPressure', 'PIDPressure'].map((type) => [type, 'Unknown', early]));
    expect(keys(applied(lost, silent))).toEqual(['unreachable:NoSchedule']);
    expect(keys(applied(lost, { ...silent, turn: { ...turn, now: true } }))).toEqual([
      'unreachable:NoSchedule',
      'unreachable:NoExecute',
    ]);
  });

  it('changes one taint for the other at once, and takes both away when the node is ready', () => {
    const tainted = applied(unknown, { turn: { ...turn, now: true } });
    const notReady = applied({ ...tainted, status: nodeOf([{ type: 'Ready', status: 'False' }]).status ?? {} }, {});
    expect(keys(notReady)).toEqual(['not-ready:NoSchedule', 'not-ready:NoExecute']);
    expect(keys(applied({ ...notReady, status: ready.status ?? {} }, {}))).toEqual([]);
  });

  it('takes the taints that evict away when all nodes are lost', () => {
    const tainted = applied(unknown, { turn: { ...turn, now: true } });
    const everywhere = { turn: { ...turn, everywhere: true, state: 'FullDisruption' as const } };
    expect(keys(applied(tainted, everywhere))).toEqual(['unreachable:NoSchedule']);
  });

  it('marks the ready pods of a node that is not heard of, once it is Unknown', () => {
    const pod: Pod = {
      metadata: { name: 'p', namespace: 'd' },
      spec: { containers: [] },
      status: {
        conditions: [
          { type: 'Initialized', status: 'True' },
          { type: 'Ready', status: 'True' },
        ],
      },
    };
    const [, action] = reconcile(observed(unknown, { silentMs: 60_000, pods: [pod] })).actions;
    expect(action).toMatchObject({
      do: 'status',
      status: {
        conditions: [
          { type: 'Initialized', status: 'True' },
          { type: 'Ready', status: 'False', lastTransitionTime: timestamp },
        ],
      },
    });
    // It is back: it says itself how its pods are.
    expect(reconcile(observed(unknown, { silentMs: 100, pods: [pod] })).actions).toHaveLength(1);
  });

  it('says nothing of a new node before its time to start is over', () => {
    const fresh: Node = { metadata: { name: 'n', creationTimestamp: early }, spec: {} };
    expect(reconcile(observed(fresh, { graceMs: 60_000, silentMs: 55_000 })).actions).toEqual([]);
    const late = applied(fresh, { graceMs: 60_000, silentMs: 60_000 });
    expect(late.status?.conditions?.[0]).toMatchObject({ reason: 'NodeStatusNeverUpdated', lastHeartbeatTime: early });
  });
});

describe('properties', () => {
  const status = fc.constantFrom('True', 'False', 'Unknown');
  const types = ['Ready', 'MemoryPressure', 'DiskPressure', 'PIDPressure', 'NetworkUnavailable', 'Other'];
  const conditions = fc.uniqueArray(fc.record({ type: fc.constantFrom(...types), status }), {
    selector: ({ type }) => type,
  });
  const taint = fc.record({
    key: fc.constantFrom(
      'mine',
      ...['not-ready', 'unreachable', 'unschedulable', 'memory-pressure', 'out-of-service'].map(
        (name) => `node.kubernetes.io/${name}`,
      ),
    ),
    effect: fc.constantFrom('NoSchedule', 'NoExecute', 'PreferNoSchedule'),
  });
  const taints = fc.uniqueArray(taint, { selector: ({ key, effect }) => `${key}:${effect}` });

  it('reaches the taints that the state asks for in one pass, leaves others alone, and then does nothing', () => {
    fc.assert(
      fc.property(
        conditions,
        taints,
        fc.boolean(),
        fc.constantFrom('add', 'keep', 'remove'),
        (state, before, unschedulable, evicting) => {
          const node = nodeOf(state, { taints: before, unschedulable });
          const wanted = wantedTaints(node, evicting, timestamp) ?? before;
          expect(
            wantedTaints({ ...node, spec: { ...node.spec, taints: wanted } }, evicting, timestamp),
          ).toBeUndefined();
          const foreign = (all: readonly Taint[]): Taint[] =>
            all.filter(
              ({ key, effect }) => key === 'mine' || key.endsWith('out-of-service') || effect === 'PreferNoSchedule',
            );
          expect(foreign(wanted)).toEqual(foreign(before));
          const evicts = wanted.filter(
            ({ key, effect }) => effect === 'NoExecute' && /not-ready|unreachable/.test(key),
          );
          const isLost = state.some(({ type, status: is }) => type === 'Ready' && is !== 'True');
          expect(evicts.length).toBeLessThanOrEqual(isLost && evicting !== 'remove' ? 1 : 0);
          expect(evicts.length).toBeGreaterThanOrEqual(isLost && evicting === 'add' ? 1 : 0);
        },
      ),
    );
  });

  it('comes to rest after two passes', () => {
    fc.assert(
      fc.property(conditions, taints, fc.boolean(), fc.boolean(), (state, before, silent, now) => {
        const seen = { silentMs: silent ? 60_000 : 0, turn: { ...turn, now } };
        const settled = applied(applied(nodeOf(state, { taints: before }), seen), seen);
        expect(reconcile(observed(settled, seen)).actions).toEqual([]);
        expect(statusOf(observed(settled, seen))?.status ?? settled.status).toEqual(settled.status);
      }),
    );
  });
});

describe('Heartbeats', () => {
  const lease = (renewTime: string, leaseDurationSeconds = 40): Lease => ({
    metadata: { name: 'n' },
    spec: { renewTime, leaseDurationSeconds },
  });

  it('counts from the last sign of life that this process saw, whatever the node says about the time', async () => {
    const env = manualEnv();
    const heartbeats = new Heartbeats(env.clock);
    const silentMs = (): number => heartbeats.silentMs('n', 0);
    heartbeats.nodeSeen(nodeOf([{ type: 'Ready', status: 'True' }]));
    heartbeats.leaseSeen(lease('1970-01-01T00:00:00.000000Z'));
    await env.advance(5000);
    expect(silentMs()).toBe(5000);
    heartbeats.nodeSeen(nodeOf([{ type: 'Ready', status: 'True' }]));
    heartbeats.leaseSeen(lease('1970-01-01T00:00:00.000000Z'));
    expect(silentMs()).toBe(5000);
    heartbeats.leaseSeen(lease('1970-01-01T00:00:10.000000Z'));
    expect(silentMs()).toBe(0);
    await env.advance(1000);
    // Written by the controller.
    heartbeats.nodeSeen(nodeOf([{ type: 'Ready', status: 'Unknown' }]));
    expect(silentMs()).toBe(1000);
    heartbeats.nodeSeen(nodeOf([{ type: 'Ready', status: 'True' }]));
    expect(silentMs()).toBe(0);
  });

  it('does not take for a sign of life what this controller writes of a node that never gave a time', async () => {
    const env = manualEnv();
    const heartbeats = new Heartbeats(env.clock);
    const ready = { type: 'Ready', status: 'True' } as const;
    const silent: Node = { ...nodeOf([]), status: { conditions: [ready] } };
    heartbeats.nodeSeen(silent);
    await env.advance(60_000);
    heartbeats.nodeSeen(applied(silent, { silentMs: 60_000 }));
    expect(heartbeats.silentMs('n', 0)).toBe(60_000);
  });

  it('forgets leases of nodes that are not there any more', () => {
    const heartbeats = new Heartbeats(manualEnv().clock);
    heartbeats.nodeSeen(nodeOf([]));
    heartbeats.leaseSeen(lease('x'));
    heartbeats.forget('n');
    heartbeats.leaseSeen(lease('y'));
    heartbeats.leaseGone(lease('y'));
    expect(heartbeats.size).toBe(0);
  });

  it('does not count the time in which the API could not be heard', async () => {
    const env = manualEnv();
    const heartbeats = new Heartbeats(env.clock);
    heartbeats.leaseSeen(lease('x'));
    await env.advance(600_000);
    expect(heartbeats.silentMs('n', env.clock.monotonic() - 3000)).toBe(3000);
  });

  it('believes a lease that was given for longer', () => {
    const heartbeats = new Heartbeats(manualEnv().clock);
    heartbeats.leaseSeen(lease('x', 3600));
    expect(heartbeats.leaseMs('n')).toBe(3_600_000);
    heartbeats.leaseGone(lease('x'));
    expect(heartbeats.leaseMs('n')).toBe(0);
  });
});

describe('explain', () => {
  const codes = (node: Node, more: Partial<Observed> = {}): string[] =>
    explain(observed(node, more)).map(({ code }) => code);

  it('says why a node is not ready and what becomes of its pods', () => {
    const unknown = nodeOf([{ type: 'Ready', status: 'Unknown' }]);
    expect(codes(nodeOf([{ type: 'Ready', status: 'True' }]))).toEqual([]);
    expect(codes(unknown, { turn: { ...turn, waitMs: 20_000 } })).toEqual(['node-unreachable', 'waits-for-eviction']);
    expect(codes(unknown, { turn: { ...turn, state: 'PartialDisruption' } })).toEqual([
      'node-unreachable',
      'zone-disrupted',
    ]);
    expect(codes(unknown, { turn: { ...turn, state: 'FullDisruption', everywhere: true } })).toEqual([
      'node-unreachable',
      'all-nodes-lost',
    ]);
    const cordoned = nodeOf([{ type: 'Ready', status: 'False' }], { unschedulable: true });
    expect(codes(cordoned)).toEqual(['node-not-ready', 'cordoned']);
    expect(codes(nodeOf([{ type: 'DiskPressure', status: 'True' }]))).toEqual(['node-new', 'node-condition']);
  });
});
