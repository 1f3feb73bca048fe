import { describe, expect, it } from '@jest/globals';
import type { Action } from '@timonel/sdk/controller';
import { controllerReference, deployments, type Deployment, type Pod, type ReplicaSet } from '@timonel/sdk/kube';
import { boundsOf } from './bounds.ts';
import { explain } from './explain.ts';
import { reconcile } from './reconcile.ts';
import { makeNewSet } from './revisions.ts';
import { templateHash } from './template-hash.ts';
import { deployment, imageOf, Model, observed, timestamp } from './testing/model.ts';

const plan = (subject: Deployment, sets: readonly ReplicaSet[], pods: readonly Pod[] = []): readonly Action[] =>
  reconcile(observed(subject, sets, pods)).actions;

/** What an action writes. */
function written(action: Action | undefined): ReplicaSet {
  if (action?.do === 'create') return action.object as ReplicaSet;
  if (action?.do === 'update') return action.next as ReplicaSet;
  throw new Error(`${action?.do} writes no replica set`);
}

const brief = (actions: readonly Action[]): string[] =>
  actions.map((action) => {
    if (action.do !== 'update') return action.do;
    const [from, to] = [action.object, action.next].map((set) => (set as ReplicaSet).spec.replicas);
    return `${imageOf(written(action))} ${from}>${to}`;
  });

describe('bounds', () => {
  it.each([
    [10, '25%', '25%', 3, 2],
    [1, '25%', '25%', 1, 0],
    [4, 0, 0, 0, 1],
    [3, '0%', '10%', 0, 1],
    [5, 10, 10, 10, 5],
  ])('%i replicas, surge %s, unavailable %s: %i and %i', (replicas, maxSurge, maxUnavailable, surge, unavailable) => {
    const object = deployment('a', {
      replicas,
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge, maxUnavailable } },
    });
    expect(boundsOf(object)).toEqual({ replicas, maxSurge: surge, maxUnavailable: unavailable });
  });
});

describe('templateHash', () => {
  it('depends on the content alone, and on the collisions', () => {
    const { template } = deployment('a').spec;
    const reordered = { spec: { containers: [{ image: 'a', name: 'main' }] }, metadata: { labels: { app: 'web' } } };
    expect(templateHash(reordered, 0)).toBe(templateHash(template, 0));
    expect(templateHash(template, 1)).not.toBe(templateHash(template, 0));
    expect(templateHash(deployment('b').spec.template, 0)).not.toBe(templateHash(template, 0));
    expect(templateHash(template, 0)).toMatch(/^[bcdfghjklmnpqrstvwxz2456789]{10}$/);
  });
});

/** As the API server would have it: with a uid, an age and a status. */
function setOf(
  image: string,
  replicas: number,
  available: number,
  more: Partial<ReplicaSet['metadata']> = {},
): ReplicaSet {
  const made = makeNewSet(deployment(image), [], replicas);
  const metadata = { ...made.metadata, uid: `uid-${image}`, generation: 1, ...more };
  const status = { replicas, readyReplicas: available, availableReplicas: available, observedGeneration: 1 };
  return {
    ...made,
    metadata: { ...metadata, annotations: { ...made.metadata.annotations, ...more.annotations } },
    status,
  };
}

const born = (minute: number): string => `2026-01-01T00:${String(minute).padStart(2, '0')}:00Z`;
const revision = 'deployment.kubernetes.io/revision';

describe('the new replica set', () => {
  it('is created at full size when it is the first, and gives the deployment its revision', () => {
    const actions = plan(deployment('a'), []);
    expect(brief(actions)).toEqual(['create', 'patch']);
    expect(actions).toMatchObject([
      {
        object: {
          metadata: {
            annotations: {
              [revision]: '1',
              'deployment.kubernetes.io/desired-replicas': '4',
              'deployment.kubernetes.io/max-replicas': '5',
            },
          },
          spec: { replicas: 4 },
        },
        event: { message: expect.stringMatching(/^Scaled up replica set web-\w+ from 0 to 4$/) },
      },
      { patch: { body: { metadata: { annotations: { [revision]: '1' } } } } },
    ]);
  });

  it('gets the annotations of the deployment, but for those that are its own business', () => {
    const subject = deployment('a');
    const annotations = {
      'kubernetes.io/change-cause': 'because',
      'kubectl.kubernetes.io/last-applied-configuration': '{}',
    };
    const annotated = {
      ...subject,
      metadata: { ...subject.metadata, annotations: { ...annotations, [revision]: '7' } },
    };
    const created = written(plan(annotated, [])[0]).metadata.annotations;
    expect(created).toMatchObject({ 'kubernetes.io/change-cause': 'because', [revision]: '1' });
    expect(created).not.toHaveProperty('kubectl.kubernetes.io/last-applied-configuration');
    const changed = {
      ...annotated,
      metadata: { ...annotated.metadata, annotations: { 'kubernetes.io/change-cause': 'new', [revision]: '1' } },
    };
    expect(plan(changed, [setOf('a', 4, 4)])).toMatchObject([
      { do: 'update', next: { metadata: { annotations: { 'kubernetes.io/change-cause': 'new', [revision]: '1' } } } },
    ]);
  });

  it('is there already when the template only writes out what is empty', () => {
    const subject = deployment('a');
    const { metadata, spec } = subject.spec.template;
    const [container] = spec.containers;
    const template = {
      metadata: { ...metadata, annotations: {} },
      spec: {
        ...spec,
        nodeSelector: {},
        volumes: [],
        containers: [{ name: 'main', ...container, env: [], resources: {} }],
      },
    };
    const creates = (next: Deployment): boolean => brief(plan(next, [setOf('a', 4, 4)])).includes('create');
    expect(creates({ ...subject, spec: { ...subject.spec, template } })).toBe(false);
    const affinity = (more: object): Deployment['spec']['template'] => ({
      ...template,
      spec: {
        ...template.spec,
        affinity: { podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [more] } },
      },
    });
    // This one says something: all namespaces.
    const [narrow, wide] = [
      affinity({ topologyKey: 'zone' }),
      affinity({ topologyKey: 'zone', namespaceSelector: {} }),
    ];
    const set = { ...setOf('a', 4, 4), spec: { ...setOf('a', 4, 4).spec, template: narrow } };
    expect(brief(plan({ ...subject, spec: { ...subject.spec, template: wide } }, [set]))).toContain('create');
  });

  it('takes over the revision and remembers its old ones when an old template comes back', () => {
    const model = new Model(deployment('a'));
    model.settle();
    for (const image of ['b', 'a']) {
      model.change({ template: deployment(image).spec.template });
      model.settle();
    }
    expect(model.setOf('a')?.metadata.annotations).toMatchObject({
      [revision]: '3',
      'deployment.kubernetes.io/revision-history': '1',
    });
    expect(model.deployment.metadata.annotations?.[revision]).toBe('3');
    expect(model.sets).toHaveLength(2);
  });

  it('forgets its oldest revisions when it had very many', () => {
    const history = Array.from({ length: 500 }, (_, index) => 1000 + index).join(',');
    const annotations = { [revision]: '1999', 'deployment.kubernetes.io/revision-history': history };
    const old = setOf('b', 4, 4, { annotations: { [revision]: '2000' } });
    const update = plan(deployment('a'), [setOf('a', 0, 0, { annotations }), old]).find(
      (action) => action.do === 'update',
    );
    const next = written(update).metadata.annotations ?? {};
    const kept = next['deployment.kubernetes.io/revision-history'] ?? '';
    expect(kept.length).toBeLessThanOrEqual(2000);
    expect(kept).toMatch(/^1101,.*,1499,1999$/);
    expect(next[revision]).toBe('2001');
  });

  it.each(['Infinity', '1e30', '-4', 'first', ''])('takes the revision "%s" for none', (text) => {
    const old = setOf('b', 4, 4, { annotations: { [revision]: text } });
    expect(written(plan(deployment('a'), [old])[0]).metadata.annotations?.[revision]).toBe('1');
  });

  it('has a name within the limit, however long that of the deployment is', () => {
    for (const name of ['x'.repeat(253), `${'x'.repeat(241)}.${'y'.repeat(11)}`]) {
      const subject = deployment('a');
      const made = makeNewSet({ ...subject, metadata: { ...subject.metadata, name } }, [], 1).metadata.name ?? '';
      expect(made.length).toBeLessThanOrEqual(253);
      expect(made).toMatch(/^x+-[a-z0-9]{10}$/);
    }
  });

  it('follows minReadySeconds', () => {
    expect(plan(deployment('a', { minReadySeconds: 5 }), [setOf('a', 4, 4)])).toMatchObject([
      { do: 'patch' },
      { do: 'update', next: { spec: { minReadySeconds: 5, replicas: 4 } } },
    ]);
  });
});

const withStatus = (set: ReplicaSet, more: Partial<ReplicaSet['status']>): ReplicaSet => ({
  ...set,
  status: { replicas: 0, ...set.status, ...more },
});

describe('a roll-out', () => {
  const done = { [revision]: '2' };
  const subject = (image: string, more: Partial<Deployment['spec']> = {}): Deployment => {
    const made = deployment(image, more);
    return { ...made, metadata: { ...made.metadata, annotations: done } };
  };

  const sizes: [string, ReplicaSet[], string[]][] = [
    ['grows by the surge first', [setOf('a', 4, 4), setOf('b', 0, 0, { annotations: done })], ['b 0>1']],
    [
      'then shrinks the old set by what may be unavailable',
      [setOf('a', 4, 4), setOf('b', 1, 0, { annotations: done })],
      ['a 4>3'],
    ],
    [
      'goes on with each new pod that is available',
      [setOf('a', 3, 3), setOf('b', 1, 1, { annotations: done })],
      ['b 1>2'],
    ],
    ['waits while new pods are not available', [setOf('a', 3, 3), setOf('b', 2, 0, { annotations: done })], []],
    [
      'removes old pods that are not available first',
      [setOf('a', 3, 1), setOf('b', 2, 2, { annotations: done })],
      ['a 3>1'],
    ],
    [
      'removes those of the oldest set first, in mid-roll-out of another',
      [
        setOf('a', 2, 2, { creationTimestamp: born(1) }),
        setOf('c', 2, 1, { creationTimestamp: born(2) }),
        setOf('b', 1, 1, { annotations: done, creationTimestamp: born(3) }),
      ],
      ['c 2>1', 'a 2>1'],
    ],
    [
      'does not grow before old pods are deleted',
      [withStatus(setOf('a', 3, 2), { replicas: 4 }), setOf('b', 1, 1, { annotations: done })],
      ['a 3>2'],
    ],
    [
      'waits until the size of an old set is observed',
      [setOf('a', 3, 3, { generation: 2 }), setOf('b', 1, 1, { annotations: done })],
      [],
    ],
    [
      'does not trust a status of the new set that is older than its size',
      [setOf('a', 4, 4), setOf('b', 1, 1, { annotations: done, generation: 2 })],
      ['a 4>3'],
    ],
    ['is over when all is new', [setOf('a', 0, 0), setOf('b', 4, 4, { annotations: done })], []],
  ];
  it.each(sizes)('%s', (_, sets, expected) => {
    expect(brief(plan(subject('b'), sets)).toSorted()).toEqual(expected.toSorted());
  });

  it('does nothing about the template while paused', () => {
    expect(plan(subject('c', { paused: true }), [setOf('b', 4, 4, { annotations: done })])).toEqual([]);
  });

  it('keeps as many old replica sets as the history may have, the newest', () => {
    const sets = ['a', 'b', 'c'].map((image, index) =>
      setOf(image, 0, 0, { annotations: { [revision]: `${index + 1}` } }),
    );
    const now = setOf('d', 4, 4, { annotations: { [revision]: '4' } });
    const current = { ...subject('d', { revisionHistoryLimit: 1 }) };
    current.metadata = { ...current.metadata, annotations: { [revision]: '4' } };
    const status = { replicas: 4, updatedReplicas: 4, availableReplicas: 4 };
    const deleted = plan({ ...current, status }, [...sets, now]).map(
      (action) => 'object' in action && imageOf(action.object as ReplicaSet),
    );
    expect(deleted).toEqual(['a', 'b']);
    const [changing] = sets.map((set) => ({ ...set, metadata: { ...set.metadata, generation: 2 } }));
    expect(plan({ ...current, status }, [changing as ReplicaSet, ...sets.slice(1), now])).toHaveLength(1);
  });

  it('with Recreate waits until the old pods are gone, terminating ones included', () => {
    const recreate = deployment('b', { strategy: { type: 'Recreate' } });
    const scaled = setOf('a', 0, 0, { uid: 'old' });
    const pod = {
      metadata: {
        name: 'p',
        deletionTimestamp: timestamp,
        ownerReferences: [{ ...controllerReference(recreate, deployments), uid: 'old' }],
      },
      spec: { containers: [] },
    };
    expect(brief(plan(recreate, [setOf('a', 4, 4, { uid: 'old' })], [pod]))).toEqual(['a 4>0']);
    expect(plan(recreate, [scaled], [pod])).toEqual([]);
    // What the cache of pods does not show yet, the replica set tells.
    expect(plan(recreate, [setOf('a', 0, 0, { generation: 2 })])).toEqual([]);
    expect(plan(recreate, [withStatus(scaled, { replicas: 1 })])).toEqual([]);
    expect(plan(recreate, [withStatus(scaled, { terminatingReplicas: 1 })])).toEqual([]);
    expect(brief(plan(recreate, [scaled], [{ ...pod, status: { phase: 'Failed' } }]))).toEqual(['create', 'patch']);
    expect(brief(plan(recreate, [scaled]))).toEqual(['create', 'patch']);
  });
});

describe('scaling', () => {
  const sized = (image: string, replicas: number, desired: number, max: number): ReplicaSet =>
    setOf(image, replicas, replicas, {
      annotations: {
        [revision]: '1',
        'deployment.kubernetes.io/desired-replicas': String(desired),
        'deployment.kubernetes.io/max-replicas': String(max),
      },
    });
  const rolling = (replicas: number, maxSurge: number): Deployment => {
    const made = deployment('b', {
      replicas,
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge, maxUnavailable: 2 } },
    });
    return { ...made, metadata: { ...made.metadata, annotations: { [revision]: '2' } } };
  };
  const inRollOut = (replicas: number, old: [number, number], fresh: number): string[] => {
    const before = sized('b', fresh, 10, 13);
    const newSet = {
      ...before,
      metadata: { ...before.metadata, annotations: { ...before.metadata.annotations, [revision]: '2' } },
    };
    const sets = [sized('a', old[0], 10, 13), sized('c', old[1], 10, 13), newSet];
    return brief(plan(rolling(replicas, 3), sets)).toSorted();
  };

  it('shares a change among the sets of a roll-out in proportion', () => {
    expect(inRollOut(30, [8, 0], 5)).toEqual(['a 8>20', 'b 5>13']);
    expect(inRollOut(5, [8, 0], 5)).toEqual(['a 8>5', 'b 5>3']);
    expect(inRollOut(15, [5, 5], 3)).toEqual(['a 5>7', 'b 3>4', 'c 5>7']);
    expect(inRollOut(0, [8, 0], 5)).toEqual(['a 8>0', 'b 5>0']);
  });

  it('gives no set more replicas than are declared, however large the surge is', () => {
    const sets = [sized('a', 10, 10, 10), sized('b', 10, 10, 10)];
    expect(brief(plan(rolling(12, 2_147_483_647), sets)).filter((text) => text !== 'patch')).toEqual([
      'b 10>12',
      'a 10>10',
    ]);
  });

  it('changes the one active set', () => {
    expect(brief(plan(rolling(6, 3), [sized('a', 0, 10, 13), sized('b', 10, 10, 13)]))).toContain('b 10>6');
  });
});

describe('claims', () => {
  it('adopts a matching replica set, releases one that strayed, and goes on in the next pass', () => {
    const orphan = setOf('a', 4, 4, { uid: 'o', name: 'orphan' });
    delete orphan.metadata.ownerReferences;
    const strayed = setOf('a', 4, 4, { uid: 's', name: 'strayed', labels: {} });
    expect(plan(deployment('a'), [orphan, strayed]).map(({ do: verb, cause }) => [verb, cause.code])).toEqual([
      ['update', 'SelectorDoesNotMatch'],
      ['update', 'SelectorMatches'],
    ]);
  });

  it('does nothing for a deployment that is being deleted', () => {
    const object = deployment('a');
    object.metadata.deletionTimestamp = timestamp;
    expect(plan(object, [])).toEqual([]);
  });
});

describe('explain', () => {
  const causes = (model: Model): { code: string; text: string }[] => [
    ...explain(observed(model.deployment, model.sets, model.pods)),
  ];

  it('is silent when all is as declared, and tells of a roll-out what it waits for', () => {
    const model = new Model(deployment('a'));
    model.settle();
    expect(causes(model)).toEqual([]);
    model.change({ template: deployment('b').spec.template });
    for (let turn = 0; turn < 6; turn++) {
      model.pass();
      model.replicate(0);
      model.replicate(1);
    }
    expect(causes(model)).toMatchObject([
      { code: 'Unscheduled', text: expect.stringMatching(/^2 pods: web-.*has no node yet$/) },
      {
        code: 'RollingUpdate',
        text: expect.stringContaining('2 of 4 pods are of the present template, 3 pods are available'),
      },
    ]);
    model.pass({ nowMs: Date.parse(timestamp) + 600_000, timestamp: '2026-01-01T00:10:00Z' });
    expect(causes(model)[1]).toMatchObject({
      code: 'ProgressDeadlineExceeded',
      unblock: expect.stringContaining('rollout undo'),
    });
  });

  it('tells that it is paused, or that Recreate waits', () => {
    const model = new Model(deployment('a', { strategy: { type: 'Recreate' } }));
    model.settle();
    model.change({ template: deployment('b').spec.template, paused: true });
    model.pass();
    expect(causes(model)).toMatchObject([{ code: 'Paused', unblock: 'kubectl rollout resume deployment/web' }]);
    model.change({ paused: false });
    model.pass();
    model.replicate(0);
    expect(causes(model).at(-1)).toMatchObject({
      code: 'Recreate',
      text: expect.stringContaining('4 pods of earlier templates'),
    });
  });
});
