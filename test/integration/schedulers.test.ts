/** Every scheduler that comes with Timonel, and the examples: the same checks for all, and what the examples choose. */
import { expect, it } from '@jest/globals';
import type { AnyPlugin } from '@timonel/sdk';
import { scheduler } from '@timonel/sdk/contracts/scheduler';
import type { Node } from '@timonel/sdk/kube';
import { listSnapshot } from '@timonel/sdk/scheduling';
import schedulerBinpack from '@timonel/plugin-scheduler-binpack';
import schedulerDefault from '@timonel/plugin-scheduler-default';
import schedulerGang from '@timonel/plugin-scheduler-gang';
import schedulerSpread from '@timonel/plugin-scheduler-spread';
import { startTestKernel } from '@timonel/testkit';
import { aNode, aPod, chosen, schedulerContract } from '@timonel/testkit/contracts/scheduler';
import cheapest from '../../examples/plugins/scheduler-cheapest.ts';
import firstFit from '../../examples/plugins/scheduler-firstfit.ts';
import preferences from '../../examples/plugins/scheduler-preferences.ts';
import random from '../../examples/plugins/scheduler-random.ts';
import tenants from '../../examples/plugins/scheduling-tenants.ts';
import roundRobin from '../../examples/plugins/scheduler-roundrobin.ts';

const schedulers: readonly AnyPlugin[] = [
  schedulerDefault,
  schedulerBinpack,
  schedulerSpread,
  schedulerGang,
  cheapest,
  preferences,
  firstFit,
  roundRobin,
];

for (const definition of schedulers) schedulerContract(definition.name, { definition, source: 'built-in' });

it('plugins of the framework from another plugin: one tenant on a node, cool nodes first', async () => {
  const profiles = [{ plugins: [{ name: 'OneTenant' }, { name: 'CoolNodes', weight: 10 }] }];
  await using kernel = await startTestKernel({
    plugins: [schedulerDefault, tenants],
    config: { 'scheduler-default': { profiles } },
  });
  const degrees = (name: string, value: string): Node =>
    aNode(name, { labels: { 'node.timonel.dev/temperature': value } });
  const snapshot = listSnapshot([degrees('hot', '80'), degrees('cool', '20')]);
  const pods = ['red', 'red', 'blue', 'green'].map((tenant) => aPod({ labels: { tenant } }));
  const service = kernel.service(scheduler);
  const decisions = await service.decide(pods, snapshot);
  expect(decisions.map(chosen)).toEqual(['cool', 'cool', 'hot', 'unschedulable']);
  expect(decisions[3]).toMatchObject({
    rejections: [
      { plugin: 'OneTenant', code: 'one-tenant', reason: 'node(s) belonged to another tenant', nodeCount: 2 },
    ],
  });

  await kernel.control.disable('scheduling-tenants');
  const freely = await service.decide([pods[0], pods[2], pods[3]] as typeof pods, snapshot);
  expect(freely.map(({ outcome }) => outcome)).toEqual(['bind', 'bind', 'bind']);
});

it('scheduler-preferences puts what a pod prefers above what nodes prefer', async () => {
  const preference = { matchExpressions: [{ key: 'disk', operator: 'In', values: ['ssd'] }] };
  const preferred = [{ weight: 1, preference }];
  const affinity = { nodeAffinity: { preferredDuringSchedulingIgnoredDuringExecution: preferred } };
  const taints = [{ key: 'dear', value: 'x', effect: 'PreferNoSchedule' }];
  const nodes = [aNode('plain'), aNode('ssd', { labels: { disk: 'ssd' }, spec: { taints } })];
  const nodeFor = async (plugin: AnyPlugin): Promise<string> => {
    await using kernel = await startTestKernel({ plugins: [plugin] });
    const [decision] = await kernel.service(scheduler).decide([aPod({ spec: { affinity } })], listSnapshot(nodes));
    return chosen(decision);
  };
  expect([await nodeFor(schedulerDefault), await nodeFor(preferences)]).toEqual(['plain', 'ssd']);
});

it('scheduler-random takes any node with room, and none without', async () => {
  const nodes = [aNode('a', { cpu: '2' }), aNode('b', { cpu: '3' })];
  const names = await placements(random, nodes, 6);
  expect(names.toSorted()).toEqual(['a', 'a', 'b', 'b', 'b', 'unschedulable']);
  expect(names[5]).toBe('unschedulable');
});

/** Where pods of 1 cpu go. */
async function placements(plugin: AnyPlugin, nodes: readonly Node[], pods: number): Promise<string[]> {
  await using kernel = await startTestKernel({ plugins: [plugin] });
  const asked = Array.from({ length: pods }, () => aPod({ cpu: '1' }));
  return (await kernel.service(scheduler).decide(asked, listSnapshot(nodes))).map(chosen);
}

it('scheduler-cheapest takes the lowest price, and nodes without one last', async () => {
  const priced = (name: string, price?: string): Node =>
    aNode(name, { cpu: '2', labels: price === undefined ? {} : { 'node.timonel.dev/price': price } });
  const nodes = [
    priced('none'),
    priced('dear', '2.50'),
    priced('cheap', '0.08'),
    priced('odd', 'free'),
    priced('gift', '0'),
  ];
  const names = await placements(cheapest, nodes, 8);
  expect(names.slice(0, 6)).toEqual(['gift', 'gift', 'cheap', 'cheap', 'dear', 'dear']);
  expect(['none', 'odd']).toContain(names[6]);
});

it('scheduler-firstfit fills the nodes by name', async () => {
  const nodes = ['c', 'a', 'b'].map((name) => aNode(name, { cpu: '2' }));
  expect(await placements(firstFit, nodes, 5)).toEqual(['a', 'a', 'b', 'b', 'c']);
});

it('scheduler-roundrobin takes the nodes in turn', async () => {
  const nodes = ['a', 'b', 'c'].map((name) => aNode(name));
  expect(await placements(roundRobin, nodes, 7)).toEqual(['a', 'b', 'c', 'a', 'b', 'c', 'a']);
});
