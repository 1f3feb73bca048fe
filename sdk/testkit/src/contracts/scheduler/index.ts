/** What every scheduler does, however it chooses among the nodes that can take a pod. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { PluginEntry } from '@timonel/core';
import type { Node } from '@timonel/sdk/kube';
import { scheduler, type Decision, type PodInfo, type Scheduler } from '@timonel/sdk/contracts/scheduler';
import { listSnapshot } from '@timonel/sdk/scheduling';
import { startTestKernel, type TestKernel } from '../../test-kernel.ts';
import { ruleCases, sceneOf } from './rules.ts';
import { aMember, aNode, aPod } from './sketches.ts';

export { aMember, aNode, aPod, type NodeSketch, type PodSketch } from './sketches.ts';

/** The node that was chosen, or the outcome. */
export const chosen = (decision: Decision | undefined): string =>
  decision?.outcome === 'bind' ? decision.nodeName : (decision?.outcome ?? 'no decision');

/** `entry`: the plugin that provides the scheduler. */
export function schedulerContract(name: string, entry: PluginEntry): void {
  describe(`scheduler contract: ${name}`, () => {
    let kernel: TestKernel;
    let service: Scheduler;
    beforeAll(async () => {
      kernel = await startTestKernel({ plugins: [entry] });
      service = kernel.service(scheduler);
    });
    afterAll(() => kernel?.stop());

    const decide = (
      pods: readonly PodInfo[],
      nodes: readonly Node[],
      placed: ReadonlyMap<string, readonly PodInfo[]> = new Map(),
    ): Promise<readonly Decision[]> =>
      service.decide(
        pods,
        listSnapshot(nodes, (node) => placed.get(node) ?? []),
      );

    describe.each(ruleCases)('keeps the rule: $rule', (rule) => {
      it('takes the node that can', async () => {
        const { nodes, placed, pod } = sceneOf(rule);
        for (const order of [nodes, nodes.toReversed()]) {
          const [decision] = await decide([pod], order, placed);
          expect(decision).toMatchObject({ podUid: pod.uid, outcome: 'bind', nodeName: 'good', feasibleNodes: 1 });
        }
      });

      it('says why the other cannot', async () => {
        const { nodes, placed, pod } = sceneOf(rule);
        const bad = nodes.slice(0, 1);
        // A lone node is no topology to spread over, but a full one.
        const alone = rule.rule === 'topology spread' ? nodes.map((node) => cordonedUnless('bad', node)) : bad;
        const [decision] = await decide([pod], alone, placed);
        expect(decision).toMatchObject({
          podUid: pod.uid,
          outcome: 'unschedulable',
          rejections: expect.arrayContaining([expect.objectContaining({ plugin: rule.plugin, nodeCount: 1 })]),
        });
        const { feasibleNodes, rejections = [] } =
          (await service.explain?.(
            pod,
            listSnapshot(alone, (node) => placed.get(node) ?? []),
          )) ?? {};
        expect({ feasibleNodes, by: rejections.map(({ plugin }) => plugin) }).toEqual({
          feasibleNodes: 0,
          by: expect.arrayContaining([rule.plugin]),
        });
      });
    });

    it('fills equal nodes to the last place, and no further', async () => {
      const nodes = ['a', 'b', 'c'].map((node) => aNode(node, { cpu: '4' }));
      const pods = Array.from({ length: 13 }, () => aPod({ cpu: '1' }));
      const decisions = await decide(pods, nodes);
      expect(decisions.map(({ podUid }) => podUid)).toEqual(pods.map(({ uid }) => uid));
      const names = decisions.map(chosen);
      for (const node of ['a', 'b', 'c']) expect(names.filter((name) => name === node)).toHaveLength(4);
      expect(names.filter((name) => name === 'unschedulable')).toHaveLength(1);
    });

    it('decides anew from each snapshot: what was only decided is not there', async () => {
      const nodes = [aNode('a', { cpu: '1' })];
      for (let round = 0; round < 3; round += 1) {
        expect((await decide([aPod(), aPod()], nodes)).map(chosen)).toEqual(['a', 'unschedulable']);
      }
      expect(await decide([], nodes)).toEqual([]);
      expect((await decide([aPod()], [])).map(chosen)).toEqual(['unschedulable']);
    });

    it('places a group as a whole or not at all', async () => {
      const members = (group: string): PodInfo[] => Array.from({ length: 3 }, () => aMember(group, 3, { cpu: '2' }));
      const enough = await decide(members('x'), [aNode('a'), aNode('b', { cpu: '2' })]);
      expect(enough.map(chosen).toSorted()).toEqual(['a', 'a', 'b']);
      const tooFew = await decide([...members('y'), aPod({ cpu: '4' })], [aNode('a')]);
      expect(tooFew.map(chosen)).toEqual(['unschedulable', 'unschedulable', 'unschedulable', 'a']);
    });

    it('goes on with members of a group that is there already', async () => {
      const there = [aMember('z', 2, { cpu: '1' }), aMember('z', 2, { cpu: '1' })];
      const [decision] = await decide([aMember('z', 2, { cpu: '1' })], [aNode('a')], new Map([['a', there]]));
      expect(chosen(decision)).toBe('a');
    });

    it('takes pods of the default profile, and keeps gated ones out of the queue', () => {
      const { traits } = service;
      expect(traits?.profiles?.() ?? ['default-scheduler']).toContain('default-scheduler');
      const gated = aPod({ spec: { schedulingGates: [{ name: 'wait' }] } });
      const entering = traits?.preEnqueue?.(gated).code ?? 'pending';
      expect([entering, traits?.preEnqueue?.(aPod()).code ?? 'success']).toEqual(['pending', 'success']);
    });
  });
}

function cordonedUnless(name: string, node: Node): Node {
  return node.metadata.name === name ? node : { ...node, spec: { ...node.spec, unschedulable: true } };
}
