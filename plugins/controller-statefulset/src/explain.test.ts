import { describe, expect, it } from '@jest/globals';
import type { StatefulSet } from '@timonel/sdk/kube';
import { explain } from './explain.ts';
import { Model, startMs, webSet, withData } from './testing/model.ts';

function ready(replicas: number, more: Partial<StatefulSet['spec']> = {}): Model {
  const model = new Model(webSet(replicas, { podManagementPolicy: 'Parallel', ...more }));
  model.pass();
  for (const name of model.pods.keys()) model.ready(name);
  model.pass();
  return model;
}

function rollTo(model: Model, image: string): void {
  model.set = { ...model.set, spec: { ...model.set.spec, template: webSet(1, {}, image).spec.template } };
  model.pass();
}

const codes = (model: Model): string[] => explain(model.observe()).map(({ code }) => code);

describe('why a stateful set is not as declared', () => {
  it('nothing is told of one that is', () => {
    expect(codes(ready(2))).toEqual([]);
  });

  it('in order the first pod is the root cause, and what comes next is told', () => {
    const model = new Model(webSet(3));
    model.pass();
    const [cause, ...others] = explain(model.observe());
    expect(cause).toMatchObject({ code: 'Unscheduled', next: 'web-1 is not made yet' });
    expect(others).toEqual([]);
  });

  it('a ready pod that must stay so for a while, one that has ended, one that is being deleted', () => {
    const model = ready(3, { minReadySeconds: 30 });
    model.nowMs += 10_000;
    model.phase('web-1', 'Failed');
    model.failedDueMs.set(model.pods.get('web-1')?.metadata.uid ?? '', startMs + 15_000);
    const pod = model.pods.get('web-2');
    if (pod === undefined) throw new Error('there is no web-2');
    const metadata = { ...pod.metadata, deletionTimestamp: '2026-01-01T00:00:05Z' };
    model.pods.set('web-2', { ...pod, metadata, spec: { ...pod.spec, nodeName: 'n1' } });
    expect(explain(model.observe())).toMatchObject([
      { code: 'min-ready-seconds', text: 'web-0 is ready, and counts as available in 20 s' },
      { code: 'pod-failed', text: 'web-1 has ended (Failed): it is replaced in 5 s' },
      { code: 'pod-terminating', unblock: 'look at node n1: web-2 should be gone by now' },
    ]);
  });

  it('a claim that is still going, a name that is taken', () => {
    const model = new Model(webSet(2, { podManagementPolicy: 'Parallel', ...withData }));
    model.claims.set('data-web-0', { metadata: { name: 'data-web-0', deletionTimestamp: '2026-01-01T00:00:00Z' } });
    model.pods.set('web-1', { metadata: { name: 'web-1', uid: 'x' }, spec: { containers: [] } });
    expect(explain(model.observe())).toMatchObject([
      { code: 'claim-terminating' },
      { code: 'name-taken', unblock: 'delete pod web-1' },
    ]);
  });

  it('pods of older revisions: the partition, OnDelete, a roll-out that goes on', () => {
    const held = ready(3, { updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 3 } } });
    rollTo(held, 'web:2');
    expect(codes(held)).toEqual(['partition']);
    const left = ready(2, { updateStrategy: { type: 'OnDelete' } });
    rollTo(left, 'web:2');
    expect(explain(left.observe())).toMatchObject([{ code: 'on-delete', unblock: 'delete pod web-1' }]);
    const rolling = ready(2);
    rollTo(rolling, 'web:2');
    expect(codes(rolling)).toEqual(['pod-terminating', 'rolling-out']);
  });

  it('a scale-down that waits for a pod of a lower ordinal', () => {
    const model = ready(3);
    model.set = { ...model.set, spec: { ...model.set.spec, replicas: 0, podManagementPolicy: 'OrderedReady' } };
    for (const name of ['web-1', 'web-2']) model.phase(name, 'Running');
    expect(explain(model.observe())).toMatchObject([
      { code: 'scale-down-halted', unblock: 'see timonel why pod web-1' },
      { code: 'scaling-down' },
    ]);
  });
});
