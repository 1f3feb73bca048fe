import { describe, expect, it } from '@jest/globals';
import { controllerReference, replicaSets, type Pod, type ReplicaSet } from '@timonel/sdk/kube';
import fc from 'fast-check';
import { deletionOrder } from './ranking.ts';
import { isActive, newPod, plan, planStatus, type Observed } from './reconcile.ts';

const timestamp = '2026-01-01T01:00:00Z';
const nowMs = Date.parse(timestamp);

function replicaSet(replicas: number, more: Partial<ReplicaSet['spec']> = {}): ReplicaSet {
  return {
    metadata: { name: 'web', namespace: 'default', uid: 'rs-uid', generation: 3 },
    spec: {
      replicas,
      selector: { matchLabels: { app: 'web' } },
      template: { metadata: { labels: { app: 'web', tier: 'front' } }, spec: { containers: [{ name: 'c' }] } },
      ...more,
    },
  };
}

interface PodInput {
  readonly labels?: Record<string, string>;
  readonly owner?: string | null;
  readonly phase?: string;
  readonly ready?: boolean;
  readonly readySince?: string;
  readonly node?: string;
  readonly created?: string;
  readonly restarts?: number;
  readonly cost?: string;
  readonly deleting?: boolean;
}

function pod(name: string, input: PodInput = {}): Pod {
  const { owner = 'rs-uid' } = input;
  const reference = { ...controllerReference(replicaSet(1), replicaSets), uid: owner ?? '' };
  return {
    metadata: {
      name,
      namespace: 'default',
      uid: `uid-${name}`,
      labels: input.labels ?? { app: 'web', tier: 'front' },
      creationTimestamp: input.created ?? '2026-01-01T00:00:00Z',
      ...(owner === null ? {} : { ownerReferences: [reference] }),
      ...(input.cost === undefined
        ? {}
        : { annotations: { 'controller.kubernetes.io/pod-deletion-cost': input.cost } }),
      ...(input.deleting === true ? { deletionTimestamp: timestamp } : {}),
    },
    spec: { containers: [], ...(input.node === undefined ? {} : { nodeName: input.node }) },
    status: {
      phase: input.phase ?? 'Running',
      conditions: [
        {
          type: 'Ready',
          status: input.ready === false ? 'False' : 'True',
          lastTransitionTime: input.readySince ?? '2026-01-01T00:00:10Z',
        },
      ],
      containerStatuses: [
        { name: 'c', ready: true, restartCount: input.restarts ?? 0, image: '', imageID: '', state: {}, lastState: {} },
      ],
    },
  };
}

function observed(set: ReplicaSet, pods: readonly Pod[]): Observed {
  return { replicaSet: set, pods, nowMs, timestamp };
}

const brief = (set: ReplicaSet, pods: readonly Pod[]): string[] =>
  plan(observed(set, pods)).map((action) =>
    action.do === 'create' ? `create ${action.count}` : `${action.do} ${action.pod.metadata.name}`,
  );

describe('plan', () => {
  it('creates what is missing and deletes what is too much', () => {
    expect(brief(replicaSet(3), [pod('a')])).toEqual(['create 2']);
    expect(brief(replicaSet(1), [pod('a', { ready: false }), pod('b')])).toEqual(['delete a']);
    expect(brief(replicaSet(1), [pod('a')])).toEqual([]);
    expect(brief(replicaSet(0), [])).toEqual([]);
  });

  it('does not count pods that ended or are being deleted', () => {
    const pods = [pod('a', { phase: 'Failed' }), pod('b', { phase: 'Succeeded' }), pod('c', { deleting: true })];
    expect(brief(replicaSet(2), pods)).toEqual(['create 2']);
  });

  it('adopts a matching orphan and releases a pod that matches no more', () => {
    const orphan = pod('orphan', { owner: null });
    const strayed = pod('strayed', { labels: { app: 'other' } });
    const foreign = pod('foreign', { owner: 'another' });
    expect(brief(replicaSet(2), [orphan, strayed, foreign])).toEqual(['release strayed', 'adopt orphan', 'create 1']);
    const ended = pod('ended', { owner: null, phase: 'Succeeded' });
    expect(brief(replicaSet(0), [ended])).toEqual([]);
  });

  it('does nothing for a replica set that is being deleted', () => {
    const set = replicaSet(3);
    set.metadata.deletionTimestamp = timestamp;
    expect(brief(set, [pod('orphan', { owner: null })])).toEqual([]);
  });

  it('bounds one pass', () => {
    expect(brief(replicaSet(2000), [])).toEqual(['create 500']);
  });

  it('makes pods by the template, owned by the set', () => {
    expect(newPod(replicaSet(1))).toEqual({
      metadata: {
        generateName: 'web-',
        namespace: 'default',
        labels: { app: 'web', tier: 'front' },
        ownerReferences: [
          {
            apiVersion: 'apps/v1',
            kind: 'ReplicaSet',
            name: 'web',
            uid: 'rs-uid',
            controller: true,
            blockOwnerDeletion: true,
          },
        ],
      },
      spec: { containers: [{ name: 'c' }] },
    });
  });
});

describe('deletionOrder', () => {
  const first = (a: Pod, b: Pod): string | undefined => deletionOrder([a, b])[0]?.metadata.name;
  const cases: [string, PodInput, PodInput][] = [
    ['unassigned before assigned', {}, { node: 'n', phase: 'Pending' }],
    ['pending before unknown', { node: 'n', phase: 'Pending' }, { node: 'n', phase: 'Unknown' }],
    ['unknown before running', { node: 'n', phase: 'Unknown' }, { node: 'n' }],
    ['not ready before ready', { node: 'n', ready: false }, { node: 'n' }],
    ['not ready before cheap', { node: 'n', ready: false, cost: '100' }, { node: 'n', cost: '-5' }],
    ['lower deletion cost first', { node: 'n', cost: '-1' }, { node: 'n' }],
    ['ready for a shorter time first', { node: 'n', readySince: '2026-01-01T00:30:00Z' }, { node: 'n' }],
    ['more restarts first', { node: 'n', restarts: 3 }, { node: 'n' }],
    ['younger first', { node: 'n', created: '2026-01-01T00:00:05Z' }, { node: 'n' }],
  ];
  it.each(cases)('%s', (_, loser, winner) => {
    expect(first(pod('loser', loser), pod('winner', winner))).toBe('loser');
    expect(first(pod('winner', winner), pod('loser', loser))).toBe('loser');
  });

  it('takes from the node that has more of them', () => {
    const pods = [
      pod('alone', { node: 'm', created: '2026-01-01T00:00:09Z' }),
      pod('a', { node: 'n' }),
      pod('b', { node: 'n' }),
    ];
    expect(deletionOrder(pods).at(-1)?.metadata.name).toBe('alone');
  });

  it('ignores a malformed cost', () => {
    expect(first(pod('a', { node: 'n', cost: '+7' }), pod('b', { node: 'n', cost: '-1' }))).toBe('b');
  });
});

describe('planStatus', () => {
  it('counts, and waits for minReadySeconds', () => {
    const set = replicaSet(3, { minReadySeconds: 60 });
    const pods = [
      pod('old'),
      pod('fresh', { readySince: '2026-01-01T00:59:50Z' }),
      pod('unready', { ready: false }),
      pod('partly', { labels: { app: 'web' } }),
      pod('gone', { deleting: true }),
    ];
    const { status, requeueAfterMs } = planStatus(observed(set, pods), undefined);
    expect(status).toEqual({
      replicas: 4,
      fullyLabeledReplicas: 3,
      readyReplicas: 3,
      availableReplicas: 2,
      observedGeneration: 3,
    });
    expect(requeueAfterMs).toBe(50_000);
  });

  it('sets and removes ReplicaFailure', () => {
    const failure = { reason: 'FailedCreate', message: 'exceeded quota' } as const;
    const { status } = planStatus(observed(replicaSet(1), []), failure);
    expect(status.conditions).toEqual([
      { type: 'ReplicaFailure', status: 'True', ...failure, lastTransitionTime: timestamp },
    ]);
    const again = planStatus(
      { ...observed({ ...replicaSet(1), status }, []), timestamp: '2027-01-01T00:00:00Z' },
      failure,
    );
    expect(again.status).toEqual(status);
    expect(planStatus(observed({ ...replicaSet(1), status }, []), undefined).status.conditions).toBeUndefined();
  });
});

describe('properties', () => {
  const anyPod = fc.record({
    labels: fc.constantFrom({ app: 'web' }, { app: 'other' }),
    owner: fc.constantFrom('rs-uid', 'another', null),
    phase: fc.constantFrom('Pending', 'Running', 'Succeeded', 'Failed', 'Unknown'),
    ready: fc.boolean(),
    deleting: fc.boolean(),
    restarts: fc.nat(3),
  });

  /** A model of the API: applies the actions to the pods. */
  function apply(set: ReplicaSet, pods: readonly Pod[], pass: number): Pod[] {
    let next = [...pods];
    for (const action of plan(observed(set, pods))) {
      if (action.do === 'create') {
        for (let made = 0; made < action.count; made++)
          next.push(pod(`new-${pass}-${made}`, { labels: { app: 'web' }, ready: false, phase: 'Pending' }));
        continue;
      }
      const { name = '' } = action.pod.metadata;
      next = next.filter((other) => other.metadata.name !== name);
      const labels = action.pod.metadata.labels ?? {};
      if (action.do !== 'delete') next.push(pod(name, { labels, owner: action.do === 'adopt' ? 'rs-uid' : null }));
    }
    return next;
  }

  it('reaches the declared number from any state, and a second pass does nothing', () => {
    fc.assert(
      fc.property(fc.nat(12), fc.array(anyPod, { maxLength: 12 }), (replicas, inputs) => {
        const set = replicaSet(replicas);
        const before = inputs.map((input, index) => pod(`p${index}`, input));
        const after = apply(set, before, 1);
        const mine = after.filter((p) => p.metadata.ownerReferences?.[0]?.uid === 'rs-uid' && isActive(p));
        expect(mine.filter((p) => p.metadata.labels?.['app'] === 'web')).toHaveLength(replicas);
        expect(plan(observed(set, after))).toEqual([]);
        const foreign = before.filter((p) => p.metadata.ownerReferences?.[0]?.uid === 'another');
        for (const p of foreign) expect(after).toContain(p);
      }),
    );
  });
});
