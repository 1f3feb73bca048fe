import { describe, expect, it } from '@jest/globals';
import type { Reason } from '../../contracts/scheduler/index.ts';
import { listSnapshot } from '../list-snapshot.ts';
import { WorkingState } from '../working-state.ts';
import { nodeResourcesFit } from './node-resources-fit.ts';
import { perNodeFilter, perNodeScore } from './per-node.ts';
import { prioritySort } from './priority-sort.ts';
import { allNodes } from './row-facts.ts';
import { schedulingGates } from './scheduling-gates.ts';
import { nodeWith, podOf, refusals, requesting } from './testing/refusals.ts';

describe('functions of one node', () => {
  const nodes = [nodeWith('a', { labels: { price: '3' } }), nodeWith('b'), nodeWith('c', { labels: { price: '7' } })];
  const pods = { b: [requesting({ cpu: '1500m' }, 'q')] };

  it('refuse by text or reason, the same object for the same text', () => {
    const own: Reason = { code: 'mine', text: 'own reason', resolvable: false };
    const plugin = perNodeFilter('MyOwnRule', (_, node) => {
      if (node.labels['price'] === undefined) return own;
      return node.name === 'c' || node.free('cpu') === 4000 ? 'no price' : undefined;
    });
    expect(refusals(plugin, podOf({}), { nodes, pods })).toEqual([
      expect.objectContaining({ code: 'my-own-rule', text: 'no price', resolvable: true, nodes: ['a', 'c'] }),
      expect.objectContaining({ code: 'mine', resolvable: false, nodes: ['b'] }),
    ]);
  });

  it('score, and see pods and resources of the node', () => {
    const view = new WorkingState();
    view.sync(listSnapshot(nodes, (name) => (name === 'b' ? pods.b : [])));
    const plugin = perNodeScore('Free', (_, node) => node.free('cpu') / 100 + node.pods.length, {
      weight: 2,
      normalize: 'max',
    });
    const scores = new Float64Array(3);
    plugin.score?.(podOf({}), allNodes(view), scores, undefined);
    expect([...scores]).toEqual([40, 26, 40]);
    expect(plugin).toMatchObject({ weight: 2, normalize: 'max', scoreScope: 'row' });
  });
});

describe('rules of the queue', () => {
  it('hold pods with gates back and name the gates', () => {
    const plugin = schedulingGates();
    expect(plugin.preEnqueue?.(podOf({ schedulingGates: [{ name: 'a' }, { name: 'b' }] }))).toEqual({
      code: 'pending',
      reasonCode: 'scheduling-gates',
      reason: 'waiting for scheduling gates: [a b]',
    });
    expect(plugin.preEnqueue?.(podOf({}))).toEqual({ code: 'success' });
  });

  it('put the highest priority first, and of equal ones the first that came', () => {
    const queued = [0, 5, 0, 5].map((priority, sequence) => ({ pod: podOf({ priority }), sequence, attempts: 0 }));
    const sorted = queued.toSorted((a, b) => prioritySort().queueSort?.(a, b) ?? 0);
    expect(sorted.map(({ sequence }) => sequence)).toEqual([1, 3, 0, 2]);
  });
});

describe('configuration of NodeResourcesFit', () => {
  it.each([
    [{ type: 'Best' }, 'scoring strategy "Best" is unknown'],
    [{ resources: [{ name: 'cpu', weight: 0 }] }, 'resource "cpu" has the weight 0: it must be 1 … 100'],
    [{ type: 'RequestedToCapacityRatio' }, 'RequestedToCapacityRatio needs a shape of at least one point'],
    [
      {
        type: 'RequestedToCapacityRatio',
        requestedToCapacityRatio: {
          shape: [
            { utilization: 50, score: 1 },
            { utilization: 40, score: 1 },
          ],
        },
      },
      'utilization of a shape must rise within 0 … 100',
    ],
    [
      { type: 'RequestedToCapacityRatio', requestedToCapacityRatio: { shape: [{ utilization: 50, score: 11 }] } },
      'scores of a shape must be 0 … 10',
    ],
  ])('refuses %j', (scoringStrategy, message) => {
    expect(() => nodeResourcesFit({ scoringStrategy: scoringStrategy as never })).toThrow(message);
  });
});
