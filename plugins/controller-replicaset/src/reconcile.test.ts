import { describe, expect, it } from '@jest/globals';
import { isPodActive, type Action, type Outcome } from '@timonel/sdk/controller';
import { controllerOf, controllerReference, replicaSets, type Pod, type ReplicaSet } from '@timonel/sdk/kube';
import fc from 'fast-check';
import { explain, observe, reconcile, status as statusOf, type Observed } from './reconcile.ts';

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

const now = { nowMs, timestamp };
const none: Outcome = { answers: new Map(), existing: [] };

function observed(set: ReplicaSet, all: readonly Pod[]): Observed {
  return observe(set, now, {
    own: all.filter((one) => controllerOf(one)?.uid === 'rs-uid'),
    orphans: all.filter((one) => controllerOf(one) === undefined),
    related: () => all,
  });
}

const plan = (set: ReplicaSet, all: readonly Pod[]): readonly Action[] => reconcile(observed(set, all)).actions;

/** Runs of the same are counted. */
function brief(set: ReplicaSet, all: readonly Pod[]): string[] {
  const actions = plan(set, all);
  const creations = actions.filter((action) => action.do === 'create').length;
  const others = actions.flatMap((action) => {
    if (!('object' in action) || action.do === 'create') return [];
    return `${action.do === 'update' ? action.cause.code : action.do} ${action.object.metadata.name}`;
  });
  return creations === 0 ? others : [...others, `create ${creations}`];
}

function refused(set: ReplicaSet, all: readonly Pod[], what: 'create' | 'delete', message: string): Outcome {
  const action = plan(set, all).find((one) => one.do === what);
  if (action === undefined) throw new Error(`there is no ${what}`);
  return { ...none, failure: { action, error: new Error(message), message } };
}

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
    expect(brief(replicaSet(2), [orphan, strayed, foreign])).toEqual([
      'SelectorDoesNotMatch strayed',
      'SelectorMatches orphan',
      'create 1',
    ]);
    const ended = pod('ended', { owner: null, phase: 'Succeeded' });
    const endedAndStrayed = pod('e', { labels: { app: 'other' }, phase: 'Failed' });
    expect(brief(replicaSet(0), [ended, endedAndStrayed])).toEqual([]);
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
    const [creation] = plan(replicaSet(1), []);
    expect(creation).toMatchObject({ do: 'create', cause: { code: 'TooFewReplicas', text: '0 of 1 replicas exist' } });
    expect(creation).toHaveProperty('object', {
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

describe('status', () => {
  it('counts, and waits for minReadySeconds', () => {
    const set = replicaSet(3, { minReadySeconds: 60 });
    const pods = [
      pod('old'),
      pod('fresh', { readySince: '2026-01-01T00:59:50Z' }),
      pod('unready', { ready: false }),
      pod('partly', { labels: { app: 'web' } }),
      pod('gone', { deleting: true }),
      pod('gone and ended', { deleting: true, phase: 'Failed' }),
    ];
    const { status, requeueAfterMs } = statusOf(observed(set, pods), none);
    expect(status).toEqual({
      replicas: 4,
      fullyLabeledReplicas: 3,
      readyReplicas: 3,
      availableReplicas: 2,
      terminatingReplicas: 1,
      observedGeneration: 3,
    });
    expect(requeueAfterMs).toBe(50_000);
  });

  it('counts what the pass has created and adopted, and not what it has released', () => {
    const set = replicaSet(3);
    const all = [pod('a'), pod('orphan', { owner: null }), pod('strayed', { labels: { app: 'other' } })];
    const answers = new Map(
      plan(set, all).map((action): [Action, Pod] => {
        if (action.do !== 'create' && action.do !== 'update') throw new Error(`unexpected: ${action.do}`);
        return [action, (action.do === 'create' ? action.object : action.next) as Pod];
      }),
    );
    expect(statusOf(observed(set, all), { ...none, answers }).status).toMatchObject({
      replicas: 3,
      fullyLabeledReplicas: 3,
      readyReplicas: 2,
    });
  });

  it.each(['create', 'delete'] as const)('sets and removes ReplicaFailure when it may not %s', (what) => {
    const [set, all] = what === 'create' ? [replicaSet(1), []] : [replicaSet(0), [pod('a')]];
    const reason = what === 'create' ? 'FailedCreate' : 'FailedDelete';
    const { status } = statusOf(observed(set, all), refused(set, all, what, 'exceeded quota'));
    expect(status.conditions).toEqual([
      { type: 'ReplicaFailure', status: 'True', reason, message: 'exceeded quota', lastTransitionTime: timestamp },
    ]);
    const failing = { ...set, status };
    const later = { ...observed(failing, all), timestamp: '2027-01-01T00:00:00Z' };
    expect(statusOf(later, refused(failing, all, what, 'pods "web-x" exceed the quota')).status).toEqual(status);
    expect(statusOf(observed(failing, all), none).status.conditions).toBeUndefined();
  });

  it('keeps ReplicaFailure while a claim is refused: nothing is known of creations then', () => {
    const failing = {
      ...replicaSet(2),
      status: statusOf(observed(replicaSet(2), []), refused(replicaSet(2), [], 'create', 'quota')).status,
    };
    const all = [pod('strayed', { labels: { app: 'other' } })];
    const [action] = plan(failing, all);
    if (action?.do !== 'update') throw new Error('expected the release');
    const failure = { action, error: new Error('conflict'), message: 'conflict' };
    expect(statusOf(observed(failing, all), { ...none, failure }).status.conditions).toEqual(failing.status.conditions);
  });

  it('makes no pods that it would not select, and says what to do', () => {
    const set = replicaSet(3, { selector: { matchLabels: { app: 'other' } } });
    expect(plan(set, [])).toEqual([]);
    expect(statusOf(observed(set, []), none).status.conditions).toMatchObject([
      {
        type: 'ReplicaFailure',
        status: 'True',
        reason: 'SelectorDoesNotMatch',
        message: expect.stringContaining('match'),
      },
    ]);
  });
});

describe('explain', () => {
  const codes = (set: ReplicaSet, all: readonly Pod[]): [string, string][] =>
    explain(observed(set, all)).map(({ code, text }) => [code, text]);

  it('is silent when all is as declared', () => {
    expect(codes(replicaSet(1), [pod('a')])).toEqual([]);
  });

  it('tells of a quota, of pods that wait, of minReadySeconds', () => {
    const set = replicaSet(4, { minReadySeconds: 30 });
    const all = [
      pod('a', { ready: false }),
      pod('b', { ready: false }),
      pod('c', { readySince: '2026-01-01T00:59:50Z' }),
    ];
    const { status } = statusOf(observed(set, all), refused(set, all, 'create', 'exceeded quota: pods'));
    expect(codes({ ...set, status }, all)).toEqual([
      ['FailedCreate', '3 of 4 replicas exist: exceeded quota: pods'],
      ['Unscheduled', '2 pods: a, b: has no node yet'],
      ['MinReadySeconds', expect.stringContaining('in 20 s')],
    ]);
    expect(codes(replicaSet(0), [pod('a')])).toEqual([['TooManyReplicas', '1 of 0 replicas exist']]);
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
  function apply(set: ReplicaSet, before: readonly Pod[], pass: number): Pod[] {
    let next = [...before];
    plan(set, before).forEach((action, index) => {
      if (action.do === 'create') {
        next.push(pod(`new-${pass}-${index}`, { labels: { app: 'web' }, ready: false, phase: 'Pending' }));
        return;
      }
      if (action.do !== 'update' && action.do !== 'delete') throw new Error(`unexpected: ${action.do}`);
      next = next.filter(({ metadata }) => metadata.uid !== action.object.metadata.uid);
      if (action.do === 'update') next.push(action.next as Pod);
    });
    return next;
  }

  it('reaches the declared number from any state, and a second pass does nothing', () => {
    fc.assert(
      fc.property(fc.nat(12), fc.array(anyPod, { maxLength: 12, size: 'max' }), (replicas, inputs) => {
        const set = replicaSet(replicas);
        const before = inputs.map((input, index) => pod(`p${index}`, input));
        const after = apply(set, before, 1);
        const mine = after.filter((one) => controllerOf(one)?.uid === 'rs-uid' && isPodActive(one));
        expect(mine).toHaveLength(replicas);
        for (const { metadata } of mine) expect(metadata.labels).toEqual({ app: 'web' });
        expect(plan(set, after)).toEqual([]);
        const foreign = before.filter((one) => controllerOf(one)?.uid === 'another');
        for (const one of foreign) expect(after).toContain(one);
      }),
    );
  });
});
