import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { NodeRow } from '@timonel/sdk/contracts/scheduler';
import { ClusterState } from './cluster-state.ts';
import { aNode, aPodInfo, noObjects } from '../testing/stand-ins.ts';

const podsOn = (state: ClusterState, node: string): string[] | undefined =>
  state
    .row(node)
    ?.pods.map(({ name }) => name)
    .sort();

describe('the state of the cluster', () => {
  it('keeps pods of unknown nodes aside until the node comes, and again when it goes', () => {
    const state = new ClusterState(noObjects);
    state.place(aPodInfo('p'), 'a');
    state.place(aPodInfo('q'), 'a');
    state.remove('uid-q');
    expect(state.rows).toEqual([]);
    state.setNode(aNode('a'));
    expect(podsOn(state, 'a')).toEqual(['p']);
    state.removeNode('a');
    expect(state.nodeCount).toBe(0);
    expect(state.rows[0]).toMatchObject({ name: '', node: undefined, pods: [] });
    state.place(aPodInfo('r'), 'a');
    state.setNode(aNode('a'));
    expect(podsOn(state, 'a')).toEqual(['p', 'r']);
  });

  it('gives a node the same index as long as it exists, and its place to another one afterwards', () => {
    const state = new ClusterState(noObjects);
    for (const name of ['a', 'b', 'c']) state.setNode(aNode(name));
    state.removeNode('b');
    expect(state.rows.map(({ name }) => name)).toEqual(['a', '', 'c']);
    state.setNode(aNode('d'));
    expect(state.rows.map(({ name }) => name)).toEqual(['a', 'd', 'c']);
  });

  it('never changes a row that somebody has', () => {
    const state = new ClusterState(noObjects);
    state.setNode(aNode('a'));
    const before = state.row('a');
    state.place(aPodInfo('p'), 'a');
    expect(before?.pods).toEqual([]);
    expect(state.row('a')).not.toBe(before);
  });

  it('leaves rows alone when a heartbeat or a condition of a pod comes, and says which parts of a node changed', () => {
    const state = new ClusterState(noObjects);
    const ready = (lastHeartbeatTime: string, status: 'True' | 'False' = 'True') => ({
      allocatable: { cpu: '1' },
      conditions: [{ type: 'Ready', status, lastHeartbeatTime }],
    });
    state.setNode(aNode('a', { status: ready('1') }));
    const pod = aPodInfo('p');
    state.place(pod, 'a');
    const { generation } = state;
    expect(state.setNode(aNode('a', { status: ready('2') }))).toMatchObject({ what: 'updated', parts: [] });
    state.place({ ...pod, pod: { ...pod.pod, status: { conditions: [{ type: 'Ready', status: 'True' }] } } }, 'a');
    expect(state.generation).toBe(generation);
    const changed = aNode('a', { status: ready('2', 'False'), spec: { unschedulable: true } });
    expect(state.setNode(changed)).toMatchObject({ parts: ['unschedulable', 'conditions'] });
    expect(state.row('a')?.node).toBe(changed);
    const going = { ...pod.pod, metadata: { ...pod.pod.metadata, deletionTimestamp: '2026-01-01T00:00:00Z' } };
    state.place({ ...pod, pod: going }, 'a');
    expect(state.row('a')?.pods[0]?.pod).toBe(going);
  });

  it('does not know what changed too long ago, or in another state', () => {
    const state = new ClusterState(noObjects, 4);
    for (let index = 0; index < 5; index++) state.setNode(aNode(`n${index}`));
    expect(state.changedSince(0)).toBeUndefined();
    expect(state.changedSince(1)).toEqual([1, 2, 3, 4]);
    expect(state.changedSince(5)).toEqual([]);
    expect(state.changedSince(6)).toBeUndefined();
    expect(state.changedSince(Number.NaN)).toBeUndefined();
  });

  it('shows in its rows, and to who follows its changes, what a model holds', () => {
    const name = fc.constantFrom('a', 'b', 'c', 'd');
    const uid = fc.integer({ min: 0, max: 9 });
    const step = fc.oneof(
      fc.record({ do: fc.constantFrom('node' as const, 'no-node' as const, 'follow' as const), name }),
      fc.record({ do: fc.constantFrom('place' as const, 'remove' as const), name, uid }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60, size: 'max' }), (steps) => {
        const state = new ClusterState(noObjects, 16);
        const nodes = new Set<string>();
        const homes = new Map<string, string>();
        let mirror: NodeRow[] = [];
        let seen = 0;
        for (const next of steps) {
          if (next.do === 'node') {
            nodes.add(next.name);
            state.setNode(aNode(next.name));
          } else if (next.do === 'no-node') {
            nodes.delete(next.name);
            state.removeNode(next.name);
          } else if (next.do === 'place') {
            homes.set(`p${next.uid}`, next.name);
            state.place(aPodInfo(`p${next.uid}`), next.name);
          } else if (next.do === 'remove') {
            homes.delete(`p${next.uid}`);
            state.remove(`uid-p${next.uid}`);
          } else {
            const changed = state.changedSince(seen);
            if (changed === undefined) mirror = [...state.rows];
            for (const index of changed ?? []) {
              const row = state.rows[index];
              if (row !== undefined) mirror[index] = row;
            }
            expect(new Set(changed).size).toBe(changed?.length ?? 0);
            expect(mirror).toEqual(state.rows);
            seen = state.generation;
          }
          // Between two looks there may be many changes.
          if (next.do !== 'follow') continue;
          for (const node of nodes) {
            const expected = [...homes].flatMap(([pod, home]) => (home === node ? pod : [])).sort();
            expect(podsOn(state, node)).toEqual(expected);
          }
          expect(state.rows.filter(({ node }) => node !== undefined)).toHaveLength(nodes.size);
        }
      }),
      { numRuns: 200 },
    );
  });
});
