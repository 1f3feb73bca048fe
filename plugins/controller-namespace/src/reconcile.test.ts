import { describe, expect, it } from '@jest/globals';
import { configMaps, pods, type KubeObject, type Namespace } from '@timonel/sdk/kube';
import { plan } from './reconcile.ts';

const stamp = '2026-01-01T00:00:00Z';
const terminating: Namespace = {
  metadata: { name: 'a', deletionTimestamp: stamp },
  spec: { finalizers: ['kubernetes', 'x.io/y'] },
};
const pod = (name: string, deletionTimestamp?: string): KubeObject => ({
  metadata: { name, namespace: 'a', ...(deletionTimestamp === undefined ? {} : { deletionTimestamp }) },
});

describe('plan', () => {
  it('deletes what is not being deleted yet and waits for the rest', () => {
    const { actions, remaining } = plan({
      namespace: terminating,
      content: [{ type: pods, objects: [pod('p'), pod('q', stamp)] }],
    });
    expect(actions).toMatchObject([{ do: 'delete', object: { metadata: { name: 'p' } } }]);
    expect(remaining).toBe(2);
  });

  it('leaves everything else alone as long as there are pods', () => {
    const map = { type: configMaps, objects: [pod('m')] };
    const during = plan({ namespace: terminating, content: [map, { type: pods, objects: [pod('p', stamp)] }] });
    expect(during).toEqual({ actions: [], remaining: 2 });
    expect(plan({ namespace: terminating, content: [map] }).actions).toMatchObject([
      { do: 'delete', type: configMaps },
    ]);
  });

  it('takes its own finalizer away once nothing is left, and no other', () => {
    expect(plan({ namespace: terminating, content: [] }).actions).toEqual([
      { do: 'finalize', finalizers: ['x.io/y'], cause: 'NamespaceEmpty' },
    ]);
  });

  it('does nothing to a namespace that lives or is finalized already', () => {
    const alive: Namespace = { metadata: { name: 'a' }, spec: { finalizers: ['kubernetes'] } };
    const done: Namespace = { ...terminating, spec: { finalizers: ['x.io/y'] } };
    for (const namespace of [alive, done]) {
      expect(plan({ namespace, content: [{ type: pods, objects: [pod('p')] }] })).toEqual({
        actions: [],
        remaining: 0,
      });
    }
  });
});
