import { describe, expect, it } from '@jest/globals';
import type { ClusterEvent, NodePart, PodInfo, SchedulingPlugin } from '../../contracts/scheduler/index.ts';
import type { Node } from '../../kube/index.ts';
import { nodeAffinity } from './node-affinity.ts';
import { nodePorts } from './node-ports.ts';
import { nodeResourcesFit } from './node-resources-fit.ts';
import { nodeUnschedulable } from './node-unschedulable.ts';
import { taintToleration } from './taint-toleration.ts';
import { nodeWith, podOf, requesting } from './testing/refusals.ts';
import { volumeBinding } from './volume-binding.ts';

function helps({ requeueHints = [] }: SchedulingPlugin, pod: PodInfo, event: ClusterEvent): boolean {
  return requeueHints.some((hint) => hint.event === event.kind && (hint.helps?.(pod, event) ?? true));
}

const added = (node: Node): ClusterEvent => ({ kind: 'node-added', node });
const updated = (old: Node, node: Node, ...parts: NodePart[]): ClusterEvent => ({
  kind: 'node-updated',
  old,
  node,
  parts,
});
const removed = (pod: PodInfo): ClusterEvent => ({ kind: 'pod-removed', pod, nodeName: 'a' });
const room = (cpu: string): Node => nodeWith('a', { status: { allocatable: { cpu, pods: '10' } } });

describe('what lets a pod be tried again', () => {
  it('NodeResourcesFit: a node that is large enough, more of what is asked for, a pod that goes or shrinks', () => {
    const plugin = nodeResourcesFit();
    const pod = requesting({ cpu: '2' });
    expect([room('1'), room('2')].map((node) => helps(plugin, pod, added(node)))).toEqual([false, true]);
    expect(helps(plugin, pod, updated(room('2'), room('3'), 'allocatable'))).toBe(true);
    expect(helps(plugin, pod, updated(room('3'), room('2'), 'allocatable'))).toBe(false);
    expect(helps(plugin, pod, updated(room('1'), room('1500m'), 'allocatable'))).toBe(false);
    expect(helps(plugin, pod, removed(requesting({ cpu: '1' })))).toBe(true);
    const change = (before: string, now: string): ClusterEvent => ({
      kind: 'pod-updated',
      old: requesting({ cpu: before }),
      pod: requesting({ cpu: now }),
      nodeName: 'a',
    });
    expect([helps(plugin, pod, change('2', '1')), helps(plugin, pod, change('1', '2'))]).toEqual([true, false]);
  });

  it('taints, cordons and affinity: a node that fits now and did not before', () => {
    const tainted = nodeWith('a', { spec: { taints: [{ key: 'k', effect: 'NoSchedule' }] } });
    const cordoned = nodeWith('a', { spec: { unschedulable: true } });
    const labelled = nodeWith('a', { labels: { disk: 'ssd' } });
    const plain = nodeWith('a');
    const wishing = podOf({ nodeSelector: { disk: 'ssd' } });
    const cases: [SchedulingPlugin, PodInfo, bad: Node, good: Node][] = [
      [taintToleration(), podOf({}), tainted, plain],
      [nodeUnschedulable(), podOf({}), cordoned, plain],
      [nodeAffinity(), wishing, plain, labelled],
    ];
    for (const [plugin, pod, bad, good] of cases) {
      const events = [added(bad), added(good), updated(bad, good), updated(good, bad), updated(good, good)];
      expect(events.map((event) => helps(plugin, pod, event))).toEqual([false, true, true, false, false]);
    }
  });

  it('NodePorts: the end of a pod with the port', () => {
    const web = (hostPort: number): PodInfo =>
      podOf({ containers: [{ name: 'c', ports: [{ containerPort: 80, hostPort }] }] });
    const asked = [web(80), web(81), podOf({})].map((pod) => helps(nodePorts(), web(80), removed(pod)));
    expect(asked).toEqual([true, false, false]);
  });

  it('VolumeBinding: claims and volumes, but no pods', () => {
    const plugin = volumeBinding();
    const changed = (resource: string): ClusterEvent => ({ kind: 'object-changed', resource });
    expect(helps(plugin, podOf({}), changed('persistentvolumes'))).toBe(true);
    expect(helps(plugin, podOf({}), changed('namespaces'))).toBe(false);
    expect(helps(plugin, podOf({}), removed(podOf({})))).toBe(false);
  });
});
