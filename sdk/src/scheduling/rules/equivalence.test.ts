import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { Pod } from '../../kube/index.ts';
import type { NodeBatch, PodInfo, Reason, SchedulingPlugin } from '../../contracts/scheduler/index.ts';
import { PodClasses } from '../pod-class.ts';
import { imageLocality } from './image-locality.ts';
import { nodeAffinity } from './node-affinity.ts';
import { nodeName } from './node-name.ts';
import { nodePorts } from './node-ports.ts';
import { nodeResourcesBalancedAllocation } from './node-resources-balanced-allocation.ts';
import { nodeResourcesFit } from './node-resources-fit.ts';
import { nodeUnschedulable } from './node-unschedulable.ts';
import { nodeVolumeLimits } from './node-volume-limits.ts';
import { imageLocalityReference } from './reference/image-locality.ts';
import { nodeAffinityReference, nodeAffinityScoreReference } from './reference/node-affinity.ts';
import { nodeNameReference } from './reference/node-name.ts';
import { nodePortsReference } from './reference/node-ports.ts';
import type { ReferenceFilter, ReferenceScore, SmallCluster } from './reference/one-node.ts';
import {
  balancedAllocationReference,
  leastAllocatedReference,
  mostAllocatedReference,
  nodeResourcesFitReference,
  ratioReference,
} from './reference/resources.ts';
import {
  nodeUnschedulableReference,
  taintTolerationReference,
  taintTolerationScoreReference,
} from './reference/taints.ts';
import {
  nodeVolumeLimitsReference,
  volumeBindingReference,
  volumeRestrictionsReference,
  volumeZoneReference,
} from './reference/volumes.ts';
import { allNodes } from './row-facts.ts';
import { taintToleration } from './taint-toleration.ts';
import {
  claimingPodSketch,
  nodeOf,
  nodeSketch,
  objectsSketch,
  podSketch,
  type ObjectsSketch,
} from './testing/one-node-sketches.ts';
import { World } from './testing/one-node-world.ts';
import { volumeBinding } from './volume-binding.ts';
import { volumeRestrictions } from './volume-restrictions.ts';
import { volumeZone } from './volume-zone.ts';

interface Pair {
  readonly plugin: SchedulingPlugin;
  readonly filter?: ReferenceFilter;
  readonly score?: ReferenceScore;
  /** Looks at claims: most pods have some. */
  readonly claims?: true;
}

const gpu = 'example.com/gpu';
const weights = { cpu: 2, memory: 1, 'ephemeral-storage': 1, [gpu]: 5 };
const resources = Object.entries(weights).map(([name, weight]) => ({ name, weight }));
const shape = [
  { utilization: 10, score: 2 },
  { utilization: 50, score: 10 },
  { utilization: 90, score: 0 },
];

const pairs: Readonly<Record<string, () => Pair>> = {
  NodeName: () => ({ plugin: nodeName(), filter: nodeNameReference }),
  NodeUnschedulable: () => ({ plugin: nodeUnschedulable(), filter: nodeUnschedulableReference }),
  TaintToleration: () => ({
    plugin: taintToleration(),
    filter: taintTolerationReference,
    score: taintTolerationScoreReference,
  }),
  NodeAffinity: () => ({
    plugin: nodeAffinity(),
    filter: nodeAffinityReference,
    score: nodeAffinityScoreReference,
  }),
  NodePorts: () => ({ plugin: nodePorts(), filter: nodePortsReference }),
  'NodeResourcesFit, least allocated': () => ({
    plugin: nodeResourcesFit(),
    filter: nodeResourcesFitReference(),
    score: leastAllocatedReference({ cpu: 1, memory: 1 }),
  }),
  'NodeResourcesFit, most allocated': () => ({
    plugin: nodeResourcesFit({
      ignoredResourceGroups: ['example.com'],
      scoringStrategy: { type: 'MostAllocated', resources },
    }),
    filter: nodeResourcesFitReference((resource) => resource === gpu),
    score: mostAllocatedReference(weights),
  }),
  'NodeResourcesFit, ratio': () => ({
    plugin: nodeResourcesFit({
      ignoredResources: [gpu],
      scoringStrategy: { type: 'RequestedToCapacityRatio', resources, requestedToCapacityRatio: { shape } },
    }),
    filter: nodeResourcesFitReference((resource) => resource === gpu),
    score: ratioReference(
      weights,
      shape.map(({ utilization, score }) => [utilization, score] as const),
    ),
  }),
  NodeResourcesBalancedAllocation: () => ({
    plugin: nodeResourcesBalancedAllocation(),
    score: balancedAllocationReference(['cpu', 'memory']),
  }),
  'NodeResourcesBalancedAllocation of four resources': () => ({
    plugin: nodeResourcesBalancedAllocation({ resources }),
    score: balancedAllocationReference(Object.keys(weights)),
  }),
  ImageLocality: () => ({ plugin: imageLocality(), score: imageLocalityReference }),
  VolumeRestrictions: () => ({ plugin: volumeRestrictions(), filter: volumeRestrictionsReference, claims: true }),
  NodeVolumeLimits: () => ({ plugin: nodeVolumeLimits(), filter: nodeVolumeLimitsReference, claims: true }),
  VolumeBinding: () => ({ plugin: volumeBinding(), filter: volumeBindingReference, claims: true }),
  VolumeZone: () => ({ plugin: volumeZone(), filter: volumeZoneReference, claims: true }),
};

/** Enough that batches are looked at by value, not node by node. */
const nodeTotal = 40;

type Texts = Record<string, string[]>;

function emptyTexts({ rows, count, view }: NodeBatch): Texts {
  return Object.fromEntries([...rows.subarray(0, count)].map((row) => [view.names[row] ?? '', [] as string[]]));
}

function firstOf({ rows, count, view }: NodeBatch, most: number): NodeBatch {
  return { rows, count: Math.min(count, most), view };
}

/** Reasons by node, as the framework would get them; each can be explained. */
function verdicts(plugin: SchedulingPlugin, pod: PodInfo, nodes: NodeBatch): Texts {
  const texts = emptyTexts(nodes);
  const { status, state, nodeNames } = plugin.preFilter?.(pod, nodes.view) ?? { status: { code: 'success' } };
  if (status.code === 'skip') return texts;
  if (status.code !== 'success') {
    expect(status).toEqual({ code: 'unresolvable', reason: expect.any(String), reasonCode: expect.any(String) });
    for (const name of Object.keys(texts)) texts[name] = [status.reason ?? ''];
    return texts;
  }
  const explained = new Set<Reason>();
  const reject = (row: number, reason: Reason): void => {
    texts[nodes.view.names[row] ?? '']?.push(reason.text);
    if (explained.has(reason)) return;
    explained.add(reason);
    const one = { rows: Int32Array.of(row), count: 1, view: nodes.view };
    expect(plugin.explain?.(pod, one, reason, state).unblock).toMatch(/\w/);
  };
  plugin.filter?.(pod, nodes, { reject }, state);
  if (nodeNames !== undefined) {
    const passing = Object.keys(texts).filter((name) => texts[name]?.length === 0);
    expect(nodeNames).toEqual(expect.arrayContaining(passing));
  }
  return texts;
}

function rawScores(plugin: SchedulingPlugin, pod: PodInfo, nodes: NodeBatch): Record<string, number> {
  const scores = new Float64Array(nodes.view.size).fill(-1);
  const { status, state } = plugin.preScore?.(pod, nodes) ?? { status: { code: 'success' } };
  if (status.code === 'skip') scores.fill(0);
  else plugin.score?.(pod, nodes, scores, state);
  return Object.fromEntries(
    [...nodes.rows.subarray(0, nodes.count)].map((row) => [nodes.view.names[row], scores[row]]),
  );
}

function expectSame({ plugin, filter, score }: Pair, pod: PodInfo, nodes: NodeBatch, cluster: SmallCluster): void {
  const asked = cluster.nodes.slice(0, nodes.count);
  const ask = <T>(of: (here: SmallCluster['nodes'][number]) => T): Record<string, T> =>
    Object.fromEntries(asked.map((here) => [here.node.metadata.name ?? '', of(here)]));
  const inOrder = (texts: Readonly<Record<string, readonly string[]>>): Texts =>
    Object.fromEntries(Object.entries(texts).map(([name, list]) => [name, list.toSorted()]));
  if (filter !== undefined) {
    expect(inOrder(verdicts(plugin, pod, nodes))).toEqual(inOrder(ask((here) => filter(pod.pod, here, cluster))));
  }
  if (score !== undefined) {
    expect(rawScores(plugin, pod, nodes)).toEqual(ask((here) => score(pod.pod, here, cluster)));
  }
}

function cycled<T>(list: readonly T[], at: number): T {
  const item = list[at % list.length];
  if (item === undefined) throw new Error('the list is empty');
  return item;
}

const row = fc.nat({ max: nodeTotal - 1 });
const changeWith = (pod: fc.Arbitrary<Pod>) =>
  fc.oneof(
    fc.record({ kind: fc.constantFrom('bind' as const, 'assume' as const), row, pod }),
    fc.record({ kind: fc.constantFrom('unbind' as const, 'remove' as const, 'lose' as const), row }),
    fc.record({ kind: fc.constant('node' as const), row, node: nodeSketch }),
    fc.record({ kind: fc.constant('objects' as const), objects: objectsSketch }),
    fc.record({ kind: fc.constant('sync' as const) }),
  );
type Change = ReturnType<typeof changeWith> extends fc.Arbitrary<infer T> ? T : never;

function apply(world: World, step: Change, infoOf: (pod: Pod) => PodInfo): void {
  switch (step.kind) {
    case 'bind':
      return world.bind(step.row, infoOf(step.pod));
    case 'assume':
      return world.assume(step.row, infoOf(step.pod));
    case 'unbind':
      return world.unbind(step.row);
    case 'remove':
      return world.remove(step.row);
    case 'lose':
      return world.setNode(step.row, undefined);
    case 'node':
      return world.setNode(step.row, nodeOf(`n${step.row}`, step.node));
    case 'objects':
      return world.setObjects(step.objects);
    case 'sync':
      return world.sync();
  }
}

interface Run {
  readonly nodes: Parameters<typeof nodeOf>[1][];
  readonly objects: ObjectsSketch;
  readonly placed: Pod[];
  readonly probes: Pod[];
  readonly changes: Change[];
}

function runsOf(pod: fc.Arbitrary<Pod>): fc.Arbitrary<Run> {
  return fc.record({
    nodes: fc.array(nodeSketch, { minLength: 1, maxLength: 6 }),
    objects: objectsSketch,
    placed: fc.array(pod, { maxLength: 4 }),
    probes: fc.array(pod, { minLength: 1, maxLength: 3 }),
    changes: fc.array(changeWith(pod), { maxLength: 6 }),
  });
}

const claimingPod = fc.oneof({ weight: 1, arbitrary: podSketch }, { weight: 3, arbitrary: claimingPodSketch });
const runs = runsOf(podSketch);
const claimRuns = runsOf(claimingPod);

/** Compares at the start and after every change. */
function follow(pair: Pair, { nodes, objects, placed, probes, changes }: Run): void {
  const classes = new PodClasses();
  let uid = 0;
  const placedInfo = (pod: Pod): PodInfo => {
    uid += 1;
    return classes.infoOf({ ...pod, metadata: { ...pod.metadata, uid: `placed-${uid}` } });
  };
  const all = Array.from({ length: nodeTotal }, (_, at) => nodeOf(`n${at}`, cycled(nodes, at)));
  const world = new World(all, objects);
  for (const [at, pod] of placed.entries()) world.bind(at % 2, placedInfo(pod));
  for (const step of [{ kind: 'sync' as const }, ...changes]) {
    apply(world, step, placedInfo);
    const batch = allNodes(world.state);
    for (const pod of probes) {
      for (const nodes of [firstOf(batch, 5), batch]) expectSame(pair, classes.infoOf(pod), nodes, world.cluster);
    }
  }
}

describe('rules about single nodes', () => {
  it.each(Object.entries(pairs))('%s: the batch says what the reference says, also after changes', (_, make) => {
    const of = make().claims === true ? claimRuns : runs;
    fc.assert(
      fc.property(of, (run) => follow(make(), run)),
      { numRuns: 100 },
    );
  });
});
