import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { NodeRow } from '@timonel/sdk/contracts/scheduler';
import { ClusterState } from '../state/cluster-state.ts';
import { aNode, aPodInfo, noObjects } from '../testing/stand-ins.ts';
import { ShadowSnapshot, SnapshotTap } from './shadow-snapshot.ts';

type Step =
  | { readonly kind: 'node' | 'node-gone' | 'pod' | 'pod-gone'; readonly at: number }
  | { readonly kind: 'look' | 'take' };

const at = fc.nat({ max: 5 });
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constantFrom('node', 'node-gone', 'pod', 'pod-gone'), at }) },
  { weight: 2, arbitrary: fc.constantFrom({ kind: 'look' as const }, { kind: 'take' as const }) },
);

/** Drives a cluster whose log is short, so that it is at times too long ago. */
function apply(state: ClusterState, { kind, ...more }: Step): void {
  const place = 'at' in more ? more.at : 0;
  if (kind === 'node') state.setNode(aNode(`n${place}`));
  else if (kind === 'node-gone') state.removeNode(`n${place}`);
  else if (kind === 'pod') state.place(aPodInfo(`p${place}`), `n${(place * 7) % 6}`);
  else if (kind === 'pod-gone') state.remove(`uid-p${place}`);
}

describe('snapshots of earlier moments', () => {
  it('are what was there at the last look, whatever happened since', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const state = new ClusterState(noObjects, 6);
        const tap = new SnapshotTap();
        const shown = new ShadowSnapshot();
        let atLook:
          | { readonly rows: readonly NodeRow[]; readonly generation: number; readonly nodes: number }
          | undefined;
        for (const each of steps) {
          apply(state, each);
          if (each.kind === 'look') {
            tap.look(state);
            atLook = { rows: [...state.rows], generation: state.generation, nodes: state.nodeCount };
          }
          if (each.kind !== 'take' || atLook === undefined) continue;
          const before = { rows: [...shown.rows], generation: shown.generation };
          shown.show(tap.take());
          expect(shown.rows).toHaveLength(atLook.rows.length);
          for (const [index, row] of atLook.rows.entries()) {
            expect(shown.rows[index]).toBe(row);
            if (row.node !== undefined) expect(shown.row(row.name)).toBe(row);
          }
          expect([shown.generation, shown.nodeCount]).toEqual([atLook.generation, atLook.nodes]);
          const changed = new Set(shown.changedSince(before.generation));
          for (const [index, row] of shown.rows.entries())
            expect(changed.has(index) || before.rows[index] === row).toBe(true);
        }
      }),
    );
  });

  it('do not know nodes that are gone', () => {
    const state = new ClusterState(noObjects);
    const tap = new SnapshotTap();
    const shown = new ShadowSnapshot();
    state.setNode(aNode('a'));
    tap.look(state);
    shown.show(tap.take());
    expect(shown.row('a')?.name).toBe('a');
    state.removeNode('a');
    state.setNode(aNode('b'));
    expect(shown.row('a')?.name).toBe('a');
    tap.look(state);
    shown.show(tap.take());
    expect([shown.row('a'), shown.row('b')?.name]).toEqual([undefined, 'b']);
  });
});
