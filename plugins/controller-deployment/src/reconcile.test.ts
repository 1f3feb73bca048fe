import { describe, expect, it } from '@jest/globals';
import { controllerReference, deployments, type Deployment, type ReplicaSet } from '@timonel/sdk/kube';
import fc from 'fast-check';
import { boundsOf } from './bounds.ts';
import { plan, setsOf, type Action, type Observed } from './reconcile.ts';
import { makeNewSet } from './revisions.ts';
import { planStatus } from './status.ts';
import { templateHash } from './template-hash.ts';

const timestamp = '2026-01-01T00:00:00Z';
const nowMs = Date.parse(timestamp);

function deployment(image: string, more: Partial<Deployment['spec']> = {}): Deployment {
  return {
    metadata: { name: 'web', namespace: 'default', uid: 'd-uid', generation: 1 },
    spec: {
      replicas: 4,
      selector: { matchLabels: { app: 'web' } },
      template: { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'main', image }] } },
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: 1 } },
      progressDeadlineSeconds: 600,
      ...more,
    },
  };
}

function observed(object: Deployment, replicaSets: readonly ReplicaSet[], more: Partial<Observed> = {}): Observed {
  return { deployment: object, replicaSets, pods: [], nowMs, timestamp, ...more };
}

/** A cluster of one deployment in memory: replica sets whose pods come, become available and go when a step says so. */
class Model {
  deployment: Deployment;
  sets: ReplicaSet[] = [];
  readonly writes: Action[] = [];
  /** Really there and available, whatever the statuses say. */
  readonly available = new Map<string, number>();
  #clock = 0;

  constructor(object: Deployment) {
    this.deployment = object;
  }

  get total(): number {
    return this.sets.reduce((sum, set) => sum + (set.spec.replicas ?? 0), 0);
  }

  get availableTotal(): number {
    return this.sets.reduce((sum, set) => sum + (this.available.get(set.metadata.uid ?? '') ?? 0), 0);
  }

  pass(): number {
    const state = observed(this.deployment, this.sets);
    const actions = plan(state);
    for (const action of actions) this.#apply(action);
    this.writes.push(...actions);
    const { status } = planStatus(
      observed(this.deployment, this.sets),
      setsOf(observed(this.deployment, this.sets)),
      {},
    );
    this.deployment = { ...this.deployment, status };
    return actions.length;
  }

  /** A replica set deletes unavailable pods first. */
  shrinkPods(): void {
    for (const { metadata, spec } of this.sets) {
      const uid = metadata.uid ?? '';
      this.available.set(uid, Math.min(spec.replicas ?? 0, this.available.get(uid) ?? 0));
    }
  }

  /** One more pod of the set becomes available. */
  ready(index: number): void {
    const set = this.sets[index % Math.max(1, this.sets.length)];
    if (set === undefined) return;
    const uid = set.metadata.uid ?? '';
    this.available.set(uid, Math.min(set.spec.replicas ?? 0, (this.available.get(uid) ?? 0) + 1));
  }

  /** The replica set's controller writes its status. */
  observe(index: number): void {
    const at = index % Math.max(1, this.sets.length);
    const set = this.sets[at];
    if (set === undefined) return;
    const replicas = set.spec.replicas ?? 0;
    const available = Math.min(replicas, this.available.get(set.metadata.uid ?? '') ?? 0);
    const status = {
      replicas,
      readyReplicas: available,
      availableReplicas: available,
      observedGeneration: set.metadata.generation ?? 0,
    };
    this.sets[at] = { ...set, status };
  }

  #apply(action: Action): void {
    this.#clock += 1;
    if (action.do === 'create') {
      const stamp = `2026-01-01T00:00:${String(this.#clock % 60).padStart(2, '0')}Z`;
      const metadata = { ...action.set.metadata, uid: `rs-${this.#clock}`, creationTimestamp: stamp, generation: 1 };
      this.sets.push({ ...action.set, metadata });
    } else if (action.do === 'change') {
      this.sets = this.sets.map((set) =>
        set.metadata.uid === action.set.metadata.uid
          ? {
              ...set,
              metadata: {
                ...set.metadata,
                annotations: { ...set.metadata.annotations, ...action.annotations },
                generation: (set.metadata.generation ?? 0) + 1,
              },
              spec: { ...set.spec, replicas: action.replicas },
            }
          : set,
      );
    } else if (action.do === 'delete')
      this.sets = this.sets.filter((set) => set.metadata.uid !== action.set.metadata.uid);
    else if (action.do === 'annotate') {
      const annotations = { ...this.deployment.metadata.annotations, ...action.annotations };
      this.deployment = { ...this.deployment, metadata: { ...this.deployment.metadata, annotations } };
    }
    this.shrinkPods();
  }

  /** Lets everything become available and observed until the deployment has nothing to do. */
  settle(): void {
    for (let round = 0; round < 300; round++) {
      const actions = this.pass();
      for (let index = 0; index < this.sets.length; index++) {
        for (let pod = 0; pod < 20; pod++) this.ready(index);
        this.observe(index);
      }
      if (actions === 0 && this.pass() === 0) return;
    }
    throw new Error('the deployment does not settle');
  }
}

const brief = (actions: readonly Action[]): string[] =>
  actions.map((action) => {
    if (action.do === 'annotate') return 'annotate';
    return action.do === 'change'
      ? `${action.set.metadata.name} ${action.set.spec.replicas}>${action.replicas}`
      : action.do;
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

describe('plan', () => {
  it('creates the first replica set at full size and sets the revision', () => {
    const actions = plan(observed(deployment('a'), []));
    expect(brief(actions)).toEqual(['create', 'annotate']);
    expect(actions[0]).toMatchObject({
      set: { spec: { replicas: 4 }, metadata: { annotations: { 'deployment.kubernetes.io/revision': '1' } } },
    });
  });

  it('takes over the revision and the annotations when it goes back to an old template', () => {
    const model = new Model(deployment('a'));
    model.settle();
    for (const image of ['b', 'a']) {
      model.deployment = { ...model.deployment, spec: deployment(image).spec };
      model.settle();
    }
    const back = model.sets.find((set) => set.spec.template?.spec.containers[0]?.image === 'a');
    expect(back?.metadata.annotations).toMatchObject({
      'deployment.kubernetes.io/revision': '3',
      'deployment.kubernetes.io/revision-history': '1',
    });
    expect(model.deployment.metadata.annotations?.['deployment.kubernetes.io/revision']).toBe('3');
    expect(model.sets).toHaveLength(2);
  });

  it('adopts a matching replica set, releases one that strayed, and goes on in the next pass', () => {
    const object = deployment('a');
    const own = makeNewSet(object, [], 4);
    const orphan = { ...own, metadata: { ...own.metadata, uid: 'o', name: 'orphan' } };
    delete orphan.metadata.ownerReferences;
    const strayed = { ...own, metadata: { ...own.metadata, uid: 's', name: 'strayed', labels: {} } };
    expect(plan(observed(object, [orphan, strayed])).map((action) => action.do)).toEqual(['release', 'adopt']);
  });

  it('does nothing for a deployment that is being deleted', () => {
    const object = deployment('a');
    object.metadata.deletionTimestamp = timestamp;
    expect(plan(observed(object, []))).toEqual([]);
  });

  it('Recreate waits until the old pods are gone, terminating ones included', () => {
    const old = makeNewSet(deployment('a'), [], 4);
    const object = deployment('b', { strategy: { type: 'Recreate' } });
    const scaled = { ...old, metadata: { ...old.metadata, uid: 'old' }, spec: { ...old.spec, replicas: 0 } };
    const pod = {
      metadata: {
        name: 'p',
        deletionTimestamp: timestamp,
        ownerReferences: [{ ...controllerReference(object, deployments), uid: 'old' }],
      },
      spec: { containers: [] },
    };
    expect(brief(plan(observed(object, [{ ...scaled, spec: old.spec }], { pods: [pod] })))).toEqual([
      `${old.metadata.name} 4>0`,
    ]);
    expect(plan(observed(object, [scaled], { pods: [pod] }))).toEqual([]);
    expect(brief(plan(observed(object, [scaled])))).toEqual(['create', 'annotate']);
  });
});

describe('planStatus', () => {
  it('passes the progress deadline and recovers', () => {
    const model = new Model(deployment('a'));
    model.pass();
    const sets = setsOf(observed(model.deployment, model.sets));
    const first = planStatus(observed(model.deployment, model.sets), sets, { created: 'web-x' });
    const started = { ...model.deployment, status: first.status };
    expect(first.requeueAfterMs).toBe(600_000);
    const late = planStatus(
      observed(started, model.sets, { nowMs: nowMs + 600_000, timestamp: '2026-01-01T00:10:00Z' }),
      sets,
      {},
    );
    expect(late.status.conditions).toContainEqual(
      expect.objectContaining({ type: 'Progressing', status: 'False', reason: 'ProgressDeadlineExceeded' }),
    );
    expect(late.requeueAfterMs).toBeUndefined();
    model.deployment = { ...started, status: late.status };
    model.settle();
    expect(model.deployment.status?.conditions).toContainEqual(
      expect.objectContaining({ type: 'Progressing', status: 'True', reason: 'NewReplicaSetAvailable' }),
    );
  });

  it('counts collisions', () => {
    const sets = { newSet: undefined, oldSets: [] };
    expect(planStatus(observed(deployment('a'), []), sets, { collided: true }).status.collisionCount).toBe(1);
  });
});

describe('properties', () => {
  const step = fc.oneof(
    { weight: 6, arbitrary: fc.constant({ do: 'pass' as const, value: 0 }) },
    { weight: 4, arbitrary: fc.record({ do: fc.constant('ready' as const), value: fc.nat(5) }) },
    { weight: 4, arbitrary: fc.record({ do: fc.constant('observe' as const), value: fc.nat(5) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('template' as const), value: fc.nat(2) }) },
  );
  const limits = fc.record({
    replicas: fc.integer({ min: 1, max: 10 }),
    maxSurge: fc.nat(4),
    maxUnavailable: fc.nat(4),
  });

  it('holds the surge and never makes fewer available than it may, whatever the order and the age of statuses', () => {
    fc.assert(
      fc.property(limits, fc.array(step, { maxLength: 80 }), ({ replicas, maxSurge, maxUnavailable }, steps) => {
        const spec = { replicas, strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge, maxUnavailable } } };
        const model = new Model(deployment('v0', spec));
        model.settle();
        const bounds = boundsOf(model.deployment);
        for (const { do: what, value } of steps) {
          const before = model.availableTotal;
          if (what === 'pass') {
            model.pass();
            expect(model.total).toBeLessThanOrEqual(replicas + bounds.maxSurge);
            expect(model.availableTotal).toBeGreaterThanOrEqual(Math.min(before, replicas - bounds.maxUnavailable));
          } else if (what === 'ready') model.ready(value);
          else if (what === 'observe') model.observe(value);
          else model.deployment = { ...model.deployment, spec: deployment(`v${value}`, spec).spec };
        }
        model.settle();
        const current = setsOf(observed(model.deployment, model.sets)).newSet;
        expect(current?.spec.replicas).toBe(replicas);
        expect(model.total).toBe(replicas);
        expect(model.deployment.status).toMatchObject({
          updatedReplicas: replicas,
          availableReplicas: replicas,
          unavailableReplicas: 0,
        });
        const writes = model.writes.length;
        model.pass();
        expect(model.writes).toHaveLength(writes);
      }),
      { numRuns: 300 },
    );
  });

  it('reaches the declared state through scaling, pausing and roll-outs in any order', () => {
    const change = fc.oneof(
      fc.record({ replicas: fc.nat(12) }),
      fc.record({ paused: fc.boolean() }),
      fc.record({ image: fc.constantFrom('v0', 'v1', 'v2') }),
      fc.record({ strategy: fc.constantFrom({ type: 'Recreate' }, { type: 'RollingUpdate' }) }),
    );
    const act = fc.record({ change, passes: fc.nat(4), seen: fc.nat(3) });
    fc.assert(
      fc.property(fc.array(act, { maxLength: 15 }), (acts) => {
        const model = new Model(deployment('v0'));
        let image = 'v0';
        for (const { change: next, passes, seen } of acts) {
          if ('image' in next) image = next.image;
          const { template } = deployment(image).spec;
          model.deployment = {
            ...model.deployment,
            spec: { ...model.deployment.spec, ...('image' in next ? {} : next), template },
          };
          for (let pass = 0; pass < passes; pass++) model.pass();
          for (let index = 0; index < seen; index++) {
            model.ready(index);
            model.observe(index);
          }
        }
        model.deployment = { ...model.deployment, spec: { ...model.deployment.spec, paused: false } };
        model.settle();
        const replicas = model.deployment.spec.replicas ?? 0;
        expect(setsOf(observed(model.deployment, model.sets)).newSet?.spec.replicas).toBe(replicas);
        expect(model.total).toBe(replicas);
      }),
      { numRuns: 300 },
    );
  });
});
