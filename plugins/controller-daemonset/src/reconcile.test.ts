import { describe, expect, it } from '@jest/globals';
import { controllerReference, daemonSets, type DaemonSet, type Pod } from '@timonel/sdk/kube';
import fc from 'fast-check';
import { hasEnded, isAvailable } from './assess.ts';
import { allowsSurge, boundsOf } from './bounds.ts';
import { newPod, tolerationsOf } from './daemon-pod.ts';
import { explain } from './explain.ts';
import { reconcile } from './reconcile.ts';
import { planStatus } from './status.ts';
import { agentSet, brief, Model, node, startMs } from './testing/model.ts';

function settle(model: Model): string[] {
  const done: string[] = [];
  for (let round = 0; round < 100; round += 1) {
    const before = JSON.stringify(model.set.status);
    const actions = model.pass();
    done.push(...brief(actions));
    if (!model.allWell() && actions.length === 0 && JSON.stringify(model.set.status) === before) return done;
  }
  throw new Error('it never comes to rest');
}

function settled(nodeCount: number, more: Partial<DaemonSet['spec']> = {}): Model {
  const model = new Model(agentSet(more), nodeCount);
  settle(model);
  return model;
}

function rollTo(model: Model, image: string): void {
  model.set = { ...model.set, spec: { ...model.set.spec, template: agentSet({}, image).spec.template } };
}

const surging = { updateStrategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } } };
const onDelete = { updateStrategy: { type: 'OnDelete' } };
function podOn(model: Model, name: string): Pod {
  const [pod] = model.on(name);
  if (pod === undefined) throw new Error(`there is no pod on ${name}`);
  return pod;
}
const images = (model: Model): string[] => [...model.pods.values()].map((pod) => pod.spec.containers[0]?.image ?? '');

describe('the pod of a node', () => {
  it('is bound to it by affinity, tolerates what nodes go through, carries its revision', () => {
    const set = agentSet();
    set.metadata.annotations = { 'deprecated.daemonset.template.generation': '4' };
    set.spec.template.spec.affinity = {
      nodeAffinity: {
        requiredDuringSchedulingIgnoredDuringExecution: {
          nodeSelectorTerms: [{ matchExpressions: [{ key: 'a', operator: 'Exists' }] }],
        },
        preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 1, preference: {} }],
      },
    };
    const pod = newPod(set, 'node-1', 'abc');
    expect(pod.metadata).toMatchObject({
      generateName: 'agent-',
      labels: { app: 'agent', 'controller-revision-hash': 'abc', 'pod-template-generation': '4' },
      ownerReferences: [controllerReference(set, daemonSets)],
    });
    expect(pod.spec.affinity).toEqual({
      nodeAffinity: {
        requiredDuringSchedulingIgnoredDuringExecution: {
          nodeSelectorTerms: [{ matchFields: [{ key: 'metadata.name', operator: 'In', values: ['node-1'] }] }],
        },
        preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 1, preference: {} }],
      },
    });
    expect(pod.spec.tolerations?.map(({ key, effect }) => `${key}:${effect}`)).toEqual([
      'node.kubernetes.io/not-ready:NoExecute',
      'node.kubernetes.io/unreachable:NoExecute',
      'node.kubernetes.io/disk-pressure:NoSchedule',
      'node.kubernetes.io/memory-pressure:NoSchedule',
      'node.kubernetes.io/pid-pressure:NoSchedule',
      'node.kubernetes.io/unschedulable:NoSchedule',
    ]);
  });

  it('on the network of the host tolerates that there is no other', () => {
    const tolerations = tolerationsOf({ containers: [], hostNetwork: true, tolerations: [{ operator: 'Exists' }] });
    expect(tolerations[0]).toEqual({ operator: 'Exists' });
    expect(tolerations.at(-1)?.key).toBe('node.kubernetes.io/network-unavailable');
  });
});

describe('nodes', () => {
  it('get a pod each, those that match; and lose it when they match no more', () => {
    const model = new Model(agentSet(), 0);
    model.set.spec.template.spec.nodeSelector = { disk: 'ssd' };
    model.nodes.set('a', node('a', { disk: 'ssd' }));
    model.nodes.set('b', node('b'));
    expect(settle(model)).toEqual(['create revision (NewTemplate)', 'create a (PodMissing)']);
    model.nodes.set('a', node('a'));
    model.nodes.set('b', node('b', { disk: 'ssd' }));
    expect(brief(model.pass())).toEqual(['delete a (NodeNotEligible)', 'create b (PodMissing)']);
  });

  it('with a new taint keep their pod when it may stay, and lose it when it may not', () => {
    const model = settled(2);
    model.nodes.set('node-0', node('node-0', {}, [{ key: 'dedicated', effect: 'NoSchedule' }]));
    expect(settle(model)).toEqual([]);
    expect(model.set.status).toMatchObject({ desiredNumberScheduled: 1, numberMisscheduled: 1, numberReady: 1 });
    model.nodes.set('node-0', node('node-0', {}, [{ key: 'dedicated', effect: 'NoExecute' }]));
    expect(settle(model)).toEqual(['delete node-0 (NodeNotEligible)']);
    model.nodes.set('node-0', node('node-0', {}, [{ key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' }]));
    expect(settle(model)).toEqual(['create node-0 (PodMissing)']);
  });

  it('that go take pods along that never reached them', () => {
    const model = new Model(agentSet(), 1);
    model.pass();
    model.nodes.delete('node-0');
    expect(brief(model.pass())).toEqual(['delete node-0 (NodeGone)']);
  });

  it('with more than one pod keep the one that serves the longest', () => {
    const model = settled(1);
    const first = podOn(model, 'node-0');
    const { creationTimestamp: _, ...metadata } = first.metadata;
    model.pods.set('younger', {
      ...first,
      metadata: { ...metadata, name: 'younger', uid: 'y', creationTimestamp: '2027-01-01T00:00:00Z' },
    });
    expect(settle(model)).toEqual(['delete node-0 (SurplusPod)']);
    expect([...model.pods.keys()]).toEqual([first.metadata.name]);
  });

  it('wait for a pod that is being deleted before they get another', () => {
    const model = settled(1);
    const pod = podOn(model, 'node-0');
    model.pods.set(pod.metadata.name ?? '', {
      ...pod,
      metadata: { ...pod.metadata, deletionTimestamp: '2026-01-01T00:00:00Z' },
    });
    expect(model.pass()).toEqual([]);
    model.pods.clear();
    expect(brief(model.pass())).toEqual(['create node-0 (PodMissing)']);
  });

  it('with a failed pod get another when it is time', () => {
    const model = settled(2);
    const { name = '', uid = '' } = podOn(model, 'node-1').metadata;
    model.change(name, 'Failed');
    model.endedDueMs.set(uid, startMs + 3000);
    expect(reconcile(model.observe())).toEqual({ actions: [], requeueAfterMs: 3000 });
    model.nowMs += 3000;
    expect(brief(reconcile(model.observe()).actions)).toEqual([
      'event FailedDaemonPod (PodFailed)',
      'delete node-1 (PodFailed)',
    ]);
    expect(settle(model)).toEqual(['delete node-1 (PodFailed)', 'create node-1 (PodMissing)']);
  });

  it('are served 250 at a time', () => {
    const model = new Model(agentSet(), 600);
    expect(model.pass()).toHaveLength(251);
    expect(settle(model)).toHaveLength(350);
  });

  it('whose pods match no more, or nobody owns, are released and adopted', () => {
    const model = settled(2);
    const [a, b] = [podOn(model, 'node-0'), podOn(model, 'node-1')];
    model.pods.set(a.metadata.name ?? '', { ...a, metadata: { ...a.metadata, labels: { app: 'x' } } });
    const { ownerReferences: _, ...orphaned } = b.metadata;
    model.pods.set(b.metadata.name ?? '', { ...b, metadata: orphaned });
    expect(brief(model.pass())).toEqual([
      'update node-0 (SelectorDoesNotMatch)',
      'update node-1 (SelectorMatches)',
      'create node-0 (PodMissing)',
    ]);
  });
});

describe('a roll-out', () => {
  it('deletes no more pods than may be unavailable, and counts those that are already', () => {
    const model = settled(4, { updateStrategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: '50%' } } });
    rollTo(model, 'agent:2');
    expect(brief(model.pass())).toEqual([
      'create revision (NewTemplate)',
      'delete node-0 (TemplateOutdated)',
      'delete node-1 (TemplateOutdated)',
    ]);
    expect(model.pass()).toEqual([]);
    settle(model);
    expect(images(model)).toEqual(['agent:2', 'agent:2', 'agent:2', 'agent:2']);
    expect(model.set.status).toMatchObject({ updatedNumberScheduled: 4, numberAvailable: 4, numberUnavailable: 0 });
  });

  it('replaces pods that are unavailable anyway at once', () => {
    const model = settled(3);
    for (const name of ['node-1', 'node-2']) model.change(podOn(model, name).metadata.name ?? '', 'Running');
    rollTo(model, 'agent:2');
    expect(brief(model.pass()).slice(1)).toEqual([
      'delete node-1 (TemplateOutdated)',
      'delete node-2 (TemplateOutdated)',
    ]);
  });

  it('that goes back restarts nothing that is of the old template still', () => {
    const model = settled(3);
    rollTo(model, 'agent:2');
    model.pass();
    model.allWell();
    model.pass();
    model.change([...model.pods.keys()].at(-1) ?? '', 'Running');
    const kept = [...model.pods.values()].filter((pod) => pod.spec.containers[0]?.image === 'agent:1');
    expect(kept).toHaveLength(2);
    rollTo(model, 'agent:1');
    settle(model);
    const uids = [...model.pods.values()].map(({ metadata }) => metadata.uid);
    expect(uids).toEqual(expect.arrayContaining(kept.map(({ metadata }) => metadata.uid)));
    expect([...model.revisions.values()].map(({ revision }) => revision)).toEqual([3, 2]);
  });

  it('with maxSurge makes the new pod first', () => {
    const model = settled(2, surging);
    rollTo(model, 'agent:2');
    expect(brief(model.pass()).slice(1)).toEqual(['create node-0 (TemplateOutdated)']);
    expect(model.pass()).toEqual([]);
    model.allWell();
    expect(brief(model.pass())).toEqual(['delete node-0 (Replaced)']);
    settle(model);
    expect(images(model)).toEqual(['agent:2', 'agent:2']);
  });

  it('with maxSurge waits for its time before it replaces a new pod that failed', () => {
    const model = settled(2, surging);
    rollTo(model, 'agent:2');
    model.pass();
    const [, failed] = model.on('node-0');
    model.change(failed?.metadata.name ?? '', 'Failed');
    model.endedDueMs.set(failed?.metadata.uid ?? '', startMs + 5000);
    expect(model.pass()).toEqual([]);
    model.nowMs += 5000;
    expect(brief(model.pass())).toEqual(['delete node-0 (PodFailed)']);
    settle(model);
    expect(images(model)).toEqual(['agent:2', 'agent:2']);
  });

  it.each([{ maxUnavailable: 1 }, { maxUnavailable: 0, maxSurge: 1 }])(
    'replaces pods of the old template that failed at once, %p',
    (rollingUpdate) => {
      const model = settled(1, { updateStrategy: { type: 'RollingUpdate', rollingUpdate } });
      const { name = '', uid = '' } = podOn(model, 'node-0').metadata;
      model.change(name, 'Failed');
      model.endedDueMs.set(uid, startMs + 900_000);
      expect(model.pass()).toEqual([]);
      rollTo(model, 'agent:2');
      expect(brief(model.pass())).toEqual(['create revision (NewTemplate)', 'delete node-0 (TemplateOutdated)']);
      settle(model);
      expect(images(model)).toEqual(['agent:2']);
    },
  );

  it('OnDelete leaves pods alone', () => {
    const model = settled(2, onDelete);
    rollTo(model, 'agent:2');
    expect(settle(model)).toEqual(['create revision (NewTemplate)']);
    model.pods.delete(podOn(model, 'node-1').metadata.name ?? '');
    settle(model);
    expect(images(model).toSorted((a, b) => (a < b ? -1 : 1))).toEqual(['agent:1', 'agent:2']);
  });

  it('keeps as many old revisions as it should', () => {
    const model = settled(1, { revisionHistoryLimit: 1 });
    for (const image of ['agent:2', 'agent:3', 'agent:4']) {
      rollTo(model, image);
      settle(model);
    }
    expect([...model.revisions.values()].map(({ revision }) => revision)).toEqual([3, 4]);
  });

  it('resolves percentages of nodes upwards, and moves when both are zero', () => {
    const of = (rollingUpdate: object) =>
      boundsOf(agentSet({ updateStrategy: { type: 'RollingUpdate', rollingUpdate } }), 10);
    expect(of({ maxUnavailable: '25%' })).toEqual({ maxUnavailable: 3, maxSurge: 0 });
    expect(of({ maxUnavailable: 0, maxSurge: '1%' })).toEqual({ maxUnavailable: 0, maxSurge: 1 });
    expect(of({ maxUnavailable: '0%', maxSurge: 0 })).toEqual({ maxUnavailable: 1, maxSurge: 0 });
  });
});

describe('the status', () => {
  it('waits for minReadySeconds', () => {
    const model = settled(1, { minReadySeconds: 10 });
    expect(planStatus(model.observe())).toMatchObject({
      status: { numberReady: 1, numberAvailable: 0, numberUnavailable: 1 },
      requeueAfterMs: 10_000,
    });
  });

  it('counts a collision of names, and then there is another name', () => {
    const model = new Model(agentSet(), 1);
    model.pass();
    const [name = ''] = model.revisions.keys();
    model.revisions.set(name, { metadata: { name, uid: 'other' }, revision: 1, data: {} });
    model.pods.clear();
    expect(model.pass()).toEqual([]);
    expect(model.set.status?.collisionCount).toBe(1);
    expect(settle(model)).toEqual(['create revision (NewTemplate)', 'create node-0 (PodMissing)']);
  });
});

it('a revision of the template without the label of its hash counts all the same', () => {
  const model = settled(1);
  for (const [name, revision] of model.revisions) {
    const { labels: _, ...metadata } = revision.metadata;
    model.revisions.set(name, { ...revision, metadata: { ...metadata, labels: { app: 'agent' } } });
  }
  expect(settle(model)).toEqual([]);
  expect(model.set.status?.collisionCount).toBeUndefined();
  model.pods.clear();
  expect(settle(model)).toEqual(['create node-0 (PodMissing)']);
});

describe('why', () => {
  const codes = (model: Model): string[] => explain(model.observe()).map(({ code }) => code);
  it('says what it waits for', () => {
    const model = new Model(agentSet(), 2);
    expect(codes(model)).toEqual(['pod-missing']);
    model.pass();
    expect(codes(model)).toEqual(['Unscheduled']);
    model.allWell();
    expect(codes(model)).toEqual([]);
    rollTo(model, 'agent:2');
    expect(codes(model)).toEqual(['rolling-out']);
    model.nodes.clear();
    model.pods.clear();
    expect(codes(model)).toEqual(['no-nodes']);
    model.nodes.set('a', node('a', {}, [{ key: 'dedicated', effect: 'NoSchedule' }]));
    expect(explain(model.observe())).toMatchObject([
      { code: 'untolerated-taint', unblock: 'tolerate dedicated:NoSchedule' },
    ]);
  });
});

describe('any history', () => {
  const change = fc.oneof(
    fc.record({ to: fc.constant('image'), value: fc.nat(2) }),
    fc.record({
      to: fc.constantFrom(
        'ready',
        'unready',
        'fail',
        'fail later',
        'succeed',
        'delete',
        'gone',
        'cordon',
        'drop',
        'add',
      ),
      value: fc.nat(4),
    }),
    fc.record({ to: fc.constantFrom('pass', 'well'), value: fc.constant(0) }),
  );
  type Change = { readonly to: string; readonly value: number };

  function happen(model: Model, { to, value }: Change): void {
    const name = `node-${value}`;
    if (to === 'image') rollTo(model, `agent:${value}`);
    if (to === 'well') model.allWell();
    if (to === 'cordon')
      model.nodes.set(name, node(name, {}, [{ key: 'x', effect: value % 2 === 0 ? 'NoExecute' : 'NoSchedule' }]));
    if (to === 'drop') model.nodes.delete(name);
    if (to === 'add') model.nodes.set(name, node(name));
    const pod = model.on(name).at(to === 'fail later' ? -1 : 0);
    if (pod === undefined) return;
    const { name: podName = '', uid = '' } = pod.metadata;
    if (to === 'ready' && !hasEnded(pod)) model.change(podName, 'Running', true);
    if (to === 'unready' && !hasEnded(pod)) model.change(podName, 'Running');
    if (to === 'fail' || to === 'fail later') model.change(podName, 'Failed');
    if (to === 'fail later') model.endedDueMs.set(uid, startMs + 5000);
    if (to === 'succeed') model.change(podName, 'Succeeded');
    if (to === 'gone') model.pods.delete(podName);
    if (to === 'delete')
      model.pods.set(podName, { ...pod, metadata: { ...pod.metadata, deletionTimestamp: '2026-01-01T00:00:00Z' } });
  }

  /** How many nodes that should run a pod have an available one. */
  function available(model: Model): number {
    const nodes = [...model.nodes.values()].filter(({ spec }) => (spec.taints ?? []).length === 0);
    return nodes.filter(({ metadata }) =>
      model.on(metadata.name ?? '').some((pod) => isAvailable(model.set, pod, model.nowMs)),
    ).length;
  }

  function checkedPass(model: Model): void {
    const nodes = [...model.nodes.values()].filter(({ spec }) => (spec.taints ?? []).length === 0).length;
    const before = available(model);
    const { maxSurge, maxUnavailable } = boundsOf(model.set, nodes);
    model.pass();
    const after = available(model);
    // What a pass takes away itself leaves as many as must be there; with a surge it takes nothing away.
    if (maxSurge > 0) expect(after).toBe(before);
    else if (after < before) expect(after).toBeGreaterThanOrEqual(nodes - maxUnavailable);
    // A percentage of no eligible nodes is none, but the pods of an earlier surge on nodes that became unschedulable stay.
    const atMost = allowsSurge(model.set) ? 2 : 1;
    for (const name of model.nodes.keys()) {
      expect(model.on(name).length).toBeLessThanOrEqual(atMost);
    }
  }

  it('ends with one pod of the newest template on each eligible node, within its bounds, and then nothing is done', () => {
    const strategy = fc.constantFrom<object>(
      { maxUnavailable: 1 },
      { maxUnavailable: '60%' },
      { maxUnavailable: 0, maxSurge: 1 },
      { maxUnavailable: 0, maxSurge: '50%' },
    );
    fc.assert(
      fc.property(strategy, fc.array(change, { maxLength: 40, size: 'max' }), (rollingUpdate, changes) => {
        const model = new Model(agentSet({ updateStrategy: { type: 'RollingUpdate', rollingUpdate } }), 4);
        for (const one of changes) {
          happen(model, one);
          checkedPass(model);
        }
        model.nowMs += 5000;
        for (const [name, pod] of model.pods) if (pod.status?.phase === 'Running') model.change(name, 'Running', true);
        settle(model);
        const wanted = model.set.spec.template.spec.containers[0]?.image;
        for (const [name, { spec }] of model.nodes) {
          const found = model.on(name);
          const { taints = [] } = spec;
          if (taints.length === 0) expect(found.map((pod) => pod.spec.containers[0]?.image)).toEqual([wanted]);
          else if (taints[0]?.effect === 'NoExecute') expect(found).toEqual([]);
        }
        expect(model.pass()).toEqual([]);
      }),
      { numRuns: 200 },
    );
  });
});
