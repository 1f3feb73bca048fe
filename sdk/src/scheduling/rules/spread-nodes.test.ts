import { describe, expect, it } from '@jest/globals';
import { listSnapshot } from '../list-snapshot.ts';
import { PodClasses } from '../pod-class.ts';
import { WorkingState } from '../working-state.ts';
import { SpreadNodeSets } from './spread-nodes.ts';
import { labelledNode, zoneLabel } from './testing/small-cluster.ts';

const classes = new PodClasses();
const podOf = (name: string, nodeSelector: Record<string, string>) => {
  const constraint = { topologyKey: zoneLabel, maxSkew: 1, whenUnsatisfiable: 'DoNotSchedule', labelSelector: {} };
  const spec = { containers: [], nodeSelector, topologySpreadConstraints: [constraint] };
  const made = classes.infoOf({ metadata: { name, namespace: 'x', uid: name, labels: { name } }, spec });
  return { pod: made.class, constraint: made.class.spread[0] };
};

function ask(sets: SpreadNodeSets, view: WorkingState, { pod, constraint }: ReturnType<typeof podOf>) {
  if (constraint === undefined) throw new Error('the pod has a constraint');
  return sets.of(view, pod, [zoneLabel], constraint);
}

describe('SpreadNodeSets', () => {
  const nodes = (...disks: string[]) =>
    disks.map((disk, at) => labelledNode(`n${at}`, { [zoneLabel]: 'a', ...(disk && { disk }) }));

  it('follows nodes, and knows when all of them count', () => {
    const view = new WorkingState();
    const sets = new SpreadNodeSets();
    const pod = podOf('p', { disk: 'ssd' });
    const looks = [nodes('ssd', 'ssd'), nodes('ssd', ''), nodes('ssd', 'ssd', ''), nodes('ssd', 'ssd')].map((list) => {
      view.sync(listSnapshot(list));
      const { isEverywhere, isCounted } = ask(sets, view, pod);
      return [isEverywhere, ...isCounted.subarray(0, view.size)];
    });
    expect(looks).toEqual([
      [true, 1, 1],
      [false, 1, 0],
      [false, 1, 1, 0],
      [true, 1, 1, 0],
    ]);
  });

  it('is the same for pods that ask for the same nodes', () => {
    const view = new WorkingState();
    const sets = new SpreadNodeSets();
    view.sync(listSnapshot(nodes('ssd')));
    const one = ask(sets, view, podOf('p', { disk: 'ssd' }));
    expect(ask(sets, view, podOf('q', { disk: 'ssd' }))).toBe(one);
    expect(ask(sets, view, podOf('r', {}))).not.toBe(one);
    expect(ask(sets, new WorkingState(), podOf('s', { disk: 'ssd' }))).not.toBe(one);
  });
});
