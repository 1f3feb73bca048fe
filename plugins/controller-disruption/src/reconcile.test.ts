import { describe, expect, it } from '@jest/globals';
import type { Pod, PodDisruptionBudget } from '@timonel/sdk/kube';
import fc from 'fast-check';
import { amountOf, disruptionTimeoutMs } from './budget.ts';
import { explain } from './explain.ts';
import { reconcile, statusPlan, type Observed } from './reconcile.ts';
import type { Scale } from './scale.ts';
import { countsAnew } from './selection.ts';

const timestamp = '2026-01-01T01:00:00Z';
const nowMs = Date.parse(timestamp);
const ago = (ms: number): string => new Date(nowMs - ms).toISOString();

type Spec = NonNullable<PodDisruptionBudget['spec']>;
type Status = NonNullable<PodDisruptionBudget['status']>;

function budgetOf(spec: Spec, status?: Partial<Status>): PodDisruptionBudget {
  return {
    metadata: { name: 'keep', namespace: 'd', generation: 2 },
    spec,
    ...(status === undefined
      ? {}
      : { status: { disruptionsAllowed: 0, currentHealthy: 0, desiredHealthy: 0, expectedPods: 0, ...status } }),
  };
}

interface PodShape {
  readonly ready?: boolean;
  readonly deleting?: boolean;
  readonly conditions?: NonNullable<Pod['status']>['conditions'];
  readonly phase?: string;
}

function podOf(
  name: string,
  { ready = true, deleting = false, conditions = [], phase = 'Running' }: PodShape = {},
): Pod {
  return {
    metadata: { name, namespace: 'd', ...(deleting ? { deletionTimestamp: timestamp } : {}) },
    spec: { containers: [] },
    status: { phase, conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }, ...conditions] },
  };
}

const podsOf = (ready: number, unready = 0): Pod[] => [
  ...Array.from({ length: ready }, (_, n) => podOf(`ready-${n}`)),
  ...Array.from({ length: unready }, (_, n) => podOf(`unready-${n}`, { ready: false })),
];

const scaled = (pods: number, unmanaged: readonly string[] = []): Scale => ({ known: true, pods, unmanaged });

function observed(
  subject: PodDisruptionBudget | undefined,
  pods: readonly Pod[],
  more: Partial<Observed> = {},
): Observed {
  return { subject, nowMs, timestamp, pods, scale: scaled(pods.length), rivals: () => [], spared: undefined, ...more };
}

/** expectedPods, desiredHealthy, currentHealthy, disruptionsAllowed. */
function counts(state: Observed): number[] {
  const { status } = statusPlan(state) ?? { status: budgetOf({}, {}).status as Status };
  return [status.expectedPods, status.desiredHealthy, status.currentHealthy, status.disruptionsAllowed];
}

describe('the status of a budget', () => {
  it.each<[string, Spec, Pod[], Scale, number[]]>([
    ['minAvailable', { minAvailable: 2 }, podsOf(3), scaled(9), [3, 2, 3, 1]],
    ['minAvailable of more than there are', { minAvailable: 5 }, podsOf(3), scaled(3), [3, 5, 3, 0]],
    ['minAvailable as a share, rounded up', { minAvailable: '50%' }, podsOf(5), scaled(5), [5, 3, 5, 2]],
    ['maxUnavailable', { maxUnavailable: 1 }, podsOf(3), scaled(3), [3, 2, 3, 1]],
    ['maxUnavailable while pods are missing', { maxUnavailable: 1 }, podsOf(2), scaled(3), [3, 2, 2, 0]],
    ['maxUnavailable as a share, rounded up', { maxUnavailable: '34%' }, podsOf(3), scaled(3), [3, 1, 3, 2]],
    ['maxUnavailable of more than there are', { maxUnavailable: 9 }, podsOf(3), scaled(3), [3, 0, 3, 3]],
    ['maxUnavailable 0', { maxUnavailable: 0 }, podsOf(3), scaled(3), [3, 3, 3, 0]],
    ['unready pods', { minAvailable: 1 }, podsOf(2, 2), scaled(4), [4, 1, 2, 1]],
    ['no pods', { minAvailable: 0 }, [], scaled(0), [0, 0, 0, 0]],
    ['no rule', {}, podsOf(3), scaled(3), [0, 0, 3, 0]],
    ['a pod that goes', { minAvailable: 1 }, [...podsOf(1), podOf('x', { deleting: true })], scaled(2), [2, 1, 1, 0]],
  ])('%s', (_what, spec, pods, scale, expected) => {
    expect(counts(observed(budgetOf(spec), pods, { scale }))).toEqual(expected);
  });

  it('says in a condition whether pods may go, for which generation', () => {
    const conditionOf = (ready: number): unknown =>
      statusPlan(observed(budgetOf({ minAvailable: 1 }), podsOf(ready)))?.status.conditions;
    const condition = { type: 'DisruptionAllowed', observedGeneration: 2, lastTransitionTime: timestamp, message: '' };
    expect(conditionOf(2)).toEqual([{ ...condition, status: 'True', reason: 'SufficientPods' }]);
    expect(conditionOf(1)).toEqual([{ ...condition, status: 'False', reason: 'InsufficientPods' }]);
  });

  it('allows nothing while the scale is not known, keeps what it knew, says why, and tries again', () => {
    const budget = budgetOf(
      { maxUnavailable: 1 },
      { expectedPods: 3, currentHealthy: 3, desiredHealthy: 2, disruptionsAllowed: 1, observedGeneration: 1 },
    );
    const state = observed(budget, podsOf(3), { scale: { known: false, problem: 'Job x has no scale' } });
    expect(counts(state)).toEqual([3, 2, 3, 0]);
    expect(statusPlan(state)?.status).toMatchObject({
      observedGeneration: 1,
      conditions: [{ status: 'False', reason: 'SyncFailed', message: 'Job x has no scale' }],
    });
    expect(reconcile(state)).toMatchObject({
      actions: [{ do: 'event', event: { reason: 'CalculateExpectedPodCountFailed' } }],
      requeueAfterMs: expect.any(Number),
    });
    const told = { ...budget, status: statusPlan(state)?.status as Status };
    expect(reconcile({ ...state, subject: told }).actions).toEqual([]);
  });

  it('counts an evicted pod as gone until it goes, or for two minutes', () => {
    const disruptedPods = { 'ready-0': ago(60_000), 'ready-1': ago(disruptionTimeoutMs + 1000), gone: ago(1000) };
    const state = observed(budgetOf({ minAvailable: 1 }, { disruptedPods }), podsOf(3));
    expect(counts(state)).toEqual([3, 1, 2, 1]);
    expect(statusPlan(state)?.status.disruptedPods).toEqual({ 'ready-0': disruptedPods['ready-0'] });
    expect(reconcile(state).requeueAfterMs).toBe(60_001);
    expect(reconcile(state).actions).toMatchObject([{ event: { reason: 'NotDeleted' } }]);
  });

  it('tells of a selector without pods, and of pods that do not count', () => {
    const reasons = (state: Observed): unknown[] =>
      reconcile(state).actions.map((action) => ('event' in action ? action.event?.reason : undefined));
    expect(reasons(observed(budgetOf({ minAvailable: 1 }), []))).toEqual(['NoPods']);
    expect(reasons(observed(budgetOf({ maxUnavailable: 1 }), podsOf(2), { scale: scaled(1, ['bare']) }))).toEqual([
      'UnmanagedPods',
    ]);
  });
});

describe('a pod that was said to be deleted', () => {
  const target = (reason: string, sinceMs: number): Pod =>
    podOf('p', {
      conditions: [{ type: 'DisruptionTarget', status: 'True', reason, lastTransitionTime: ago(sinceMs) }],
    });

  it('gets the condition taken back after two minutes, not when its node ends it', () => {
    const early = reconcile(observed(undefined, [], { spared: target('EvictionByEvictionAPI', 60_000) }));
    expect(early).toEqual({ actions: [], requeueAfterMs: 60_000 });
    const late = reconcile(observed(undefined, [], { spared: target('EvictionByEvictionAPI', 120_000) }));
    expect(late.actions).toMatchObject([
      { do: 'patch', patch: { body: { status: { conditions: [{ type: 'DisruptionTarget', status: 'False' }] } } } },
    ]);
    expect(reconcile(observed(undefined, [], { spared: target('TerminationByKubelet', 1e9) })).actions).toEqual([]);
  });
});

describe('a change of a pod', () => {
  it.each<[string, Pod, boolean]>([
    ['nothing', podOf('p'), false],
    [
      'what its node says of its containers',
      { ...podOf('p'), status: { ...podOf('p').status, podIP: '10.0.0.1' } },
      false,
    ],
    ['readiness', podOf('p', { ready: false }), true],
    ['the end', podOf('p', { phase: 'Succeeded' }), true],
    ['a deletion', podOf('p', { deleting: true }), true],
    ['a condition', podOf('p', { conditions: [{ type: 'DisruptionTarget', status: 'True' }] }), true],
    ['labels', { ...podOf('p'), metadata: { ...podOf('p').metadata, labels: { app: 'web' } } }, true],
    ['an owner', { ...podOf('p'), metadata: { ...podOf('p').metadata, ownerReferences: [] } }, true],
    ['another pod', { ...podOf('p'), metadata: { ...podOf('p').metadata, uid: 'other' } }, true],
  ])('matters or not: %s', (_what, after, matters) => {
    expect(countsAnew(podOf('p'), after)).toBe(matters);
  });
});

describe('explain', () => {
  const codes = (state: Observed): string[] => explain(state).map(({ code }) => code);

  it('names the pods that are not healthy, and what would help', () => {
    const budget = budgetOf({ minAvailable: 2 });
    expect(codes(observed(budget, podsOf(3)))).toEqual([]);
    const [cause] = explain(observed(budget, podsOf(2, 1)));
    expect(cause).toMatchObject({ code: 'no-disruption-allowed' });
    expect(cause?.text).toContain('unready-0');
    expect(cause?.unblock).toContain('AlwaysAllow');
    expect(explain(observed(budget, podsOf(2)))[0]?.unblock).toContain('raise the replicas');
    expect(codes(observed(budget, []))).toEqual(['no-pods']);
    expect(codes(observed(budget, podsOf(3), { rivals: () => ['other'] }))).toEqual(['overlapping-budgets']);
    const problem = { known: false, problem: 'no scale' } as const;
    expect(codes(observed(budgetOf({ maxUnavailable: 1 }), podsOf(3), { scale: problem }))).toEqual(['sync-failed']);
  });
});

describe('properties', () => {
  const amount = fc.oneof(
    fc.nat(12),
    fc.nat(100).map((share) => `${share}%`),
  );
  const rule = fc.oneof(
    amount.map((minAvailable): Spec => ({ minAvailable })),
    amount.map((maxUnavailable): Spec => ({ maxUnavailable })),
  );

  it('evicting all that is allowed never leaves fewer healthy pods than desired, and a second pass writes nothing', () => {
    fc.assert(
      fc.property(rule, fc.nat(8), fc.nat(4), fc.nat(12), (spec, ready, unready, declared) => {
        let pods = podsOf(ready, unready);
        let budget = budgetOf(spec);
        for (let round = 0; round < 20; round++) {
          const state = observed(budget, pods, { scale: scaled(declared) });
          const status = statusPlan(state)?.status as Status;
          const settled = observed({ ...budget, status }, pods, { scale: scaled(declared) });
          expect(statusPlan(settled)?.status).toEqual(status);
          expect(reconcile(settled).actions).toEqual([]);
          if (status.disruptionsAllowed === 0) break;
          const [victim] = pods.filter(
            ({ status: of, metadata }) =>
              of?.conditions?.[0]?.status === 'True' && metadata.deletionTimestamp === undefined,
          );
          expect(victim).toBeDefined();
          pods = pods.map((pod) => (pod === victim ? podOf(pod.metadata.name ?? '', { deleting: true }) : pod));
          budget = { ...budget, status };
          const left = pods.filter(
            ({ status: of, metadata }) =>
              of?.conditions?.[0]?.status === 'True' && metadata.deletionTimestamp === undefined,
          );
          expect(left.length).toBeGreaterThanOrEqual(status.desiredHealthy);
        }
      }),
    );
  });

  it('a share is never less than its part', () => {
    fc.assert(
      fc.property(fc.nat(100), fc.nat(1000), (share, total) => {
        const amountIs = amountOf(`${share}%`, total);
        expect(amountIs).toBeGreaterThanOrEqual((share * total) / 100);
        expect(amountIs).toBeLessThan((share * total) / 100 + 1);
      }),
    );
  });
});
