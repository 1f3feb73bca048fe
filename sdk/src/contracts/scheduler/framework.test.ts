import { describe, expect, it } from '@jest/globals';
import type { Node, Pod, PodSpec } from '../../kube/index.ts';
import {
  fewestPods,
  leastAllocated,
  mostAllocated,
  podRequest,
  ruleScheduler,
  standardFilters,
  type Decision,
  type NodeTable,
  type Scheduler,
} from './index.ts';

function node(name: string, over: Partial<Node['spec']> & { labels?: Record<string, string> } = {}): Node {
  const { labels, ...spec } = over;
  return {
    metadata: { name, labels: labels ?? {} },
    spec,
    status: { allocatable: { cpu: '4', memory: '8Gi', pods: '10' } },
  };
}

function table(nodes: readonly Node[], podsOn: Readonly<Record<string, readonly Pod[]>> = {}): NodeTable {
  const column = (value: (name: string) => number): Float64Array =>
    Float64Array.from(nodes, (entry) => value(entry.metadata.name ?? ''));
  const on = (name: string): readonly Pod[] => podsOn[name] ?? [];
  const sum = (name: string, value: (pod: Pod) => number): number =>
    on(name).reduce((total, pod) => total + value(pod), 0);
  return {
    count: nodes.length,
    names: nodes.map((entry) => entry.metadata.name ?? ''),
    nodes,
    allocatableMilliCpu: column(() => 4000),
    allocatableMemoryBytes: column(() => 8 * 2 ** 30),
    allocatablePods: column(() => 10),
    requestedMilliCpu: column((name) => sum(name, (pod) => podRequest(pod).milliCpu)),
    requestedMemoryBytes: column((name) => sum(name, (pod) => podRequest(pod).memoryBytes)),
    podCount: column((name) => on(name).length),
    pods: nodes.map((entry) => on(entry.metadata.name ?? '')),
  };
}

let uid = 0;
function pod(cpu: string | undefined, spec: Partial<PodSpec> = {}): Pod {
  uid += 1;
  const requests = cpu === undefined ? {} : { cpu };
  return {
    metadata: { name: `p${uid}`, namespace: 'default', uid: `uid-${uid}` },
    spec: { containers: [{ name: 'c', resources: { requests } }], ...spec },
  };
}

async function decide(scheduler: Scheduler, pods: readonly Pod[], nodes: NodeTable): Promise<readonly Decision[]> {
  return scheduler.decide(
    pods.map((entry) => ({ pod: entry, request: podRequest(entry) })),
    { generation: 1, table: nodes },
  );
}

const chosen = (decision: Decision | undefined): string | undefined =>
  decision?.outcome === 'bind' ? decision.nodeName : undefined;

const spread = (): Scheduler =>
  ruleScheduler({ filters: standardFilters, scores: [leastAllocated(1), fewestPods(0.1)] });
const pack = (): Scheduler => ruleScheduler({ filters: standardFilters, scores: [mostAllocated(1)] });

describe('ruleScheduler', () => {
  it('counts the pods of the same batch', async () => {
    const pods = [pod('3'), pod('3'), pod('3')];
    const decisions = await decide(pack(), pods, table([node('a'), node('b')]));
    expect(decisions.map((decision) => decision.outcome)).toEqual(['bind', 'bind', 'unschedulable']);
    expect(new Set(decisions.slice(0, 2).map(chosen))).toEqual(new Set(['a', 'b']));
    expect(decisions.map((decision) => decision.podUid)).toEqual(pods.map((entry) => entry.metadata.uid));
  });

  it('spreads with leastAllocated and packs with mostAllocated', async () => {
    const nodes = table([node('a'), node('b')], { a: [pod('1')] });
    expect(chosen((await decide(spread(), [pod('1')], nodes))[0])).toBe('b');
    expect(chosen((await decide(pack(), [pod('1')], nodes))[0])).toBe('a');
  });

  it('shares pods without requests among equal nodes', async () => {
    const nodes = table([node('a'), node('b'), node('c')]);
    const decisions = await decide(
      spread(),
      Array.from({ length: 9 }, () => pod(undefined)),
      nodes,
    );
    const counts = new Map<string, number>();
    for (const decision of decisions) counts.set(chosen(decision) ?? '', (counts.get(chosen(decision) ?? '') ?? 0) + 1);
    expect([...counts.values()]).toEqual([3, 3, 3]);
  });

  it('groups nodes by the reason that took them out', async () => {
    const nodes = table(
      [
        node('a', { taints: [{ key: 'k', effect: 'NoSchedule' }] }),
        node('b', { unschedulable: true }),
        node('c'),
        node('d'),
      ],
      { c: [pod('4')], d: [pod('4')] },
    );
    const [decision] = await decide(spread(), [pod('1')], nodes);
    expect(decision).toEqual({
      outcome: 'unschedulable',
      podUid: expect.any(String),
      rejections: [
        { rule: 'NodeResourcesFit', reason: 'Insufficient cpu', nodeCount: 2 },
        { rule: 'TaintToleration', reason: 'node(s) had untolerated taint(s)', nodeCount: 1 },
        { rule: 'NodeUnschedulable', reason: 'node(s) were unschedulable', nodeCount: 1 },
      ],
    });
  });

  it('answers for a cluster without nodes', async () => {
    const [decision] = await decide(spread(), [pod('1')], table([]));
    expect(decision).toMatchObject({ outcome: 'unschedulable', rejections: [] });
  });
});

describe('filters', () => {
  const cases: readonly { name: string; spec: Partial<PodSpec>; nodes: readonly Node[]; wanted: string | undefined }[] =
    [
      { name: 'nodeName', spec: { nodeName: 'b' }, nodes: [node('a'), node('b')], wanted: 'b' },
      {
        name: 'nodeSelector',
        spec: { nodeSelector: { disk: 'ssd' } },
        nodes: [node('a'), node('b', { labels: { disk: 'ssd' } })],
        wanted: 'b',
      },
      {
        name: 'nodeSelector without a match',
        spec: { nodeSelector: { disk: 'ssd' } },
        nodes: [node('a')],
        wanted: undefined,
      },
      {
        name: 'required node affinity by field',
        spec: {
          affinity: {
            nodeAffinity: {
              requiredDuringSchedulingIgnoredDuringExecution: {
                nodeSelectorTerms: [{ matchFields: [{ key: 'metadata.name', operator: 'In', values: ['b'] }] }],
              },
            },
          },
        },
        nodes: [node('a'), node('b')],
        wanted: 'b',
      },
      {
        name: 'a tolerated taint',
        spec: { tolerations: [{ key: 'gpu', operator: 'Exists' }] },
        nodes: [node('a', { taints: [{ key: 'gpu', value: 'x', effect: 'NoSchedule' }] })],
        wanted: 'a',
      },
      {
        name: 'a toleration of another value',
        spec: { tolerations: [{ key: 'gpu', value: 'y' }] },
        nodes: [node('a', { taints: [{ key: 'gpu', value: 'x', effect: 'NoSchedule' }] })],
        wanted: undefined,
      },
      {
        name: 'PreferNoSchedule does not keep a pod away',
        spec: {},
        nodes: [node('a', { taints: [{ key: 'gpu', effect: 'PreferNoSchedule' }] })],
        wanted: 'a',
      },
      {
        name: 'required anti-affinity is refused, not ignored',
        spec: { affinity: { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [] } } },
        nodes: [node('a')],
        wanted: undefined,
      },
    ];
  for (const { name, spec, nodes, wanted } of cases) {
    it(name, async () => {
      const [decision] = await decide(spread(), [pod('100m', spec)], table(nodes));
      expect(chosen(decision)).toBe(wanted);
    });
  }

  it('keeps host ports apart, also within a batch', async () => {
    const withPort = (): Pod =>
      pod('100m', { containers: [{ name: 'c', ports: [{ containerPort: 80, hostPort: 80 }] }] });
    const decisions = await decide(spread(), [withPort(), withPort(), withPort()], table([node('a'), node('b')]));
    expect(new Set(decisions.slice(0, 2).map(chosen))).toEqual(new Set(['a', 'b']));
    expect(decisions[2]?.outcome).toBe('unschedulable');
  });

  it('stops at the number of pods a node takes', async () => {
    const full = Array.from({ length: 10 }, () => pod(undefined));
    const [decision] = await decide(spread(), [pod(undefined)], table([node('a')], { a: full }));
    expect(decision).toMatchObject({ rejections: [{ reason: 'Too many pods' }] });
  });
});

describe('podRequest', () => {
  it('takes the larger of init containers and containers, and adds sidecars and overhead', () => {
    const wants = (cpu: string): { resources: { requests: { cpu: string } } } => ({ resources: { requests: { cpu } } });
    const request = podRequest({
      metadata: { name: 'p' },
      spec: {
        initContainers: [
          { name: 'first', ...wants('500m') },
          { name: 'side', restartPolicy: 'Always', ...wants('100m') },
          { name: 'second', ...wants('2') },
        ],
        containers: [
          { name: 'a', ...wants('250m') },
          { name: 'b', ...wants('0.1') },
        ],
        overhead: { cpu: '10m' },
      },
    });
    // second (2000) beside the sidecar (100) is more than a + b + sidecar (450); overhead comes on top.
    expect(request.milliCpu).toBe(2110);
  });

  it('takes a limit for the request where there is none', () => {
    const request = podRequest({
      metadata: {},
      spec: { containers: [{ name: 'a', resources: { limits: { memory: '1Gi' } } }] },
    });
    expect(request.memoryBytes).toBe(2 ** 30);
  });
});
