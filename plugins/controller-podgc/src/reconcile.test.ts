import { describe, expect, it } from '@jest/globals';
import type { Node, Pod } from '@timonel/sdk/kube';
import fc from 'fast-check';
import { outOfServiceTaint, reconcile, surplusOf, type Observed } from './reconcile.ts';

const timestamp = '2026-01-01T01:00:00Z';

interface PodShape {
  readonly phase?: string;
  readonly node?: string;
  /** Grace period of a pod that is being deleted. */
  readonly deleting?: number;
  readonly created?: string;
  readonly reason?: string;
}

function podOf(
  name: string,
  { phase = 'Running', node = 'n', deleting, created = timestamp, reason }: PodShape = {},
): Pod {
  return {
    metadata: {
      name,
      namespace: 'd',
      uid: `uid-${name}`,
      creationTimestamp: created,
      ...(deleting === undefined ? {} : { deletionTimestamp: timestamp, deletionGracePeriodSeconds: deleting }),
    },
    spec: { containers: [], ...(node === '' ? {} : { nodeName: node }) },
    status: { phase, ...(reason === undefined ? {} : { reason }) },
  };
}

function nodeOf(outOfService: boolean, ready: boolean): Node {
  return {
    metadata: { name: 'n' },
    spec: outOfService ? { taints: [{ key: outOfServiceTaint, value: 'nodeshutdown', effect: 'NoExecute' }] } : {},
    status: { conditions: [{ type: 'Ready', status: ready ? 'True' : 'Unknown' }] },
  };
}

function observed(pods: readonly Pod[], more: Partial<Observed> = {}): Observed {
  return { subject: undefined, nowMs: 0, timestamp, pods, surplus: [], orphaned: undefined, ...more };
}

const brief = (state: Observed): string[] =>
  reconcile(state).actions.map((action) => `${action.do} ${'object' in action ? action.object.metadata.name : ''}`);

describe('reconcile', () => {
  it('removes the pods of a node that is gone for good, and says that it was not their fault', () => {
    const pods = [podOf('runs'), podOf('ended', { phase: 'Succeeded' }), podOf('going', { deleting: 30 })];
    const state = observed(pods, { orphaned: { certain: true } });
    expect(brief(state)).toEqual(['patch runs', 'patch going', 'delete runs', 'delete ended', 'delete going']);
    expect(reconcile(state).actions[0]).toMatchObject({
      patch: {
        body: {
          metadata: { uid: 'uid-runs' },
          status: { phase: 'Failed', conditions: [{ type: 'DisruptionTarget', reason: 'DeletionByPodGC' }] },
        },
      },
    });
    expect(reconcile(state).actions.at(-1)).toMatchObject({ options: { gracePeriodSeconds: 0 } });
  });

  it('waits while a node may come back', () => {
    const state = observed([podOf('runs')], { orphaned: { certain: false, waitMs: 5000 } });
    expect(reconcile(state)).toEqual({ actions: [], requeueAfterMs: 5000 });
  });

  it.each<[string, boolean, boolean, string[]]>([
    ['out of service and not ready', true, false, ['patch going', 'delete going']],
    ['out of service and ready', true, true, []],
    ['not ready', false, false, []],
  ])('of a node that is %s', (_what, outOfService, ready, actions) => {
    const pods = [podOf('stays'), podOf('going', { deleting: 30 })];
    expect(brief(observed(pods, { subject: nodeOf(outOfService, ready) }))).toEqual(actions);
  });

  it('removes pods that are being deleted and were never bound', () => {
    const pods = [podOf('waits', { node: '' }), podOf('going', { node: '', deleting: 30, phase: 'Pending' })];
    expect(brief(observed(pods))).toEqual(['patch going', 'delete going']);
  });

  it('leaves a pod alone that nothing but a finalizer keeps', () => {
    const pods = [podOf('held', { deleting: 0 })];
    expect(brief(observed(pods, { orphaned: { certain: true } }))).toEqual([]);
  });

  it('bounds one pass', () => {
    const pods = Array.from({ length: 501 }, (_, n) => podOf(`p${n}`, { phase: 'Failed' }));
    const { actions, requeueAfterMs } = reconcile(observed(pods, { orphaned: { certain: true } }));
    expect([actions.length, requeueAfterMs]).toEqual([500, 1]);
  });
});

describe('surplusOf', () => {
  const names = (pods: readonly Pod[], limit: number): unknown[] =>
    surplusOf(pods, limit).map(({ metadata }) => metadata.name);
  const ended = [
    podOf('young', { phase: 'Failed', created: '2026-01-01T00:02:00Z' }),
    podOf('old', { phase: 'Succeeded', created: '2026-01-01T00:01:00Z' }),
    podOf('evicted', { phase: 'Failed', reason: 'Evicted', created: '2026-01-01T00:03:00Z' }),
  ];

  it('takes evicted pods first, then the oldest', () => {
    expect(names(ended, 3)).toEqual([]);
    expect(names(ended, 2)).toEqual(['evicted']);
    expect(names(ended, 1)).toEqual(['evicted', 'old']);
    expect(names(ended, 0)).toEqual([]);
  });
});

describe('properties', () => {
  const shape = fc.record({
    phase: fc.constantFrom('Pending', 'Running', 'Succeeded', 'Failed'),
    node: fc.constantFrom('', 'n'),
    deleting: fc.constantFrom(undefined, 0, 30),
  });

  it('after one pass nothing is left to do, and no pod that somebody else ends is touched', () => {
    fc.assert(
      fc.property(
        fc.array(shape, { maxLength: 8 }),
        fc.constantFrom<Partial<Observed>>(
          { orphaned: { certain: true } },
          { subject: nodeOf(true, false) },
          { subject: nodeOf(false, true) },
          {},
        ),
        fc.boolean(),
        (shapes, more, finalizers) => {
          const all = shapes.map(({ deleting, ...rest }, n) =>
            podOf(`p${n}`, { ...rest, ...(deleting === undefined ? {} : { deleting }) }),
          );
          const pods = all.filter(({ spec }) => (spec.nodeName ?? '') === ((more.orphaned ?? more.subject) ? 'n' : ''));
          const { actions } = reconcile(observed(pods, more));
          const deleted = actions.flatMap((action) => (action.do === 'delete' ? [action.object.metadata.name] : []));
          for (const { metadata } of pods) {
            const going = metadata.deletionTimestamp !== undefined;
            const abandoned = more.orphaned !== undefined || (going && (more.subject === undefined || isOut(more)));
            const expected = abandoned && metadata.deletionGracePeriodSeconds !== 0;
            expect(deleted.includes(metadata.name)).toBe(expected);
          }
          const left = finalizers
            ? pods.map((pod) =>
                deleted.includes(pod.metadata.name)
                  ? {
                      ...pod,
                      metadata: { ...pod.metadata, deletionTimestamp: timestamp, deletionGracePeriodSeconds: 0 },
                    }
                  : pod,
              )
            : pods.filter(({ metadata }) => !deleted.includes(metadata.name));
          expect(reconcile(observed(left, more)).actions).toEqual([]);
        },
      ),
    );
  });
});

function isOut({ subject }: Partial<Observed>): boolean {
  return subject?.spec.taints !== undefined;
}
