import { describe, expect, it } from '@jest/globals';
import { podTopologySpread } from './pod-topology-spread.ts';
import { appSelector, isHelped, labelledNode, SmallCluster, zoneLabel } from './testing/small-cluster.ts';

const plugin = podTopologySpread();
const spread = (more: Record<string, unknown> = {}) => ({
  topologySpreadConstraints: [
    {
      topologyKey: zoneLabel,
      maxSkew: 1,
      whenUnsatisfiable: 'DoNotSchedule',
      labelSelector: appSelector('web'),
      ...more,
    },
  ],
});
const nodeA = labelledNode('n1', { [zoneLabel]: 'a' });
const nodeB = labelledNode('n2', { [zoneLabel]: 'b' });
const bare = labelledNode('n3', {});

function crowded(nodes = [nodeA, nodeB]): SmallCluster {
  const cluster = new SmallCluster(nodes);
  for (const name of ['p1', 'p2']) cluster.place('n1', cluster.pod(name, { app: 'web' }));
  return cluster;
}

describe('PodTopologySpread', () => {
  it('has nothing to say to pods without constraints', () => {
    const cluster = new SmallCluster([nodeA]);
    const pod = cluster.pod('q', { app: 'web' });
    expect(plugin.preFilter?.(pod, cluster.view).status.code).toBe('skip');
    expect(plugin.preScore?.(pod, { rows: Int32Array.of(0), count: 1, view: cluster.view }).status.code).toBe('skip');
  });

  it('tells the skew, and where the fewest pods are', () => {
    const cluster = crowded();
    expect(cluster.explain(plugin, cluster.pod('q', { app: 'web' }, spread()))).toEqual({
      'topology-spread': {
        detail: {
          topologyKey: zoneLabel,
          domain: 'a',
          node: 'n1',
          skew: 3,
          maxSkew: 1,
          leastPods: 0,
          leastDomains: ['b'],
          domains: 2,
          minDomains: 1,
        },
        unblock: `make room in ${zoneLabel}=b, or remove 2 pods from ${zoneLabel}=a`,
      },
    });
  });

  it('tells that domains are too few', () => {
    const cluster = crowded();
    const explained = cluster.explain(plugin, cluster.pod('q', { app: 'web' }, spread({ minDomains: 4 })));
    expect(explained['topology-spread']?.unblock).toBe(`add nodes in 2 more domains of ${zoneLabel}`);
  });

  it('tells which label is missing', () => {
    const cluster = crowded([nodeA, nodeB, bare]);
    const explained = cluster.explain(plugin, cluster.pod('q', { app: 'web' }, spread()));
    expect(explained['topology-spread-label']).toEqual({
      detail: { topologyKey: zoneLabel, node: 'n3', nodes: 1 },
      unblock: `add label ${zoneLabel} to node n3`,
    });
  });

  it('counts the pods of each node when two have the same hostname', () => {
    const host = 'kubernetes.io/hostname';
    const cluster = new SmallCluster([labelledNode('n1', { [host]: 'h' }), labelledNode('n2', { [host]: 'h' })]);
    cluster.place('n1', cluster.pod('p', { app: 'web' }));
    const soft = spread({ topologyKey: host, whenUnsatisfiable: 'ScheduleAnyway' });
    const pod = cluster.pod('q', { app: 'web' }, soft);
    const batch = { rows: Int32Array.of(0, 1), count: 2, view: cluster.view };
    const scores = new Float64Array(2);
    plugin.score?.(pod, batch, scores, plugin.preScore?.(pod, batch).state);
    expect([...scores]).toEqual([1, 0]);
  });

  it('knows which events may help', () => {
    const cluster = new SmallCluster([]);
    const [web, db] = [cluster.pod('w', { app: 'web' }), cluster.pod('d', { app: 'db' })];
    const pod = cluster.pod('q', { app: 'web' }, spread());
    const honoring = cluster.pod('r', { app: 'web' }, spread({ nodeTaintsPolicy: 'Honor' }));
    const selecting = cluster.pod('s', { app: 'web' }, { nodeSelector: { disk: 'ssd' }, ...spread() });
    for (const kind of ['pod-bound', 'pod-removed'] as const) {
      expect(isHelped(plugin, pod, { kind, pod: web, nodeName: 'n' })).toBe(true);
      expect(isHelped(plugin, pod, { kind, pod: db, nodeName: 'n' })).toBe(false);
    }
    expect(isHelped(plugin, pod, { kind: 'pod-updated', pod: web, old: db, nodeName: 'n' })).toBe(true);
    expect(isHelped(plugin, pod, { kind: 'pod-updated', pod: web, old: web, nodeName: 'n' })).toBe(false);
    for (const kind of ['node-added', 'node-removed'] as const) {
      expect(isHelped(plugin, pod, { kind, node: nodeA })).toBe(true);
      expect(isHelped(plugin, pod, { kind, node: bare })).toBe(false);
    }
    const relabelled = { kind: 'node-updated', node: nodeB, old: nodeA, parts: ['labels'] } as const;
    expect(isHelped(plugin, pod, relabelled)).toBe(true);
    expect(isHelped(plugin, pod, { ...relabelled, old: nodeB })).toBe(false);
    expect(isHelped(plugin, selecting, { ...relabelled, old: nodeB })).toBe(true);
    expect(isHelped(plugin, pod, { ...relabelled, parts: ['taints'] })).toBe(false);
    expect(isHelped(plugin, honoring, { ...relabelled, parts: ['taints'] })).toBe(true);
  });
});
