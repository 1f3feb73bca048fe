import { describe, expect, it } from '@jest/globals';
import { interPodAffinity } from './inter-pod-affinity.ts';
import { appSelector, isHelped, labelledNode, SmallCluster, zoneLabel } from './testing/small-cluster.ts';

const plugin = interPodAffinity();
const required = (kind: 'podAffinity' | 'podAntiAffinity', ...terms: Record<string, unknown>[]) => ({
  affinity: { [kind]: { requiredDuringSchedulingIgnoredDuringExecution: terms } },
});
const near = (app: string) => required('podAffinity', { topologyKey: zoneLabel, labelSelector: appSelector(app) });
const apart = (app: string) => required('podAntiAffinity', { topologyKey: zoneLabel, labelSelector: appSelector(app) });
const nodeA = labelledNode('n1', { [zoneLabel]: 'a' });
const nodeB = labelledNode('n2', { [zoneLabel]: 'b' });
const bare = labelledNode('n3', {});

describe('InterPodAffinity', () => {
  it('has nothing to say when neither the pod nor a placed one has terms that matter', () => {
    const cluster = new SmallCluster([nodeA]);
    cluster.place('n1', cluster.pod('p', { app: 'web' }, apart('db')));
    const pod = cluster.pod('q', { app: 'web' });
    expect(plugin.preFilter?.(pod, cluster.view).status.code).toBe('skip');
    expect(plugin.preScore?.(pod, { rows: Int32Array.of(0), count: 1, view: cluster.view }).status.code).toBe('skip');
  });

  it('does not score pods without preferences of their own when it is told to', () => {
    const cluster = new SmallCluster([nodeA]);
    cluster.place('n1', cluster.pod('p', { app: 'web' }, near('web')));
    const batch = { rows: Int32Array.of(0), count: 1, view: cluster.view };
    const pod = cluster.pod('q', { app: 'web' });
    expect(plugin.preScore?.(pod, batch).status.code).toBe('success');
    const ignoring = interPodAffinity({ ignorePreferredTermsOfExistingPods: true });
    expect(ignoring.preScore?.(pod, batch).status.code).toBe('skip');
  });

  it('names the pod that is in the way of anti-affinity, where the fewest are', () => {
    const cluster = new SmallCluster([nodeA, nodeB]);
    for (const name of ['p1', 'p2']) cluster.place('n1', cluster.pod(name, { app: 'web' }));
    cluster.place('n2', cluster.pod('p3', { app: 'web' }));
    expect(cluster.explain(plugin, cluster.pod('q', { app: 'x' }, apart('web')))).toEqual({
      'pod-anti-affinity': {
        detail: {
          labelSelector: 'app=web',
          topologyKey: zoneLabel,
          domain: `${zoneLabel}=b`,
          node: 'n2',
          peers: 1,
          peer: 'shop/p3',
        },
        unblock: `remove pod shop/p3 from ${zoneLabel}=b`,
      },
    });
  });

  it('names the placed pod that does not want the new one near', () => {
    const cluster = new SmallCluster([nodeA]);
    cluster.place('n1', cluster.pod('p0', { app: 'web' }));
    for (const name of ['p1', 'p2']) cluster.place('n1', cluster.pod(name, { app: 'db' }, apart('web')));
    expect(cluster.explain(plugin, cluster.pod('q', { app: 'web' }))).toEqual({
      'existing-pod-anti-affinity': {
        detail: { topologyKey: zoneLabel, domain: `${zoneLabel}=a`, node: 'n1', peers: 2, peer: 'shop/p1' },
        unblock: `remove 2 pods, such as shop/p1, from ${zoneLabel}=a`,
      },
    });
  });

  it('tells where wanted pods are, or that there are none', () => {
    const cluster = new SmallCluster([nodeA, nodeB, bare]);
    const pod = cluster.pod('q', { app: 'x' }, near('db'));
    const none = cluster.explain(plugin, pod)['pod-affinity'];
    expect(none).toEqual({
      detail: { labelSelector: 'app=db', topologyKey: zoneLabel, peers: 0, domains: [], nodesWithoutLabel: 1 },
      unblock: 'place a pod that matches app=db on one of 3 nodes',
    });
    cluster.place('n2', cluster.pod('p', { app: 'db' }));
    const some = cluster.explain(plugin, pod)['pod-affinity'];
    expect(some?.detail).toMatchObject({ peers: 1, domains: ['b'], nodesWithoutLabel: 1 });
    expect(some?.unblock).toBe(`make room in ${zoneLabel}=b, where such pods are`);
  });

  it('tells that the label of the topology is missing', () => {
    const cluster = new SmallCluster([bare]);
    const pod = cluster.pod('q', { app: 'db' }, near('db'));
    expect(cluster.explain(plugin, pod)['pod-affinity']?.unblock).toBe(`add label ${zoneLabel} to node n3`);
  });

  it('knows which events may help', () => {
    const cluster = new SmallCluster([]);
    const [web, db] = [cluster.pod('w', { app: 'web' }), cluster.pod('d', { app: 'db' })];
    const hater = cluster.pod('h', { app: 'db' }, apart('web'));
    const wants = cluster.pod('q', { app: 'x' }, near('web'));
    const avoids = cluster.pod('r', { app: 'x' }, apart('web'));
    const bound = (pod: typeof web) => ({ kind: 'pod-bound', pod, nodeName: 'n' }) as const;
    const removed = (pod: typeof web) => ({ kind: 'pod-removed', pod, nodeName: 'n' }) as const;
    const updated = (old: typeof web, pod: typeof web) => ({ kind: 'pod-updated', pod, old, nodeName: 'n' }) as const;
    expect([isHelped(plugin, wants, bound(web)), isHelped(plugin, wants, bound(db))]).toEqual([true, false]);
    expect(isHelped(plugin, avoids, bound(web))).toBe(false);
    expect([isHelped(plugin, avoids, removed(web)), isHelped(plugin, avoids, removed(db))]).toEqual([true, false]);
    expect([isHelped(plugin, web, removed(hater)), isHelped(plugin, db, removed(hater))]).toEqual([true, false]);
    expect([isHelped(plugin, wants, updated(db, web)), isHelped(plugin, wants, updated(web, db))]).toEqual([
      true,
      false,
    ]);
    expect([isHelped(plugin, avoids, updated(web, db)), isHelped(plugin, avoids, updated(db, db))]).toEqual([
      true,
      false,
    ]);
    expect(isHelped(plugin, wants, { kind: 'node-added', node: bare })).toBe(false);
    expect(isHelped(plugin, avoids, { kind: 'node-added', node: bare })).toBe(true);
    const relabelled = { kind: 'node-updated', node: nodeB, old: nodeA, parts: ['labels'] } as const;
    expect(isHelped(plugin, wants, relabelled)).toBe(true);
    expect(isHelped(plugin, wants, { ...relabelled, old: nodeB })).toBe(false);
    expect(isHelped(plugin, wants, { ...relabelled, parts: ['allocatable'] })).toBe(false);
    expect(isHelped(plugin, wants, { kind: 'object-changed', resource: 'namespaces' })).toBe(false);
    expect(isHelped(plugin, web, { kind: 'object-changed', resource: 'namespaces' })).toBe(true);
  });
});
