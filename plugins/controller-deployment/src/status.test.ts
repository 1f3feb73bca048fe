import { describe, expect, it } from '@jest/globals';
import { act, type CreateAction, type Outcome } from '@timonel/sdk/controller';
import { replicaSets, type Condition, type Deployment, type ReplicaSet } from '@timonel/sdk/kube';
import { reconcile } from './reconcile.ts';
import { makeNewSet } from './revisions.ts';
import { status } from './status.ts';
import { deployment, Model, none, now, observed } from './testing/model.ts';

const later = (seconds: number): typeof now => {
  const nowMs = now.nowMs + seconds * 1000;
  return { nowMs, timestamp: new Date(nowMs).toISOString().replace('.000Z', 'Z') };
};

const progressing = ({ status: found }: Deployment): Condition | undefined =>
  found?.conditions?.find(({ type }) => type === 'Progressing');

function refusedCreation(subject: Deployment, message: string): Outcome {
  const [action] = reconcile(observed(subject, [])).actions;
  if (action === undefined) throw new Error('there is no creation');
  return { ...none, failure: { action, error: new Error(message), message } };
}

describe('the progress of a roll-out', () => {
  it('is told from the creation to the end, and its deadline is looked for without events', () => {
    const model = new Model(deployment('a'));
    model.pass();
    expect(progressing(model.deployment)).toMatchObject({ status: 'True', reason: 'NewReplicaSetCreated' });
    const waiting = status(observed(model.deployment, model.sets), none);
    expect(waiting.requeueAfterMs).toBe(600_000);
    model.replicate(0);
    model.ready(0);
    model.replicate(0);
    model.pass();
    expect(progressing(model.deployment)).toMatchObject({ status: 'True', reason: 'ReplicaSetUpdated' });
    model.settle();
    expect(progressing(model.deployment)).toMatchObject({
      status: 'True',
      reason: 'NewReplicaSetAvailable',
      message: expect.stringMatching(/^ReplicaSet "web-\w+" has successfully progressed\.$/),
    });
    expect(status(observed(model.deployment, model.sets), none).requeueAfterMs).toBeUndefined();
  });

  it('exceeds the deadline once, and goes on when pods come after all', () => {
    const model = new Model(deployment('a'));
    model.pass();
    model.pass(later(599));
    expect(progressing(model.deployment)).toMatchObject({ reason: 'NewReplicaSetCreated' });
    model.pass(later(600));
    expect(progressing(model.deployment)).toMatchObject({ status: 'False', reason: 'ProgressDeadlineExceeded' });
    const written = model.statusWrites;
    model.pass(later(1200));
    expect(model.statusWrites).toBe(written);
    expect(status({ ...observed(model.deployment, model.sets), ...later(1200) }, none).requeueAfterMs).toBeUndefined();
    model.settle();
    expect(progressing(model.deployment)).toMatchObject({ status: 'True', reason: 'NewReplicaSetAvailable' });
  });

  it('counts the deadline anew from each progress', () => {
    const model = new Model(deployment('a'));
    model.pass();
    model.replicate(0);
    model.replicate(0);
    model.pass(later(500));
    expect(progressing(model.deployment)).toMatchObject({ reason: 'ReplicaSetUpdated' });
    model.pass(later(700));
    expect(progressing(model.deployment)).toMatchObject({ reason: 'ReplicaSetUpdated' });
    model.pass(later(1100));
    expect(progressing(model.deployment)).toMatchObject({ reason: 'ProgressDeadlineExceeded' });
  });

  it('stops the clock while paused, and starts it anew when resumed', () => {
    const model = new Model(deployment('a'));
    model.pass();
    model.change({ paused: true });
    model.pass(later(10));
    expect(progressing(model.deployment)).toMatchObject({ status: 'Unknown', reason: 'DeploymentPaused' });
    expect(status({ ...observed(model.deployment, model.sets), ...later(900) }, none).requeueAfterMs).toBeUndefined();
    model.change({ paused: false });
    model.pass(later(900));
    expect(progressing(model.deployment)).toMatchObject({ status: 'Unknown', reason: 'DeploymentResumed' });
    model.pass(later(1499));
    expect(progressing(model.deployment)).toMatchObject({ reason: 'DeploymentResumed' });
    model.pass(later(1500));
    expect(progressing(model.deployment)).toMatchObject({ reason: 'ProgressDeadlineExceeded' });
  });

  it('bears a clock that jumps', () => {
    const model = new Model(deployment('a'));
    model.pass();
    const written = model.statusWrites;
    model.pass(later(-7200));
    const looksAgain = status({ ...observed(model.deployment, model.sets), ...later(-7200) }, none).requeueAfterMs;
    expect([model.statusWrites, looksAgain]).toEqual([written, 7_800_000]);
    model.pass(later(86_400));
    model.settle();
    expect(progressing(model.deployment)).toMatchObject({ status: 'True', reason: 'NewReplicaSetAvailable' });
  });

  it('is not told without a deadline', () => {
    const model = new Model(deployment('a'));
    model.settle();
    model.change({ progressDeadlineSeconds: 2_147_483_647 });
    model.pass();
    expect(progressing(model.deployment)).toBeUndefined();
  });

  it('begins with a replica set that was found', () => {
    const own = makeNewSet(deployment('a'), [], 4);
    const found = status(observed(deployment('a'), [{ ...own, metadata: { ...own.metadata, uid: 'n' } }]), none).status;
    expect(progressing({ ...deployment('a'), status: found })).toMatchObject({
      status: 'True',
      reason: 'FoundNewReplicaSet',
      message: `Found new replica set "${own.metadata.name}"`,
    });
  });

  it('makes no replica sets that the selector would not select, and says why', () => {
    const hash = { app: 'web', 'pod-template-hash': 'mine' };
    const { spec } = deployment('v0');
    const template = { ...spec.template, metadata: { labels: hash } };
    const model = new Model(deployment('v0', { selector: { matchLabels: hash }, template }));
    expect(model.pass()).toBe(0);
    expect(model.sets).toEqual([]);
    expect(model.deployment.status?.conditions).toContainEqual(
      expect.objectContaining({
        type: 'Progressing',
        status: 'False',
        reason: 'ReplicaSetCreateError',
        message: expect.stringContaining('spec.selector'),
      }),
    );
    const written = model.statusWrites;
    expect([model.pass(), model.statusWrites]).toEqual([0, written]);
  });

  it('says that the replica set cannot be created', () => {
    const subject = deployment('a');
    const outcome = refusedCreation(subject, 'exceeded quota: sets');
    expect(progressing({ ...subject, status: status(observed(subject, []), outcome).status })).toMatchObject({
      status: 'False',
      reason: 'ReplicaSetCreateError',
      message: expect.stringMatching(/^Failed to create new replica set "web-\w+": exceeded quota: sets$/),
    });
  });
});

describe('the status', () => {
  const failing = (set: ReplicaSet, message: string): ReplicaSet => {
    const conditions = [{ type: 'ReplicaFailure', status: 'True' as const, reason: 'FailedCreate', message }];
    return { ...set, status: { replicas: 0, conditions } };
  };

  it('has the failure of the new replica set, rather than that of an old one, until it is over', () => {
    const old = {
      ...makeNewSet(deployment('a'), [], 2),
      metadata: { ...makeNewSet(deployment('a'), [], 2).metadata, uid: 'o' },
    };
    const made = {
      ...makeNewSet(deployment('b'), [old], 2),
      metadata: { ...makeNewSet(deployment('b'), [old], 2).metadata, uid: 'n' },
    };
    const subject = deployment('b');
    const found = (sets: readonly ReplicaSet[]): string | undefined =>
      status(observed(subject, sets), none).status.conditions?.find(({ type }) => type === 'ReplicaFailure')?.message;
    expect(found([failing(old, 'old'), failing(made, 'new')])).toBe('new');
    expect(found([failing(old, 'old'), made])).toBe('old');
    expect(found([old, made])).toBeUndefined();
  });

  it('counts what is terminating, when the replica sets say it', () => {
    const set = { ...makeNewSet(deployment('a'), [], 2), status: { replicas: 2, terminatingReplicas: 3 } };
    const own = { ...set, metadata: { ...set.metadata, uid: 'n' } };
    expect(status(observed(deployment('a'), [own]), none).status).toMatchObject({
      replicas: 2,
      terminatingReplicas: 3,
    });
    expect(status(observed(deployment('a'), []), none).status).not.toHaveProperty('terminatingReplicas');
  });

  it('counts a collision only when another has the name of the new replica set', () => {
    const subject = deployment('a');
    const wanted = makeNewSet(subject, [], 4);
    const creation = act.create(replicaSets, wanted, { cause: { code: 'NewTemplate', text: '' }, ifExists: 'report' });
    const collisionCount = (found: ReplicaSet): number | undefined =>
      status(observed(subject, []), { ...none, existing: [creation], found: new Map([[creation, found]]) }).status
        .collisionCount;
    expect(collisionCount(wanted)).toBeUndefined();
    expect(collisionCount({ ...wanted, metadata: { ...wanted.metadata, ownerReferences: [] } })).toBe(1);
    expect(collisionCount({ ...wanted, spec: makeNewSet(deployment('b'), [], 4).spec })).toBe(1);
  });

  it('looks again soon when what had the name is gone again', () => {
    const subject = deployment('a', { progressDeadlineSeconds: 2_147_483_647 });
    const [creation] = reconcile(observed(subject, [])).actions;
    const existing = [creation as CreateAction];
    expect(status(observed(subject, []), { ...none, existing, found: new Map() })).toMatchObject({
      requeueAfterMs: 1000,
      status: expect.not.objectContaining({ collisionCount: expect.anything() }),
    });
  });
});
