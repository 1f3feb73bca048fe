import { describe, expect, it } from '@jest/globals';
import type { PodInfo } from '@timonel/sdk/contracts/scheduler';
import { ClusterState } from './cluster-state.ts';
import { Nominations } from './nominations.ts';
import { aNode, aPodInfo, noObjects } from '../testing/stand-ins.ts';

const at = (name: string, priority: number): PodInfo => aPodInfo(name, { priority });
const nominatedTo = (state: ClusterState, node: string): string[] =>
  state.row(node)?.nominated.map(({ name }) => name) ?? [];

function prepared(): { state: ClusterState; nominations: Nominations } {
  const state = new ClusterState(noObjects);
  for (const name of ['a', 'b']) state.setNode(aNode(name));
  return { state, nominations: new Nominations(state) };
}

describe('nominations', () => {
  it('stand in the row of their node, beside its pods, and end without a trace', () => {
    const { state, nominations } = prepared();
    state.place(at('placed', 0), 'a');
    nominations.set(at('p', 5), 'a');
    expect(nominatedTo(state, 'a')).toEqual(['p']);
    expect(state.row('a')?.pods.map(({ name }) => name)).toEqual(['placed']);
    const { generation } = state;
    nominations.set(at('p', 5), 'a');
    expect(state.generation).toBe(generation);
    expect(nominations.delete('uid-p')).toBe('a');
    expect(nominatedTo(state, 'a')).toEqual([]);
    expect(state.changedSince(generation)).toEqual([0]);
    expect(nominations.delete('uid-p')).toBeUndefined();
    expect(nominations.size).toBe(0);
  });

  it('move with the pod, and are known by node and priority', () => {
    const { state, nominations } = prepared();
    nominations.set(at('p', 5), 'a');
    nominations.set(at('p', 5), 'b');
    nominations.set(at('q', 9), 'b');
    expect(nominatedTo(state, 'a')).toEqual([]);
    expect(nominatedTo(state, 'b')).toEqual(['p', 'q']);
    expect(nominations.nodeOf('uid-p')).toBe('b');
    expect(nominations.below(9, 'b').map(({ name }) => name)).toEqual(['p']);
  });

  it('of a node that is not known are of no effect until it comes', () => {
    const { state, nominations } = prepared();
    nominations.set(at('p', 5), 'nowhere');
    state.removeNode('a');
    expect(state.rows.every(({ nominated }) => nominated.length === 0)).toBe(true);
    state.setNode(aNode('nowhere'));
    nominations.nodeCame('nowhere');
    expect(nominatedTo(state, 'nowhere')).toEqual(['p']);
    expect(nominations.delete('uid-p')).toBe('nowhere');
  });
});
