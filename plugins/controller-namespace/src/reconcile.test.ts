import { describe, expect, it } from '@jest/globals';
import { configMaps, pods, type KubeObject, type Namespace } from '@timonel/sdk/kube';
import { explain, reconcile, type Content, type Observed } from './reconcile.ts';

const stamp = '2026-01-01T00:00:00Z';
const terminating: Namespace = {
  metadata: { name: 'a', deletionTimestamp: stamp },
  spec: { finalizers: ['kubernetes', 'x.io/y'] },
};
const pod = (name: string, deletionTimestamp?: string): KubeObject => ({
  metadata: { name, namespace: 'a', ...(deletionTimestamp === undefined ? {} : { deletionTimestamp }) },
});
const seen = (subject: Namespace, ...content: readonly Content[]): Observed => ({
  subject,
  content,
  nowMs: 0,
  timestamp: stamp,
});

describe('reconcile', () => {
  it('deletes what is not being deleted yet and goes on with the rest at once', () => {
    const { actions, requeueAfterMs } = reconcile(
      seen(terminating, { type: pods, objects: [pod('p'), pod('q', stamp)] }),
    );
    expect(actions).toMatchObject([{ do: 'delete', object: { metadata: { name: 'p' } }, independent: true }]);
    expect(requeueAfterMs).toBe(1);
  });

  it('leaves everything else alone as long as there are pods', () => {
    const map = { type: configMaps, objects: [pod('m')] };
    const during = reconcile(seen(terminating, map, { type: pods, objects: [pod('p', stamp)] }));
    expect(during).toEqual({ actions: [], requeueAfterMs: 500 });
    expect(reconcile(seen(terminating, map)).actions).toMatchObject([{ do: 'delete', type: configMaps }]);
  });

  it('is not held up by pods that were made since', () => {
    const late: KubeObject = { metadata: { ...pod('p').metadata, creationTimestamp: '2026-01-01T00:00:01Z' } };
    const { actions } = reconcile(
      seen(terminating, { type: configMaps, objects: [pod('m')] }, { type: pods, objects: [late] }),
    );
    expect(actions).toMatchObject([{ type: configMaps }, { type: pods }]);
  });

  it('takes its own finalizer away once nothing is left, and no other', () => {
    const { actions, requeueAfterMs } = reconcile(seen(terminating));
    expect(actions).toMatchObject([
      { do: 'post', subresource: 'finalize', body: { spec: { finalizers: ['x.io/y'] } } },
    ]);
    expect(requeueAfterMs).toBeUndefined();
  });

  it('does nothing to a namespace that lives or is finalized already', () => {
    const alive: Namespace = { metadata: { name: 'a' }, spec: { finalizers: ['kubernetes'] } };
    const done: Namespace = { ...terminating, spec: { finalizers: ['x.io/y'] } };
    for (const namespace of [alive, done]) {
      const observed = seen(namespace, { type: pods, objects: [pod('p')] });
      expect(reconcile(observed)).toEqual({ actions: [] });
      expect(explain(observed)).toEqual([]);
    }
  });
});

describe('explain', () => {
  it('says what is left, what goes first, and whose finalizers keep it', () => {
    const held: KubeObject = { metadata: { ...pod('p', stamp).metadata, finalizers: ['b.io/c', 'a.io/b'] } };
    const map = { type: configMaps, objects: ['1', '2', '3', '4'].map((name) => pod(name)) };
    expect(explain(seen(terminating, map, { type: pods, objects: [held] }))).toEqual([
      {
        component: 'controller-namespace',
        code: 'ContentRemaining',
        text: '1 pods left in it (p); with finalizers that others have to take away: a.io/b, b.io/c',
      },
    ]);
    expect(explain(seen(terminating, map))).toMatchObject([{ text: '4 configmaps left in it (1, 2, 3, …)' }]);
  });
});
