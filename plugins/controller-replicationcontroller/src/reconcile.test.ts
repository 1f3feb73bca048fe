import { describe, expect, it } from '@jest/globals';
import { isPodActive, type Action } from '@timonel/sdk/controller';
import {
  controllerOf,
  controllerReference,
  replicationControllers,
  type Pod,
  type ReplicationController,
} from '@timonel/sdk/kube';
import fc from 'fast-check';
import { explain, observe, reconcile, selects, status } from './reconcile.ts';

const now = { nowMs: Date.parse('2026-01-01T01:00:00Z'), timestamp: '2026-01-01T01:00:00Z' };
const labels = { app: 'web' };

function owner(replicas: number): ReplicationController {
  return {
    metadata: { name: 'web', namespace: 'default', uid: 'rc-uid', generation: 2 },
    spec: { replicas, selector: labels, template: { metadata: { labels }, spec: { containers: [{ name: 'c' }] } } },
  };
}

interface PodInput {
  readonly app: string;
  readonly owned: boolean;
  readonly phase: string;
  readonly deleting: boolean;
}

function pod(name: string, { app, owned, phase, deleting }: PodInput): Pod {
  return {
    metadata: {
      name,
      namespace: 'default',
      uid: name,
      labels: { app },
      ...(owned ? { ownerReferences: [controllerReference(owner(1), replicationControllers)] } : {}),
      ...(deleting ? { deletionTimestamp: now.timestamp } : {}),
    },
    spec: { containers: [] },
    status: { phase },
  };
}

const running: PodInput = { app: 'web', owned: true, phase: 'Running', deleting: false };

function observed(subject: ReplicationController, all: readonly Pod[]): ReturnType<typeof observe> {
  const own = all.filter((one) => controllerOf(one) !== undefined);
  return observe(subject, now, { own, orphans: all.filter((one) => !own.includes(one)), related: () => own });
}

const plan = (subject: ReplicationController, all: readonly Pod[]): readonly Action[] =>
  reconcile(observed(subject, all)).actions;

function apply(actions: readonly Action[], before: readonly Pod[]): Pod[] {
  const pods = new Map(before.map((one) => [one.metadata.uid, one]));
  actions.forEach((action, index) => {
    if (action.do === 'create') {
      const created = action.object as Pod;
      const uid = `new-${index}`;
      pods.set(uid, { ...created, metadata: { ...created.metadata, uid, name: uid } });
    } else if (action.do === 'update') pods.set(action.next.metadata.uid, action.next as Pod);
    else if (action.do === 'delete') pods.delete(action.object.metadata.uid);
  });
  return [...pods.values()];
}

describe('a replication controller', () => {
  it('makes pods by its template that it owns', () => {
    const [creation] = plan(owner(1), []);
    expect(creation).toMatchObject({
      do: 'create',
      object: {
        metadata: {
          generateName: 'web-',
          labels,
          ownerReferences: [{ apiVersion: 'v1', kind: 'ReplicationController', uid: 'rc-uid', controller: true }],
        },
      },
      event: { reason: 'SuccessfulCreate', failure: { reason: 'FailedCreate' } },
    });
  });

  it('selects by a plain map of labels', () => {
    expect(selects(owner(1), { app: 'web', tier: 'front' })).toBe(true);
    expect(selects(owner(1), { tier: 'front' })).toBe(false);
  });

  it('does not count terminating pods in its status, which has no such field', () => {
    const all = [pod('a', running), pod('b', { ...running, deleting: true })];
    expect(status(observed(owner(1), all), { answers: new Map(), existing: [] }).status).toEqual({
      replicas: 1,
      fullyLabeledReplicas: 1,
      readyReplicas: 0,
      availableReplicas: 0,
      observedGeneration: 2,
    });
  });

  it('says what it waits for', () => {
    expect(explain(observed(owner(2), [pod('a', running)]))).toMatchObject([
      { component: 'controller-replicationcontroller', code: 'TooFewReplicas', text: '1 of 2 replicas exist' },
      { code: 'Unscheduled', text: 'pod a: has no node yet' },
    ]);
  });

  it('reaches its number from any state, and a second pass does nothing', () => {
    const input = fc.record({
      app: fc.constantFrom('web', 'other'),
      owned: fc.boolean(),
      phase: fc.constantFrom('Pending', 'Running', 'Succeeded', 'Failed'),
      deleting: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.nat(9), fc.array(input, { maxLength: 9 }), (replicas, inputs) => {
        const subject = owner(replicas);
        const before = inputs.map((one, index) => pod(`p${index}`, one));
        const after = apply(plan(subject, before), before);
        expect(after.filter((one) => controllerOf(one) !== undefined && isPodActive(one))).toHaveLength(replicas);
        expect(plan(subject, after)).toEqual([]);
      }),
    );
  });
});
