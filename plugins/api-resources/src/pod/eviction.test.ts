import { describe, expect, it } from '@jest/globals';
import type { DeleteOptions, ObjectName } from '@timonel/sdk/contracts/api';
import type { SubresourceAccess } from '@timonel/sdk/contracts/api-server';
import { ApiError, type KubeObject, type Pod, type PodDisruptionBudget, type ResourceType } from '@timonel/sdk/kube';
import { manualEnv } from '@timonel/testkit';
import { evictionHandler } from './eviction.ts';

const { clock } = manualEnv();

interface Shape {
  readonly phase?: string;
  readonly ready?: boolean;
  readonly deleting?: boolean;
}

function podOf({ phase = 'Running', ready = true, deleting = false }: Shape = {}): Pod {
  return {
    metadata: {
      name: 'a',
      namespace: 'default',
      uid: 'u1',
      resourceVersion: '7',
      labels: { app: 'web' },
      ...(deleting ? { deletionTimestamp: '2026-01-01T00:00:00Z' } : {}),
    },
    spec: { containers: [] },
    status: { phase, conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }] },
  };
}

function budgetOf(
  allowed: number,
  more: Partial<NonNullable<PodDisruptionBudget['status']>> = {},
  spec: PodDisruptionBudget['spec'] = {},
): PodDisruptionBudget {
  return {
    metadata: { name: 'keep', namespace: 'default', generation: 1 },
    spec: { minAvailable: 1, selector: { matchLabels: { app: 'web' } }, ...spec },
    status: {
      observedGeneration: 1,
      disruptionsAllowed: allowed,
      currentHealthy: 1,
      desiredHealthy: 1,
      expectedPods: 1,
      ...more,
    },
  };
}

class Cluster implements SubresourceAccess<Pod> {
  pod: Pod;
  budgets: PodDisruptionBudget[];
  deletions: DeleteOptions[] = [];
  /** Run before each change of the pod. */
  meanwhile: () => void = () => undefined;

  constructor(pod: Pod, budgets: PodDisruptionBudget[]) {
    this.pod = pod;
    this.budgets = budgets;
  }
  get(): Promise<Pod> {
    return Promise.resolve(this.pod);
  }
  async update(change: (pod: Pod) => void): Promise<Pod> {
    this.meanwhile();
    const copy = structuredClone(this.pod);
    change(copy);
    copy.metadata.resourceVersion = String(Number(copy.metadata.resourceVersion) + 1);
    this.pod = copy;
    return copy;
  }
  delete(options: DeleteOptions = {}): Promise<Pod> {
    this.deletions.push(options);
    return Promise.resolve(this.pod);
  }
  find(): Promise<undefined> {
    return Promise.resolve(undefined);
  }
  list<O extends KubeObject>(): Promise<readonly O[]> {
    return Promise.resolve(this.budgets as unknown as O[]);
  }
  async updateOther<O extends KubeObject>(
    _type: ResourceType<O>,
    { name }: ObjectName,
    change: (object: O) => void,
  ): Promise<O> {
    const copy = structuredClone(this.budgets.find(({ metadata }) => metadata.name === name)) as unknown as O;
    change(copy);
    this.budgets = [copy];
    return copy;
  }
}

async function evict(cluster: Cluster, body: unknown = {}, query = ''): Promise<'evicted' | ApiError> {
  const request = {
    method: 'POST',
    name: 'a',
    namespace: 'default',
    query: new URLSearchParams(query),
    body,
    user: {} as never,
    signal: new AbortController().signal,
  };
  try {
    await evictionHandler(clock).handle(request, cluster);
    return 'evicted';
  } catch (error) {
    return error as ApiError;
  }
}

describe('pods/eviction under a budget', () => {
  it('uses up one disruption, says why the pod goes, and deletes it', async () => {
    const cluster = new Cluster(podOf(), [budgetOf(2)]);
    expect(await evict(cluster, { deleteOptions: { gracePeriodSeconds: 3 } })).toBe('evicted');
    expect(cluster.budgets[0]?.status).toMatchObject({
      disruptionsAllowed: 1,
      disruptedPods: { a: clock.timestamp() },
    });
    expect(cluster.pod.status?.conditions).toContainEqual(
      expect.objectContaining({ type: 'DisruptionTarget', status: 'True', reason: 'EvictionByEvictionAPI' }),
    );
    expect(cluster.deletions).toEqual([{ gracePeriodSeconds: 3, preconditions: { uid: 'u1' } }]);
  });

  it('says that no more is allowed when the last one is used', async () => {
    const cluster = new Cluster(podOf(), [budgetOf(1)]);
    expect(await evict(cluster)).toBe('evicted');
    expect(cluster.budgets[0]?.status?.conditions).toEqual([
      expect.objectContaining({ type: 'DisruptionAllowed', status: 'False', reason: 'InsufficientPods' }),
    ]);
  });

  it('is refused with 429 while the budget allows none, and with the time to wait while nobody has looked at it', async () => {
    const spent = new Cluster(podOf(), [budgetOf(0, { desiredHealthy: 3, currentHealthy: 2 })]);
    const refusal = (await evict(spent)) as ApiError;
    expect(refusal.status).toMatchObject({ code: 429, reason: 'TooManyRequests' });
    expect(refusal.status.details).toEqual({
      causes: [
        { reason: 'DisruptionBudget', message: 'the disruption budget keep needs 3 healthy pods and has 2 now' },
      ],
    });
    const unseen = (await evict(new Cluster(podOf(), [budgetOf(5, { observedGeneration: 0 })]))) as ApiError;
    expect(unseen.code).toBe(429);
    expect(unseen.status.details?.retryAfterSeconds).toBe(10);
    expect(spent.deletions).toEqual([]);
  });

  it('tells what keeps the controller from knowing', async () => {
    const conditions = [
      { type: 'DisruptionAllowed', status: 'False', reason: 'SyncFailed', message: 'no scale' },
    ] as const;
    const refusal = (await evict(new Cluster(podOf(), [budgetOf(0, { conditions: [...conditions] })]))) as ApiError;
    expect(refusal.status.details?.causes?.[0]?.message).toContain('no scale');
  });

  it.each<[string, Pod]>([
    ['pending', podOf({ phase: 'Pending' })],
    ['finished', podOf({ phase: 'Succeeded' })],
    ['failed', podOf({ phase: 'Failed' })],
    ['going', podOf({ deleting: true })],
  ])('lets a pod go that is %s', async (what, pod) => {
    const cluster = new Cluster(pod, [budgetOf(0)]);
    expect(await evict(cluster)).toBe('evicted');
    expect(cluster.deletions).toHaveLength(1);
    const marked = cluster.pod.status?.conditions?.some(({ type }) => type === 'DisruptionTarget');
    expect(marked).toBe(what === 'pending');
  });

  it.each<[string, PodDisruptionBudget, boolean]>([
    ['enough others are healthy', budgetOf(0, { currentHealthy: 1, desiredHealthy: 1 }), true],
    ['too few are healthy', budgetOf(0, { currentHealthy: 0, desiredHealthy: 1 }), false],
    ['none has to be healthy', budgetOf(0, { currentHealthy: 0, desiredHealthy: 0 }), false],
    [
      'too few are healthy and it is always allowed',
      budgetOf(0, { currentHealthy: 0 }, { unhealthyPodEvictionPolicy: 'AlwaysAllow' }),
      true,
    ],
  ])('an unready pod, where %s', async (_what, budget, goes) => {
    const cluster = new Cluster(podOf({ ready: false }), [budget]);
    expect((await evict(cluster)) === 'evicted').toBe(goes);
    expect(cluster.budgets[0]?.status?.disruptedPods).toBeUndefined();
  });

  it('looks again when a pod that could go without a budget has changed meanwhile', async () => {
    const cluster = new Cluster(podOf({ phase: 'Pending' }), [budgetOf(0)]);
    cluster.meanwhile = () => {
      cluster.pod = { ...podOf(), metadata: { ...podOf().metadata, resourceVersion: '8' } };
    };
    expect(((await evict(cluster)) as ApiError).code).toBe(429);
    expect(cluster.deletions).toEqual([]);
  });

  it('does not touch anything in a dry run, but says whether it would be refused', async () => {
    const body = { deleteOptions: { dryRun: ['All'] } };
    const free = new Cluster(podOf(), [budgetOf(1)]);
    expect(await evict(free, body)).toBe('evicted');
    expect([free.budgets[0]?.status?.disruptionsAllowed, free.deletions]).toEqual([1, []]);
    expect(((await evict(new Cluster(podOf(), [budgetOf(0)]), body)) as ApiError).code).toBe(429);
  });

  it('heeds preconditions before the budget is used', async () => {
    for (const preconditions of [{ uid: 'other' }, { resourceVersion: '6' }]) {
      const cluster = new Cluster(podOf(), [budgetOf(1)]);
      expect(((await evict(cluster, { deleteOptions: { preconditions } })) as ApiError).code).toBe(409);
      expect(cluster.budgets[0]?.status?.disruptionsAllowed).toBe(1);
    }
    const cluster = new Cluster(podOf(), [budgetOf(1)]);
    expect(await evict(cluster, { deleteOptions: { preconditions: { resourceVersion: '7' } } })).toBe('evicted');
    // The pod was marked since: that version is meant.
    expect(cluster.deletions).toEqual([{ preconditions: { uid: 'u1', resourceVersion: '8' } }]);
  });

  it('is refused when several budgets select the pod, with their names', async () => {
    const second = { ...budgetOf(1), metadata: { name: 'also', namespace: 'default' } };
    const refusal = (await evict(new Cluster(podOf(), [budgetOf(1), second]))) as ApiError;
    expect([refusal.code, refusal.message]).toEqual([500, expect.stringContaining('also, keep')]);
    const other = budgetOf(0, {}, { selector: { matchLabels: { app: 'db' } } });
    const nobody: PodDisruptionBudget = { metadata: { name: 'nobody' }, spec: { maxUnavailable: 0 } };
    expect(await evict(new Cluster(podOf(), [other, nobody]))).toBe('evicted');
  });
});

describe('what is not understood', () => {
  it.each<[string, unknown]>([
    ['no object', []],
    ['no body', null],
    ['another kind', { apiVersion: 'v1', kind: 'Pod' }],
    ['another version', { apiVersion: 'policy/v9', kind: 'Eviction' }],
    ['the name of another pod', { metadata: { name: 'b' } }],
    ['another namespace', { metadata: { name: 'a', namespace: 'kube-system' } }],
    ['options of the wrong type', { deleteOptions: 'now' }],
    ['a grace period of the wrong type', { deleteOptions: { gracePeriodSeconds: '0' } }],
    ['a negative grace period', { deleteOptions: { gracePeriodSeconds: -1 } }],
    ['a policy that there is not', { deleteOptions: { propagationPolicy: 'Sideways' } }],
    ['preconditions of the wrong type', { deleteOptions: { preconditions: { uid: 7 } } }],
    ['a dry run that there is not', { deleteOptions: { dryRun: ['Some'] } }],
    ['a dry run of the wrong type', { deleteOptions: { dryRun: 'All' } }],
  ])('evicts nobody: %s', async (_what, body) => {
    const cluster = new Cluster(podOf(), [budgetOf(1)]);
    expect(((await evict(cluster, body)) as ApiError).code).toBe(400);
    expect(cluster.deletions).toEqual([]);
  });

  it('nulls count as absent', async () => {
    const options = { gracePeriodSeconds: null, propagationPolicy: null, preconditions: null, dryRun: null };
    for (const body of [
      { metadata: null, deleteOptions: null },
      { kind: null, deleteOptions: options },
    ]) {
      const cluster = new Cluster(podOf(), [budgetOf(1)]);
      expect(await evict(cluster, body)).toBe('evicted');
      expect(cluster.deletions).toEqual([{ preconditions: { uid: 'u1' } }]);
    }
  });
});
