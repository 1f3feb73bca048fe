/** Rules that every scheduler keeps: a pod, a node that can take it, and one that cannot. */
import type { Node } from '@timonel/sdk/kube';
import type { PodInfo } from '@timonel/sdk/contracts/scheduler';
import { aNode, aPod, type NodeSketch, type PodSketch } from './sketches.ts';

export interface RuleCase {
  readonly rule: string;
  readonly pod: PodSketch;
  /** Of the node that cannot take the pod. */
  readonly bad: NodeSketch;
  readonly good?: NodeSketch;
  /** Pods that are on the bad node. */
  readonly there?: readonly PodSketch[];
  /** The plugin that says no. */
  readonly plugin: string;
}

const web = { labels: { app: 'web' } };
const hostPort = { containers: [{ name: 'main', image: 'x:1', ports: [{ containerPort: 80, hostPort: 80 }] }] };
const byHost = { topologyKey: 'kubernetes.io/hostname', labelSelector: { matchLabels: { app: 'web' } } };
const inZone = { matchExpressions: [{ key: 'zone', operator: 'In', values: ['a'] }] };

export const ruleCases: readonly RuleCase[] = [
  { rule: 'cpu', pod: { cpu: '3' }, bad: { cpu: '2' }, plugin: 'NodeResourcesFit' },
  { rule: 'memory', pod: { memory: '4Gi' }, bad: { memory: '2Gi' }, plugin: 'NodeResourcesFit' },
  { rule: 'cpu of pods that are there', pod: { cpu: '3' }, bad: {}, there: [{ cpu: '2' }], plugin: 'NodeResourcesFit' },
  { rule: 'number of pods', pod: {}, bad: { pods: '1' }, there: [{}], plugin: 'NodeResourcesFit' },
  { rule: 'cordoned', pod: {}, bad: { spec: { unschedulable: true } }, plugin: 'NodeUnschedulable' },
  {
    rule: 'taint',
    pod: {},
    bad: { spec: { taints: [{ key: 'dedicated', value: 'x', effect: 'NoSchedule' }] } },
    plugin: 'TaintToleration',
  },
  {
    rule: 'node selector',
    pod: { spec: { nodeSelector: { disk: 'ssd' } } },
    bad: { labels: { disk: 'hdd' } },
    good: { labels: { disk: 'ssd' } },
    plugin: 'NodeAffinity',
  },
  {
    rule: 'node affinity',
    pod: {
      spec: {
        affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [inZone] } } },
      },
    },
    bad: { labels: { zone: 'b' } },
    good: { labels: { zone: 'a' } },
    plugin: 'NodeAffinity',
  },
  { rule: 'host port', pod: { spec: hostPort }, bad: {}, there: [{ spec: hostPort }], plugin: 'NodePorts' },
  {
    rule: 'anti-affinity',
    pod: {
      ...web,
      spec: { affinity: { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [byHost] } } },
    },
    bad: {},
    there: [web],
    plugin: 'InterPodAffinity',
  },
  {
    rule: 'topology spread',
    pod: {
      ...web,
      spec: { topologySpreadConstraints: [{ ...byHost, maxSkew: 1, whenUnsatisfiable: 'DoNotSchedule' }] },
    },
    bad: {},
    there: [web],
    plugin: 'PodTopologySpread',
  },
];

/** The nodes `bad` and `good`, what is on `bad`, and the pod. */
export function sceneOf({ pod, bad, good = {}, there = [] }: RuleCase): {
  readonly nodes: readonly Node[];
  readonly placed: ReadonlyMap<string, readonly PodInfo[]>;
  readonly pod: PodInfo;
} {
  return {
    nodes: [aNode('bad', bad), aNode('good', good)],
    placed: new Map([['bad', there.map((sketch) => aPod(sketch))]]),
    pod: aPod(pod),
  };
}
