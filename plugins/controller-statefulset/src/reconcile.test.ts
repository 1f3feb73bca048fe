import { describe, expect, it } from '@jest/globals';
import { controllerReference, pods, statefulSets, type Pod, type StatefulSet } from '@timonel/sdk/kube';
import fc from 'fast-check';
import { hasEnded, isAvailable, isOrdered, isTerminating } from './assess.ts';
import { revisionOfPod } from './identity.ts';
import { reconcile } from './reconcile.ts';
import { maxUnavailable } from './roll-out.ts';
import { planStatus } from './status.ts';
import { brief, Model, startMs, webSet, withData } from './testing/model.ts';

/** Passes and a kubelet that makes every pod ready and ends every deleted one, until nothing is left to do. */
function settle(model: Model): string[] {
  const done: string[] = [];
  for (let round = 0; round < 200; round += 1) {
    const before = JSON.stringify(model.set.status);
    const actions = model.pass();
    done.push(...brief(actions));
    let moved = 0;
    for (const [name, pod] of model.pods) {
      if (isTerminating(pod)) {
        model.gone(name);
        moved += 1;
      } else if (pod.status?.phase === 'Pending') {
        model.ready(name);
        moved += 1;
      }
    }
    if (actions.length === 0 && moved === 0 && JSON.stringify(model.set.status) === before) return done;
  }
  throw new Error('it never comes to rest');
}

const podActions = (actions: readonly string[]): string[] => actions.filter((text) => text.includes(' web-'));
const images = (model: Model): (string | undefined)[] =>
  [...model.pods.values()]
    .toSorted((a, b) => ((a.metadata.name ?? '') < (b.metadata.name ?? '') ? -1 : 1))
    .map((pod) => pod.spec.containers[0]?.image);

function settled(set: StatefulSet): Model {
  const model = new Model(set);
  settle(model);
  return model;
}

function rollTo(model: Model, image: string): void {
  const { template } = webSet(1, {}, image).spec;
  model.set = { ...model.set, spec: { ...model.set.spec, template } };
}

const scale = (model: Model, replicas: number): void => {
  model.set = { ...model.set, spec: { ...model.set.spec, replicas } };
};

describe('pods of a stateful set', () => {
  it('have name, host name, labels, claims of their place', () => {
    const model = new Model(webSet(1, { ...withData, ordinals: { start: 5 } }));
    const [revision, claim, pod] = model.pass();
    expect(brief([revision, claim, pod] as never)).toEqual([
      expect.stringMatching(/^create web-\w{10} \(NewTemplate\)$/),
      'create data-web-5 (ClaimMissing)',
      'create web-5 (PodMissing)',
    ]);
    const hash = [...model.revisions.keys()][0];
    expect(model.pods.get('web-5')).toMatchObject({
      metadata: {
        labels: {
          app: 'web',
          'statefulset.kubernetes.io/pod-name': 'web-5',
          'apps.kubernetes.io/pod-index': '5',
          'controller-revision-hash': hash,
        },
        ownerReferences: [controllerReference(model.set, statefulSets)],
      },
      spec: {
        hostname: 'web-5',
        subdomain: 'web',
        volumes: [{ name: 'data', persistentVolumeClaim: { claimName: 'data-web-5' } }],
      },
    });
    expect(model.claims.get('data-web-5')?.metadata).toMatchObject({ labels: { app: 'web' }, namespace: 'default' });
    expect(model.claims.get('data-web-5')?.metadata.ownerReferences).toBeUndefined();
  });

  it('come one after the other, each when the one before is available', () => {
    const model = new Model(webSet(3, { minReadySeconds: 10 }));
    expect(podActions(brief(model.pass())).slice(1)).toEqual(['create web-0 (PodMissing)']);
    expect(model.pass()).toEqual([]);
    model.ready('web-0');
    expect(model.pass()).toEqual([]);
    expect(planStatus(model.observe())).toMatchObject({
      status: { readyReplicas: 1, availableReplicas: 0 },
      requeueAfterMs: 10_000,
    });
    model.nowMs += 10_000;
    expect(brief(model.pass())).toEqual(['create web-1 (PodMissing)']);
  });

  it('all come at once in Parallel; a claim that is going holds back its own pod only', () => {
    const model = new Model(webSet(3, { podManagementPolicy: 'Parallel', ...withData }));
    const claim = { metadata: { name: 'data-web-1', uid: 'old', deletionTimestamp: '2026-01-01T00:00:00Z' } };
    model.claims.set('data-web-1', claim);
    model.claims.set('data-web-2', { metadata: { name: 'data-web-2', uid: 'kept' } });
    expect(brief(model.pass()).slice(1)).toEqual([
      'create web-2 (PodMissing)',
      'create data-web-0 (ClaimMissing)',
      'create web-0 (PodMissing)',
    ]);
    model.claims.delete('data-web-1');
    expect(brief(model.pass())).toEqual(['create data-web-1 (ClaimMissing)', 'create web-1 (PodMissing)']);
  });

  it('in Parallel make room before they take it: what is refused ends a pass', () => {
    const model = settled(webSet(2, { podManagementPolicy: 'Parallel' }));
    model.set = { ...model.set, spec: { ...model.set.spec, ordinals: { start: 1 } } };
    model.phase('web-1', 'Failed');
    expect(brief(model.pass())).toEqual([
      'delete web-1 (PodFailed)',
      'delete web-0 (TooManyReplicas)',
      'create web-2 (PodMissing)',
    ]);
  });

  it('of a name never run twice: one that is being deleted is waited for, a stranger keeps its name', () => {
    const model = settled(webSet(1));
    const pod = model.pods.get('web-0') as Pod;
    model.pods.set('web-0', {
      ...pod,
      metadata: { ...pod.metadata, deletionTimestamp: '2026-01-01T00:00:00Z' },
    });
    expect(model.pass()).toEqual([]);
    const other = { ...controllerReference(model.set, statefulSets), uid: 'another', name: 'other' };
    model.pods.set('web-0', {
      ...pod,
      metadata: { name: 'web-0', uid: 'x', labels: { app: 'web' }, ownerReferences: [other] },
    });
    expect(model.pass()).toEqual([]);
    const [told] = reconcile(model.observe()).actions;
    expect(told).toMatchObject({ do: 'event', event: { reason: 'FailedCreate' }, cause: { code: 'NameTaken' } });
  });

  it('that match and have a name of the set are adopted; those that match no more are released', () => {
    const model = settled(webSet(2));
    const strayed = model.pods.get('web-1') as Pod;
    model.pods.set('web-1', { ...strayed, metadata: { ...strayed.metadata, labels: { app: 'other' } } });
    const { ownerReferences: _, ...orphaned } = (model.pods.get('web-0') as Pod).metadata;
    model.pods.set('web-0', { ...(model.pods.get('web-0') as Pod), metadata: orphaned });
    const named = { ...orphaned, name: 'other-0', uid: 'other' };
    model.pods.set('other-0', { ...strayed, metadata: named });
    expect(brief(model.pass())).toEqual(['update web-1 (SelectorDoesNotMatch)', 'update web-0 (SelectorMatches)']);
    expect(model.pods.get('web-0')?.metadata.ownerReferences).toEqual([controllerReference(model.set, statefulSets)]);
    expect(model.pass()).toEqual([]);
  });

  it('that failed are replaced when it is time', () => {
    const model = settled(webSet(2));
    model.phase('web-0', 'Failed');
    const uid = model.pods.get('web-0')?.metadata.uid ?? '';
    model.failedDueMs.set(uid, startMs + 2000);
    expect(reconcile(model.observe())).toEqual({ actions: [], requeueAfterMs: 2000 });
    model.nowMs += 2000;
    expect(brief(reconcile(model.observe()).actions)).toEqual([
      'event RecreatingFailedPod (PodFailed)',
      'delete web-0 (PodFailed)',
    ]);
    settle(model);
    expect(model.pods.get('web-0')?.metadata.uid).not.toBe(uid);
  });

  it('get the labels of their place back', () => {
    const model = settled(webSet(1));
    const pod = model.pods.get('web-0') as Pod;
    const { 'apps.kubernetes.io/pod-index': _, ...labels } = pod.metadata.labels ?? {};
    model.pods.set('web-0', { ...pod, metadata: { ...pod.metadata, labels } });
    expect(brief(model.pass())).toEqual(['update web-0 (IdentityLost)']);
    expect(model.pass()).toEqual([]);
  });
});

it('a number of replicas beyond all measure is reached step by step', () => {
  const model = new Model(webSet(2_000_000_000, { podManagementPolicy: 'Parallel', ...withData }));
  expect(model.pass()).toHaveLength(1001);
  model.pods.delete('web-7');
  model.ready('web-499');
  expect(model.pass()).toHaveLength(1 + 2 * 499);
  expect(model.pods.has('web-7')).toBe(true);
});

it('ordinals may be as large as the first one may', () => {
  const model = settled(webSet(2, { ordinals: { start: 2_147_483_647 } }));
  expect([...model.pods.keys()]).toEqual(['web-2147483647', 'web-2147483648']);
  expect([...model.pods.values()].every((pod) => pod.metadata.ownerReferences?.length === 1)).toBe(true);
});

describe('fewer replicas', () => {
  it('go from the highest ordinal down, one at a time', () => {
    const model = settled(webSet(3));
    scale(model, 1);
    expect(settle(model)).toEqual(['delete web-2 (TooManyReplicas)', 'delete web-1 (TooManyReplicas)']);
  });

  it('wait for an unhealthy pod, unless it is the lowest of those that go', () => {
    const model = settled(webSet(3));
    scale(model, 0);
    model.phase('web-0', 'Running');
    model.phase('web-2', 'Running');
    expect(model.pass()).toEqual([]);
    model.ready('web-2');
    expect(brief(model.pass())).toEqual(['delete web-2 (TooManyReplicas)']);
    settle(model);
    expect(model.pods.size).toBe(0);
  });

  it('do not wait for pods that have ended, which never become healthy', () => {
    const model = settled(webSet(3));
    scale(model, 0);
    model.phase('web-0', 'Succeeded');
    model.phase('web-1', 'Running');
    model.phase('web-2', 'Failed');
    expect(settle(model)).toEqual([
      'delete web-2 (TooManyReplicas)',
      'delete web-1 (TooManyReplicas)',
      'delete web-0 (TooManyReplicas)',
    ]);
  });

  it('a higher first ordinal drops the lower pods', () => {
    const model = settled(webSet(2));
    model.set = { ...model.set, spec: { ...model.set.spec, ordinals: { start: 1 } } };
    expect(settle(model)).toEqual(['create web-2 (PodMissing)', 'delete web-0 (TooManyReplicas)']);
  });
});

describe('claims', () => {
  const retention = (whenDeleted: string, whenScaled: string) => ({
    ...withData,
    persistentVolumeClaimRetentionPolicy: { whenDeleted, whenScaled },
  });
  const owner = (model: Model, name: string): string | undefined =>
    model.claims.get(name)?.metadata.ownerReferences?.[0]?.kind;

  it('stay when pods go, by default', () => {
    const model = settled(webSet(2, withData));
    scale(model, 0);
    settle(model);
    expect([...model.claims.values()].map(({ metadata }) => [metadata.name, metadata.ownerReferences])).toEqual([
      ['data-web-0', undefined],
      ['data-web-1', undefined],
    ]);
  });

  it('whenDeleted: the set owns them; back to Retain: nobody does', () => {
    const model = settled(webSet(1, retention('Delete', 'Retain')));
    expect(owner(model, 'data-web-0')).toBe('StatefulSet');
    model.set = { ...model.set, spec: { ...model.set.spec, ...retention('Retain', 'Retain') } };
    expect(settle(model)).toEqual(['update data-web-0 (RetentionPolicy)']);
    expect(owner(model, 'data-web-0')).toBeUndefined();
  });

  it('whenScaled: the pod owns them before it goes, and no new pod takes them', () => {
    const model = settled(webSet(2, retention('Delete', 'Delete')));
    expect(owner(model, 'data-web-1')).toBe('StatefulSet');
    scale(model, 1);
    expect(brief(model.pass())).toEqual(['update data-web-1 (RetentionPolicy)', 'delete web-1 (TooManyReplicas)']);
    expect(owner(model, 'data-web-1')).toBe('Pod');
    model.gone('web-1');
    scale(model, 2);
    expect(model.pass()).toEqual([]);
    model.claims.delete('data-web-1');
    expect(brief(model.pass())).toEqual(['create data-web-1 (ClaimMissing)', 'create web-1 (PodMissing)']);
  });

  it('another controller has are left alone', () => {
    const model = settled(webSet(1, withData));
    const other = { ...controllerReference(model.set, statefulSets), uid: 'x', name: 'other' };
    const claim = model.claims.get('data-web-0');
    model.claims.set('data-web-0', { ...claim, metadata: { ...claim?.metadata, ownerReferences: [other] } });
    model.set = { ...model.set, spec: { ...model.set.spec, ...retention('Delete', 'Delete') } };
    expect(settle(model)).toEqual([]);
  });
});

describe('a roll-out', () => {
  it('goes from the highest ordinal down, and the status tells when it is over', () => {
    const model = settled(webSet(3));
    const before = model.set.status?.currentRevision;
    rollTo(model, 'web:2');
    model.pass();
    expect(model.set.status).toMatchObject({ currentRevision: before, updatedReplicas: 0, currentReplicas: 3 });
    expect(podActions(settle(model)).filter((text) => text.startsWith('create'))).toEqual([
      'create web-2 (PodMissing)',
      'create web-1 (PodMissing)',
      'create web-0 (PodMissing)',
    ]);
    expect(images(model)).toEqual(['web:2', 'web:2', 'web:2']);
    expect(model.set.status?.currentRevision).toBe(model.set.status?.updateRevision);
    expect(model.set.status?.currentRevision).not.toBe(before);
  });

  it('of maxUnavailable takes several at once', () => {
    const rollingUpdate = { partition: 1, maxUnavailable: '50%' };
    const updateStrategy = { type: 'RollingUpdate', rollingUpdate };
    const model = settled(webSet(5, { podManagementPolicy: 'Parallel', updateStrategy }));
    expect(maxUnavailable(model.set)).toBe(2);
    rollTo(model, 'web:2');
    expect(brief(model.pass()).slice(1)).toEqual([
      'delete web-4 (RevisionOutdated)',
      'delete web-3 (RevisionOutdated)',
    ]);
    settle(model);
    expect(images(model)).toEqual(['web:1', 'web:2', 'web:2', 'web:2', 'web:2']);
  });

  it('leaves pods below its partition at their revision, also when they are made anew', () => {
    const updateStrategy = { type: 'RollingUpdate', rollingUpdate: { partition: 2 } };
    const model = settled(webSet(3, { updateStrategy }));
    rollTo(model, 'web:2');
    settle(model);
    for (const name of ['web-0', 'web-2']) model.pods.delete(name);
    settle(model);
    expect(images(model)).toEqual(['web:1', 'web:1', 'web:2']);
    expect(model.set.status).toMatchObject({ currentReplicas: 2, updatedReplicas: 1 });
  });

  it('that is stuck is rolled back, and a better one replaces it', () => {
    for (const image of ['web:1', 'web:3']) {
      const model = settled(webSet(3));
      rollTo(model, 'web:2');
      model.pass();
      model.gone('web-2');
      model.pass();
      model.phase('web-2', 'Running');
      expect(model.pass()).toEqual([]);
      rollTo(model, image);
      expect(brief(model.pass())).toContain('delete web-2 (RevisionAbandoned)');
      settle(model);
      expect(images(model)).toEqual([image, image, image]);
    }
  });

  it('is not begun anew when the template comes back: revisions are numbered on', () => {
    const model = settled(webSet(1));
    const [first] = model.revisions.keys();
    rollTo(model, 'web:2');
    settle(model);
    rollTo(model, 'web:1');
    settle(model);
    expect(model.revisions.get(first ?? '')?.revision).toBe(3);
    expect(model.revisions.size).toBe(2);
  });

  it('keeps no more old revisions than its limit, but those that pods have', () => {
    const model = settled(webSet(1, { revisionHistoryLimit: 1 }));
    for (const image of ['web:2', 'web:3', 'web:4']) {
      rollTo(model, image);
      settle(model);
    }
    expect([...model.revisions.values()].map(({ revision }) => revision)).toEqual([3, 4]);
  });

  it('goes on with the newest template when the revision of pods below the partition is gone, or makes no sense', () => {
    for (const data of [undefined, {}, { spec: { template: { spec: null } } }, { spec: { template: { spec: {} } } }]) {
      const model = settled(webSet(2, { updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 2 } } }));
      rollTo(model, 'web:2');
      settle(model);
      const name = model.set.status?.currentRevision ?? '';
      const revision = model.revisions.get(name);
      if (revision === undefined) throw new Error('there is no current revision');
      if (data === undefined) model.revisions.delete(name);
      else model.revisions.set(name, { ...revision, data });
      model.pods.delete('web-0');
      settle(model);
      expect(images(model)).toEqual(['web:2', 'web:1']);
    }
  });

  it('takes another name when the name of its revision is taken', () => {
    const model = new Model(webSet(1));
    const [{ object }] = reconcile(model.observe()).actions as never as [{ object: { metadata: { name: string } } }];
    const taken = { metadata: { name: object.metadata.name, uid: 'other' }, revision: 1, data: {} };
    model.revisions.set(object.metadata.name, taken);
    expect(model.pass()).toEqual([]);
    expect(model.set.status?.collisionCount).toBe(1);
    settle(model);
    expect(model.pods.size).toBe(1);
  });
});

describe('any history', () => {
  const change = fc.oneof(
    fc.record({ to: fc.constant('scale'), value: fc.nat(5) }),
    fc.record({ to: fc.constant('image'), value: fc.nat(3) }),
    fc.record({ to: fc.constant('partition'), value: fc.nat(4) }),
    fc.record({ to: fc.constant('start'), value: fc.nat(2) }),
    fc.record({
      to: fc.constantFrom('ready', 'unready', 'fail', 'succeed', 'delete', 'gone', 'strip'),
      value: fc.nat(7),
    }),
    fc.record({ to: fc.constantFrom('pass', 'well'), value: fc.constant(0) }),
  );
  const allWell = (model: Model): void => {
    for (const [name, pod] of model.pods) {
      if (isTerminating(pod)) model.gone(name);
      else if (!hasEnded(pod)) model.ready(name);
    }
  };
  type Change = { readonly to: string; readonly value: number };

  function happen(model: Model, { to, value }: Change): void {
    const { spec } = model.set;
    const name = `web-${value}`;
    const pod = model.pods.get(name);
    if (to === 'scale') scale(model, value);
    if (to === 'image') rollTo(model, `web:${value}`);
    if (to === 'start') model.set = { ...model.set, spec: { ...spec, ordinals: { start: value } } };
    if (to === 'partition') {
      const rollingUpdate = { ...spec.updateStrategy?.rollingUpdate, partition: value };
      model.set = { ...model.set, spec: { ...spec, updateStrategy: { type: 'RollingUpdate', rollingUpdate } } };
    }
    if (to === 'ready') model.ready(name);
    if (to === 'unready') model.phase(name, 'Running');
    if (to === 'fail' || to === 'succeed') model.phase(name, to === 'fail' ? 'Failed' : 'Succeeded');
    if (to === 'gone') model.gone(name);
    if (to === 'well') allWell(model);
    if (to === 'delete' && pod !== undefined)
      model.pods.set(name, { ...pod, metadata: { ...pod.metadata, deletionTimestamp: '2026-01-01T00:00:00Z' } });
    if (to === 'strip' && pod !== undefined) {
      const labels = { app: 'web', 'controller-revision-hash': revisionOfPod(pod) ?? '' };
      model.pods.set(name, { ...pod, metadata: { ...pod.metadata, labels } });
    }
  }

  /** What must hold at every pass, whatever is going on. */
  function checkedPass(model: Model): void {
    const { set, nowMs } = model;
    const before = new Map(model.pods);
    const available = [...before.values()].filter((pod) => isAvailable(set, pod, nowMs)).length;
    const actions = model.pass();
    const podsDeleted = actions.flatMap((action) => {
      const pod = action.do === 'delete' ? before.get(action.object.metadata.name ?? '') : undefined;
      return pod === undefined ? [] : [{ pod, code: action.cause.code }];
    });
    const outdated = podsDeleted.filter(({ pod, code }) => code === 'RevisionOutdated' && isAvailable(set, pod, nowMs));
    if (outdated.length > 0) {
      const wanted = set.spec.replicas ?? 1;
      expect(available - outdated.length).toBeGreaterThanOrEqual(wanted - maxUnavailable(set));
    }
    if (!isOrdered(set)) return;
    expect(podsDeleted.length).toBeLessThanOrEqual(maxUnavailable(set));
    const start = set.spec.ordinals?.start ?? 0;
    const created = actions.flatMap((action) =>
      action.do === 'create' && action.type === pods ? [action.object] : [],
    );
    expect(created.length).toBeLessThanOrEqual(1);
    for (const { metadata } of created) {
      const ordinal = Number(metadata.labels?.['apps.kubernetes.io/pod-index']);
      for (let below = start; below < ordinal; below += 1)
        expect(isAvailable(set, before.get(`web-${below}`) as Pod, nowMs)).toBe(true);
    }
  }

  it('ends as declared, in order, within its bounds, with no name twice, and then nothing is done', () => {
    const policy = fc.constantFrom('OrderedReady', 'Parallel');
    const rolling = fc.record({ partition: fc.nat(3), maxUnavailable: fc.constantFrom(1, 2, '40%') });
    fc.assert(
      fc.property(
        policy,
        rolling,
        fc.array(change, { maxLength: 40, size: 'max' }),
        (podManagementPolicy, rollingUpdate, changes) => {
          const updateStrategy = { type: 'RollingUpdate', rollingUpdate };
          const model = new Model(webSet(3, { podManagementPolicy, updateStrategy, ...withData }));
          for (const one of changes) {
            happen(model, one);
            checkedPass(model);
          }
          // From now on every pod becomes well.
          allWell(model);
          settle(model);
          const { replicas = 0, ordinals } = model.set.spec;
          const start = ordinals?.start ?? 0;
          const names = Array.from({ length: replicas }, (_, index) => `web-${start + index}`);
          expect([...model.pods.keys()].toSorted()).toEqual(names);
          const partition = start + (model.set.spec.updateStrategy?.rollingUpdate?.partition ?? 0);
          const wanted = model.set.status?.updateRevision;
          for (const name of names.slice(Math.max(0, partition - start))) {
            expect(revisionOfPod(model.pods.get(name) as Pod)).toBe(wanted);
          }
          for (const name of names) expect(model.claims.has(`data-${name}`)).toBe(true);
          expect(model.pass()).toEqual([]);
        },
      ),
      { numRuns: 300 },
    );
  });
});
